//! The one door: everything that changes a directory goes through [`commit`] (DESIGN.md 10.11).
//!
//! Invariants: mirror, directory, change log, decisions, cursor and report move in one transaction; the
//! mirror and the cursor always move, holding stops only the step from wanted to served; a run that finds
//! nothing new writes nothing but its report and cursor.

mod ask;
mod planning;
pub mod what_if;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context as _;
use connect::Connector;
use directory::{
    decisions::{DecisionsChange, Digest, Node},
    derive::Basis,
    id::{DAY_MS, Millis},
    mirror::{Dirty, Merged},
    observation::{Listing, Observation},
    plan::{self, Plan},
    report::{GuardKind, HeldKind, Outcome, RunKind, RunReport},
};
use store::RunCommit;

use self::planning::Planning;
use crate::{
    app::App,
    task::{
        Phase,
        keeper::{Keeper, Memory},
    },
};

/// Objects and memberships that are asked for by id in one run (DESIGN.md invariant 7).
pub const QUESTIONS_MAX: usize = 500;
/// Names shown for a kind that is held.
const SAMPLE_MAX: usize = 5;
/// How long a record is remembered after its removal.
const REMEMBERED_MS: i64 = 30 * DAY_MS;

/// What a commit acts on.
#[derive(Debug)]
pub enum Step {
    /// The provider was read.
    Observed(Box<Observed>),
    /// Nothing was read: rules changed, a grace period ended, or an administrator decided.
    Decision(Decision),
}

/// A completed read.
#[derive(Debug)]
pub struct Observed {
    /// What it said.
    pub observation: Observation,
    /// Whether everything was read.
    pub kind: RunKind,
    /// When the read began.
    pub started: Millis,
    /// Whom to ask about what a listing lacks.
    pub connector: Arc<Connector>,
}

/// What an administrator decided.
#[derive(Debug, Default)]
pub struct Decision {
    /// Lets what is held pass.
    pub approve: Option<Choice>,
    /// Keeps what is held as it is served until the provider says something new.
    pub discard: Option<Choice>,
}

/// What of a held plan is meant.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The digest of what the administrator saw: of the whole plan, or of the one kind.
    pub digest: Digest,
    /// The one kind; otherwise all of it.
    pub kind: Option<GuardKind>,
}

/// A decision that does not fit what is held now.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// Nothing is held, or not that.
    #[error("nothing of that kind is held; look again with `muster directory preview`")]
    NothingHeld,
    /// Something else is held than what was seen.
    #[error(
        "what is held has changed since {0} was shown; look again with `muster directory preview`"
    )]
    Changed(String),
    /// Only the provider can clear it up.
    #[error(
        "{0} cannot be approved: only the provider's own answer can release it; it is asked again at each run"
    )]
    NotApprovable(&'static str),
}

/// Commits a step and waits until the directory is served; gives the report.
///
/// # Errors
/// When the store cannot be read or written, or a decision does not fit; nothing is changed then.
pub async fn commit(app: &App, keeper: &Keeper, step: Step) -> anyhow::Result<RunReport> {
    let mut slot = keeper.memory.lock().await;
    let memory = match slot.take() {
        Some(memory) => memory,
        None => load(app, keeper).await?,
    };
    let mut run = Run::begin(app, keeper, memory, step).await?;
    keeper.status.send_modify(|status| status.phase = Phase::Confirming);
    run.ask().await;
    keeper.status.send_modify(|status| status.phase = Phase::Committing);
    let (app_, id) = (app.clone(), keeper.id);
    let done = tokio::task::spawn_blocking(move || run.finish(&app_, id))
        .await
        .context("planning panicked")?;
    let (memory, report, decided) = match done {
        Ok(done) => done,
        Err(error) => return Err(error),
    };
    keeper.issues.send_replace(Arc::new(memory.issues.values().flatten().cloned().collect()));
    *slot = Some(memory);
    decided?;
    keeper.status.send_modify(|status| status.phase = Phase::Publishing);
    // Still under the lock: whoever plans next must plan from what is served now.
    app.published_up_to_date().await;
    drop(slot);
    app.alerts.look();
    Ok(report)
}

/// What waits and what would flow, planned from what is known and not applied.
///
/// # Errors
/// When the store cannot be read.
pub async fn preview(app: &App, keeper: &Keeper) -> anyhow::Result<Plan> {
    let mut slot = keeper.memory.lock().await;
    let memory = match slot.take() {
        Some(memory) => memory,
        None => load(app, keeper).await?,
    };
    let (app_, id) = (app.clone(), keeper.id);
    let planned = tokio::task::spawn_blocking(move || {
        let plan = Planning::of(&app_, id, app_.clock.now())?.plan(
            &memory,
            &Dirty::everything(),
            &BTreeSet::new(),
        );
        anyhow::Ok((memory, plan))
    });
    let (memory, plan) = planned.await.context("planning panicked")??;
    *slot = Some(memory);
    Ok(plan)
}

/// Looks at the memory of a directory, loading it if need be.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn with_basis<T>(
    app: &App,
    keeper: &Keeper,
    look: impl FnOnce(&Basis<'_>) -> T,
) -> anyhow::Result<T> {
    let mut slot = keeper.memory.lock().await;
    let memory = match slot.take() {
        Some(memory) => memory,
        None => load(app, keeper).await?,
    };
    let planning = Planning::of(app, keeper.id, app.clock.now())?;
    let seen = look(&planning.basis(&memory));
    *slot = Some(memory);
    Ok(seen)
}

async fn load(app: &App, keeper: &Keeper) -> anyhow::Result<Memory> {
    let (store, id) = (app.store.clone(), keeper.id);
    let loading = tokio::task::spawn_blocking(move || {
        let observed = store.connection(id)?.and_then(|row| row.last_read).unwrap_or_default();
        anyhow::Ok(Memory {
            mirror: store.load_mirror(id)?,
            decisions: store.load_decisions(id)?,
            observed,
            ..Memory::default()
        })
    });
    loading.await.context("loading the mirror panicked")?
}

/// One run between merging and writing.
struct Run {
    memory: Memory,
    merged: Merged,
    observed: Option<Observed>,
    decision: Decision,
    started: Millis,
    at: Millis,
    empty_read: bool,
    notes: Vec<String>,
}

impl Run {
    async fn begin(app: &App, keeper: &Keeper, memory: Memory, step: Step) -> anyhow::Result<Self> {
        let at = app.clock.now();
        let mut run = Self {
            memory,
            merged: Merged::default(),
            observed: None,
            decision: Decision::default(),
            started: at,
            at,
            empty_read: false,
            notes: Vec::new(),
        };
        let observed = match step {
            Step::Decision(decision) => {
                run.decision = decision;
                return Ok(run);
            }
            Step::Observed(observed) => observed,
        };
        keeper.status.send_modify(|status| status.phase = Phase::Committing);
        let merging = tokio::task::spawn_blocking(move || {
            run.merge(*observed);
            run
        });
        merging.await.context("merging panicked")
    }

    fn merge(&mut self, mut observed: Observed) {
        self.started = observed.started;
        self.notes.append(&mut observed.observation.notes);
        let nobody =
            matches!(&observed.observation.people, Listing::Complete(people) if people.is_empty());
        let no_group =
            matches!(&observed.observation.groups, Listing::Complete(groups) if groups.is_empty());
        let had_groups = self.memory.mirror.groups().next().is_some();
        self.empty_read = nobody || (no_group && had_groups);
        self.merged = self.memory.mirror.merge(&observed.observation, self.at);
        self.memory.observed = self.at;
        // What was merged is not needed any more; a first load is large.
        observed.observation.people = Listing::NotRead;
        observed.observation.groups = Listing::NotRead;
        observed.observation.members = Vec::new();
        self.observed = Some(observed);
    }

    /// Plans and writes. A decision that does not fit leaves the memory as it was.
    fn finish(
        mut self,
        app: &App,
        id: directory::id::DirectoryId,
    ) -> anyhow::Result<(Memory, RunReport, Result<(), DecisionError>)> {
        let planning = Planning::of(app, id, self.at)?;
        self.memory.mirror.purge(
            Millis(self.memory.observed.0 - planning.rules.grace_ms - REMEMBERED_MS),
            &mut self.merged,
        );
        let dirty = self.dirty(&planning);
        let mut decided = DecisionsChange::default();
        let lifted = match self.decide(&planning, &mut decided) {
            Ok(lifted) => lifted,
            Err(error) => return Ok((self.memory, RunReport::default(), Err(error))),
        };
        let mut plan = planning.with(self.empty_read).plan(&self.memory, &dirty, &lifted);
        for (node, digest) in std::mem::take(&mut decided.discards) {
            plan.decisions.discards.insert(node, digest);
        }
        self.remember(&plan, &dirty);
        let mut report = self.report(&planning, &plan);
        let after = planning.served.apply(&plan.changes)?;
        report.size_after = after.size();
        report.finished = app.clock.now();
        let served_now = planning.served_once || (report.kind == RunKind::Full && !self.empty_read);
        app.store.commit_run(&RunCommit {
            directory: id,
            at: self.at,
            mirror: &self.memory.mirror,
            mirror_change: &self.merged.change,
            changes: &plan.changes,
            decisions: &plan.decisions,
            cursor: self
                .observed
                .as_ref()
                .and_then(|observed| observed.observation.cursor.as_ref()),
            full_read: report.kind == RunKind::Full,
            read: self.observed.is_some(),
            served_once: served_now,
            report: &report,
        })?;
        self.memory.decisions.apply(&plan.decisions);
        Ok((self.memory, report, Ok(())))
    }

    fn dirty(&mut self, planning: &Planning) -> Dirty {
        if !self.memory.settled || self.observed.is_none() {
            return Dirty::everything();
        }
        let mut dirty = std::mem::take(&mut self.merged.dirty);
        let grace_over = Millis(self.memory.observed.0 - planning.rules.grace_ms);
        let due = self.memory.mirror.absent_until(grace_over);
        dirty.nodes.extend(due.filter(|node| match node {
            Node::User(no) => planning.served.user(*no).is_some(),
            Node::Group(_) => false,
        }));
        dirty.nodes.extend(self.memory.pending.iter().copied());
        dirty.members.extend(self.memory.pending.iter().copied());
        dirty
    }

    /// What an approval lifts; a discard goes into the decisions.
    fn decide(
        &mut self,
        planning: &Planning,
        decided: &mut DecisionsChange,
    ) -> Result<BTreeSet<GuardKind>, DecisionError> {
        let Decision { approve, discard } = std::mem::take(&mut self.decision);
        if approve.is_none() && discard.is_none() {
            return Ok(BTreeSet::new());
        }
        let held = planning.plan(&self.memory, &Dirty::everything(), &BTreeSet::new());
        if let Some(choice) = discard {
            let kinds = chosen(&held, &choice)?;
            let basis = planning.basis(&self.memory);
            let items = held
                .held
                .iter()
                .filter(|held| kinds.contains(&held.kind))
                .flat_map(|held| &held.items);
            let digests: BTreeMap<Node, Option<Digest>> = items
                .map(|item| (item.node, Some(plan::record_digest(&basis, item.node))))
                .collect();
            decided.discards.clone_from(&digests);
            self.memory.decisions.apply(decided);
            self.notes.push(format!(
                "{} objects stay as served: their changes were discarded",
                digests.len()
            ));
        }
        let Some(choice) = approve else { return Ok(BTreeSet::new()) };
        let kinds = chosen(&held, &choice)?;
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        self.notes.push(format!("approved: {}", names.join(", ")));
        Ok(kinds)
    }

    fn remember(&mut self, plan: &Plan, dirty: &Dirty) {
        let memory = &mut self.memory;
        memory.settled = true;
        memory.pending.clone_from(&plan.pending);
        if dirty.all {
            memory.issues.clear();
        } else {
            memory
                .issues
                .retain(|node, _| !plan.looked.contains(node) && !dirty.nodes.contains(node));
        }
        for issue in &plan.issues {
            memory.issues.entry(issue.node).or_default().push(issue.clone());
        }
    }

    fn report(&mut self, planning: &Planning, plan: &Plan) -> RunReport {
        let held: Vec<HeldKind> = plan
            .held
            .iter()
            .map(|held| HeldKind {
                kind: held.kind,
                count: held.count,
                why: held.why.clone(),
                digest: held.digest.clone(),
                approvable: held.approvable,
                sample: held.items.iter().take(SAMPLE_MAX).map(|item| item.name.clone()).collect(),
            })
            .collect();
        let set_aside = self.memory.issues.values().flatten().filter(|issue| !issue.served).count();
        RunReport {
            kind: self.observed.as_ref().map_or(RunKind::Decision, |observed| observed.kind),
            started: self.started,
            finished: self.at,
            outcome: if held.is_empty() { Outcome::Done } else { Outcome::Held },
            read: self.merged.read,
            applied: plan.applied,
            approved: plan.approved,
            held,
            set_aside: set_aside as u64,
            size_before: planning.served.size(),
            size_after: planning.served.size(),
            notes: std::mem::take(&mut self.notes),
            usage: self
                .observed
                .as_ref()
                .map(|observed| observed.observation.usage)
                .unwrap_or_default(),
        }
    }
}

/// The kinds that a choice means, if it fits what is held.
fn chosen(plan: &Plan, choice: &Choice) -> Result<BTreeSet<GuardKind>, DecisionError> {
    let meant: Vec<_> =
        plan.held.iter().filter(|held| choice.kind.is_none_or(|kind| held.kind == kind)).collect();
    let Some(first) = meant.first() else { return Err(DecisionError::NothingHeld) };
    let whole = plan.digest();
    let fits = whole.as_ref() == Some(&choice.digest)
        || (meant.len() == 1 && first.digest == choice.digest)
        || plan.held.iter().any(|held| choice.kind.is_none() && held.digest == choice.digest);
    if !fits {
        return Err(DecisionError::Changed(choice.digest.0.clone()));
    }
    // A digest of one kind means that kind, whether or not it is named.
    let of_digest: Vec<_> =
        meant.iter().filter(|held| held.digest == choice.digest).copied().collect();
    let meant = if of_digest.is_empty() { meant } else { of_digest };
    if let [only] = meant.as_slice()
        && !only.approvable
    {
        return Err(DecisionError::NotApprovable(only.kind.as_str()));
    }
    Ok(meant.iter().filter(|held| held.approvable).map(|held| held.kind).collect())
}
