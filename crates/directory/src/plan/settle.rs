//! Names that would be given twice are not given: whoever would get one that its holder keeps after all goes back.
//!
//! Invariant: after this, the drafts give every name once. Drafts come and stay in the order of their nodes.

use super::{
    Draft, Issue, NameTrouble, Reason,
    issue::issue,
    names::{self, holder_id},
};
use crate::{decisions::Node, derive::Derive, group::Group, user::User};

/// Whoever would get a name that its holder does not leave after all goes back to what is served; the issues say so,
/// and let them be looked at again.
pub(super) fn user_names(derive: &Derive<'_>, drafts: &mut [Draft<User>]) -> Vec<Issue> {
    settle_names(derive, drafts, (User::folded_name, |user| user.name().to_owned()))
}

/// The same for groups.
pub(super) fn group_names(derive: &Derive<'_>, drafts: &mut [Draft<Group>]) -> Vec<Issue> {
    settle_names(derive, drafts, (Group::folded_name, |group| group.name().to_string()))
}

fn settle_names<T>(
    derive: &Derive<'_>,
    drafts: &mut [Draft<T>],
    (folded, name): (impl Fn(&T) -> &str, impl Fn(&T) -> String),
) -> Vec<Issue> {
    let mut sent_back = Vec::new();
    // Taking one back may block the next in a chain, so go on until nothing moves.
    loop {
        let blocked: Vec<(usize, Node)> = drafts
            .iter()
            .enumerate()
            .filter_map(|(i, draft)| {
                let name = draft.after.as_deref().map(&folded)?;
                if draft.before.as_deref().map(&folded) == Some(name) {
                    return None;
                }
                let holder = names::served_holder(derive, draft.node, name)?;
                let stays = match drafts.binary_search_by_key(&holder, |draft| draft.node) {
                    Ok(i) => drafts[i].after.as_deref().map(&folded) == Some(name),
                    Err(_) => true,
                };
                (holder != draft.node && stays).then_some((i, holder))
            })
            .collect();
        if blocked.is_empty() {
            return sent_back;
        }
        for (i, holder) in blocked {
            let Draft { before, after, node, .. } = &mut drafts[i];
            let taken = after.as_deref().map(&name).zip(holder_id(derive, holder));
            let trouble = taken.map(|(name, holder)| NameTrouble::Taken { name, holder });
            sent_back.extend(trouble.and_then(|taken| issue(derive, *node, Reason::Name(taken))));
            after.clone_from(before);
        }
    }
}
