//! What planning needs beside the memory: rules, window and what is served.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context as _;
use directory::{
    decisions::Node,
    derive::Basis,
    id::{DAY_MS, DirectoryId, Millis},
    lookalike::LookAlikes,
    mirror::Dirty,
    observation::ATTRIBUTES_VERSION,
    plan::{self, Discarded, Issue, Plan, Reason, WaitingTakeOver, guard::Window},
    preview::{self, Preview},
    report::GuardKind,
    rules::compiled::Compiled,
    snapshot::Directory,
};

use store::Pin;

use crate::{
    app::App,
    task::{keeper::Memory, take_over},
};

/// What planning needs from store and snapshot.
pub(super) struct Planning {
    pub(super) rules: Arc<Compiled>,
    window: Window,
    pub(super) served: Arc<Directory>,
    pub(super) served_once: bool,
    /// Where the directory was put back to, if it stays there.
    pub(super) pin: Option<Pin>,
    empty_read: bool,
    /// Accounts that leavers of other directories hide.
    take_overs: Arc<[WaitingTakeOver]>,
    now: Millis,
}

impl Planning {
    pub(super) fn of(
        app: &App,
        id: DirectoryId,
        (memory, now): (&mut Memory, Millis),
    ) -> anyhow::Result<Self> {
        let row = app.store.connection(id)?.context("the directory was removed")?;
        // Compiled once for each version of the rules.
        let rules = match memory.rules.take() {
            Some(rules) if *rules.rules() == row.rules => rules,
            _ => Arc::new(Compiled::new(row.rules)?),
        };
        memory.rules = Some(Arc::clone(&rules));
        let served = app.served(id).unwrap_or_default();
        let runs = app.store.run_window(id, now.plus(-DAY_MS))?;
        let size = runs.first_size.unwrap_or(runs.size_then);
        let take_overs = take_over::waiting(&app.store, &app.published.load(), id)?.into();
        let window = Window { applied: runs.applied, size };
        Ok(Self {
            rules,
            window,
            served,
            served_once: row.served_once,
            pin: row.pin,
            empty_read: false,
            take_overs,
            now,
        })
    }

    pub(super) fn with(&self, empty_read: bool) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            window: self.window,
            served: Arc::clone(&self.served),
            served_once: self.served_once,
            pin: self.pin.clone(),
            empty_read,
            take_overs: Arc::clone(&self.take_overs),
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

    /// The way back to an earlier state (DESIGN.md 10.12).
    pub(super) fn back_to(&self, target: &Directory, memory: &Memory) -> Plan {
        plan::pin::pin(&self.served, target, &memory.decisions, self.now)
    }

    /// What the next run would do, or what other rules would.
    pub(super) fn foretell(&self, memory: &Memory, rules: Option<&Compiled>) -> Preview {
        let lifted = BTreeSet::new();
        let context = plan::Context {
            now: self.now,
            window: &self.window,
            lifted: &lifted,
            empty_read: memory.empty_read,
            take_overs: &self.take_overs,
        };
        let basis = self.basis(memory);
        let preview = match rules {
            Some(rules) => preview::of_rules(&basis, rules, &context),
            None => preview::of_run(&basis, &context),
        };
        preview.with_pending(rules.unwrap_or(&self.rules), ATTRIBUTES_VERSION)
    }

    /// What would become of discarded objects without these discards, or without any.
    pub(super) fn discarded(
        &self,
        memory: &Memory,
        chosen: Option<&BTreeSet<Node>>,
    ) -> Vec<Discarded> {
        let lifted = BTreeSet::new();
        let context = plan::Context {
            now: self.now,
            window: &self.window,
            lifted: &lifted,
            empty_read: memory.empty_read,
            take_overs: &self.take_overs,
        };
        plan::discarded(&self.basis(memory), &context, chosen)
    }

    /// Names that look alike, served ones and those that are claimed and not served: by whom waits, or because somebody
    /// else has the name.
    pub(super) fn alike<'a>(
        &self,
        memory: &Memory,
        (known, served): (&LookAlikes, &Directory),
        (pending, issues): (&BTreeSet<Node>, impl Iterator<Item = &'a Issue>),
    ) -> Vec<Issue> {
        let without = issues.filter(|issue| matches!(issue.reason, Reason::Name(_)));
        let claimants = pending.iter().copied().chain(without.map(|issue| issue.node)).collect();
        let mut alike = known.issues(served);
        alike.extend(known.claimed(&self.basis(memory), served, &claimants));
        alike
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
            take_overs: &self.take_overs,
        };
        plan::plan(&self.basis(memory), dirty, &context)
    }
}
