//! Who cannot be served as the provider and the rules would have it, outside of a run.

use std::{collections::BTreeSet, sync::Arc};

use directory::{lookalike::LookAlikes, mirror::Dirty, plan::Issue};

use super::{Planning, with_planning};
use crate::{
    app::App,
    task::keeper::{Keeper, Memory},
};

/// Who cannot be served, or not under the name that the rules make; planned anew while no run of this server has looked
/// at everybody, as after a start or while the directory is pinned.
///
/// # Errors
/// When the store cannot be read.
pub async fn issues(app: &App, keeper: &Keeper) -> anyhow::Result<Arc<Vec<Issue>>> {
    if let Some(known) = keeper.issues() {
        return Ok(known);
    }
    // A run is under way, and will say.
    if keeper.memory.try_lock().is_err() {
        return Ok(Arc::default());
    }
    let look = |_: &App, planning: &Planning, memory: &Memory| {
        let plan = planning.plan(memory, &Dirty::everything(), &BTreeSet::new());
        let known = LookAlikes::of(&planning.served);
        let open = (&plan.pending, plan.issues.iter());
        let alike = planning.alike(memory, (&known, &planning.served), open);
        let basis = planning.basis(memory);
        let unread = memory.unreadable_issues(&basis);
        Ok(plan.issues.into_iter().chain(alike).chain(unread).collect())
    };
    let issues = Arc::new(with_planning(app, keeper, look).await?);
    keeper
        .issues
        .send_if_modified(|known| known.is_none() && known.replace(Arc::clone(&issues)).is_none());
    Ok(issues)
}
