//! What planning needs beside the memory: rules, window and what is served.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context as _;
use directory::{
    derive::Basis,
    id::{DAY_MS, DirectoryId, Millis},
    mirror::Dirty,
    plan::{self, Plan, guard::Window},
    report::GuardKind,
    rules::Rules,
    snapshot::Directory,
};

use store::Pin;

use crate::{app::App, task::keeper::Memory};

/// What planning needs from store and snapshot.
pub(super) struct Planning {
    pub(super) rules: Rules,
    window: Window,
    pub(super) served: Arc<Directory>,
    pub(super) served_once: bool,
    /// Where the directory was put back to, if it stays there.
    pub(super) pin: Option<Pin>,
    empty_read: bool,
    now: Millis,
}

impl Planning {
    pub(super) fn of(app: &App, id: DirectoryId, now: Millis) -> anyhow::Result<Self> {
        let row = app.store.connection(id)?.context("the directory was removed")?;
        let served = app.served(id).unwrap_or_default();
        let runs = app.store.run_window(id, now.plus(-DAY_MS))?;
        let size = runs.first_size.unwrap_or(runs.size_then);
        let window = Window { applied: runs.applied, size };
        Ok(Self {
            rules: row.rules,
            window,
            served,
            served_once: row.served_once,
            pin: row.pin,
            empty_read: false,
            now,
        })
    }

    pub(super) fn with(&self, empty_read: bool) -> Self {
        Self {
            rules: self.rules.clone(),
            window: self.window,
            served: Arc::clone(&self.served),
            served_once: self.served_once,
            pin: self.pin.clone(),
            empty_read,
            now: self.now,
        }
    }

    pub(super) fn basis<'a>(&'a self, memory: &'a Memory) -> Basis<'a> {
        Basis {
            mirror: &memory.mirror,
            rules: &self.rules,
            decisions: &memory.decisions,
            served: &self.served,
            observed: memory.observed,
        }
    }

    pub(super) fn plan(
        &self,
        memory: &Memory,
        dirty: &Dirty,
        lifted: &BTreeSet<GuardKind>,
    ) -> Plan {
        let context = plan::Context {
            now: self.now,
            window: &self.window,
            lifted,
            empty_read: self.empty_read,
        };
        plan::plan(&self.basis(memory), dirty, &context)
    }
}
