//! The one door: everything that changes a directory goes through [`commit`] (DESIGN.md 10.11).
//!
//! Invariants: mirror, directory, change log, decisions, cursor and report move in one transaction; the
//! mirror and the cursor always move, holding stops only the step from wanted to served; a run that finds
//! nothing new writes nothing but its report and cursor.

mod ask;
mod damage;
mod issues;
pub mod person;
pub mod pin;
mod planning;
pub mod rename;
pub mod settings;
mod unreadable;
pub mod what_if;
pub mod withdraw;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use connect::Connector;
use directory::{
    decisions::{DecisionsChange, Digest, Node},
    derive::Basis,
    figures::Exceptions,
    id::{ChangeSeq, DAY_MS, Millis},
    lookalike::LookAlikes,
    mirror::{Dirty, Merged},
    observation::{Listing, Observation},
    plan::{self, Issue, Plan},
    preview::Preview,
    report::{GuardKind, HeldKind, Outcome, RunKind, RunReport, UnreadableObject},
    rules::{Rules, compiled::Compiled},
};
use store::{Damage, Place, RunCommit, StoreError};

pub use self::issues::issues;
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
/// How long a provider's request to wait is followed while others wait for the directory.
const ASKING_PATIENCE: Duration = Duration::from_mins(1);
/// Names shown for a kind that is held.
const SAMPLE_MAX: usize = 5;
/// How long a record is remembered after its removal.
const REMEMBERED_MS: i64 = 30 * DAY_MS;

/// What a commit acts on.
#[derive(Debug)]
pub enum Step {
    /// The provider was read.
    Observed(Box<Observed>),
    /// One person was read.
    Person(Box<person::Read>),
    /// Nothing was read: rules changed, a grace period ended, or an administrator decided.
    Decision(Decision),
    /// An administrator puts the directory back.
    Undo(pin::Undo),
    /// An administrator lets it follow its provider again.
    Unpin(pin::Unpin),
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
    /// Takes discards back: their objects go through the guard like any others.
    pub withdraw: Option<withdraw::Withdrawal>,
    /// Accepts or refuses new names of groups.
    pub renames: Option<rename::Renaming>,
    /// The rules until now, when they were changed.
    pub rules_before: Option<Box<Rules>>,
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
    #[error("nothing like that waits any more; look again with `muster directory preview`")]
    NothingHeld,
    /// Something else is held than what was seen.
    #[error(
        "what is held has changed since {0} was shown; look again with `muster directory preview`"
    )]
    Changed(String),
    /// Something else would be changed than what was seen.
    #[error(
        "it would change something else than what was shown, since something happened meanwhile; look again"
    )]
    Otherwise,
    /// No discard is there to be withdrawn, or not that.
    #[error(
        "nothing like that is discarded; `muster directory discard` with `--withdraw --dry-run` shows what is"
    )]
    NothingDiscarded,
    /// A group has no new name.
    #[error("the provider has no other name for `{0}` than the one that is served")]
    NoRename(String),
    /// The directory was put back and stays as it is.
    #[error(
        "the directory is pinned to change {0}, and nothing else is decided meanwhile; `muster directory unpin` first"
    )]
    Pinned(ChangeSeq),
    /// The directory was not put back.
    #[error("the directory is not pinned")]
    NotPinned,
    /// There is nothing to go back to.
    #[error("nobody was served at change {0}; `muster changes` shows what there was when")]
    NothingThere(ChangeSeq),
    /// The history does not reach there.
    #[error("{0}")]
    OutOfHistory(#[source] StoreError),
    /// Only the provider can clear it up.
    #[error(
        "{0} cannot be approved: only the provider's own answer can release it; it is asked again at each run"
    )]
    NotApprovable(&'static str),
}

/// Commits a step and waits until the directory is served; gives the report.
///
/// # Errors
/// When the store cannot be read or written, or a decision does not fit; nothing is changed then. [`NotServed`] when
/// what is committed is not served, be it of this step or of one before.
///
/// [`NotServed`]: crate::task::follow::NotServed
pub async fn commit(app: &App, keeper: &Keeper, step: Step) -> anyhow::Result<RunReport> {
    app.ensure_served().await?;
    // Whoever reads the directory meanwhile goes on with that.
    let reading = !matches!(step, Step::Observed(_));
    let mut slot = keeper.memory.lock().await;
    let memory = match slot.take() {
        Some(memory) => memory,
        None => load(app, keeper).await?,
    };
    let phase = |phase| {
        if !reading {
            keeper.status.send_modify(|status| status.phase = phase);
        }
    };
    let mut run = Run::begin(app, keeper, memory, step).await?;
    phase(Phase::Confirming);
    // Others wait for this directory meanwhile: what cannot be asked soon is asked at the next run.
    let asking = connect::with_patience(ASKING_PATIENCE, connect::collecting_refusals(run.ask()));
    let ((), refused) = keeper.unless_stopped(app, asking).await?;
    run.add_unreadable(refused);
    phase(Phase::Committing);
    let (app_, id) = (app.clone(), keeper.id);
    let done = tokio::task::spawn_blocking(move || run.finish(&app_, id))
        .await
        .context("planning panicked")?;
    let Finished { memory, report, issues, decided } = done?;
    keeper.status.send_modify(|status| status.pinned = memory.pinned.is_some());
    keeper.issues.send_replace(memory.settled.then(|| Arc::new(issues)));
    let last_read = Some(memory.observed).filter(|at| *at > Millis::default());
    *slot = Some(memory);
    decided?;
    phase(Phase::Publishing);
    // Still under the lock: whoever plans next must plan from what is served now.
    app.published_up_to_date().await?;
    keeper.status.send_modify(|status| {
        status.state.take(&report, last_read);
        status.last = Some(report.clone());
    });
    drop(slot);
    app.alerts.look();
    Ok(report)
}

/// What the next run would do person by person, or what `rules` would do if they were saved now.
///
/// # Errors
/// When the store cannot be read.
pub async fn foretell(
    app: &App,
    keeper: &Keeper,
    rules: Option<Compiled>,
) -> anyhow::Result<Preview> {
    let look = move |_: &App, planning: &Planning, memory: &Memory| {
        Ok(planning.foretell(memory, rules.as_ref()))
    };
    with_planning(app, keeper, look).await
}

/// Asks something of a directory's planning, off the event loop: it may take a second.
async fn with_planning<T: Send + 'static>(
    app: &App,
    keeper: &Keeper,
    look: impl FnOnce(&App, &Planning, &Memory) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    app.ensure_served().await?;
    let mut slot = keeper.memory.lock().await;
    let mut memory = match slot.take() {
        Some(memory) => memory,
        None => load(app, keeper).await?,
    };
    let (app_, id) = (app.clone(), keeper.id);
    let looking = tokio::task::spawn_blocking(move || {
        let planning = Planning::of(&app_, id, (&mut memory, app_.clock.now()));
        let seen = planning.and_then(|planning| look(&app_, &planning, &memory));
        (memory, seen)
    });
    let (memory, seen) = looking.await.context("planning panicked")?;
    *slot = Some(memory);
    seen
}

/// Asks something of what is known of a directory, loading it if need be.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn with_basis<T: Send + 'static>(
    app: &App,
    keeper: &Keeper,
    look: impl FnOnce(&Basis<'_>) -> T + Send + 'static,
) -> anyhow::Result<T> {
    let look =
        move |_: &App, planning: &Planning, memory: &Memory| Ok(look(&planning.basis(memory)));
    with_planning(app, keeper, look).await
}

async fn load(app: &App, keeper: &Keeper) -> anyhow::Result<Memory> {
    let (store, id) = (app.store.clone(), keeper.id);
    let loading = tokio::task::spawn_blocking(move || {
        let observed = store.connection(id)?.and_then(|row| row.last_read).unwrap_or_default();
        let mirror = store.load_mirror(id)?;
        let is_of_mirror =
            |damage: &Damage| matches!(damage.place, Place::Mirror | Place::MirrorMembers);
        anyhow::Ok(Memory {
            mirror,
            decisions: store.load_decisions(id)?,
            observed,
            full_read_wanted: store.damage(id).iter().any(is_of_mirror),
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
    person: Option<person::Read>,
    decision: Decision,
    pin: pin::Order,
    started: Millis,
    at: Millis,
    empty_read: bool,
    notes: Vec<String>,
    unreadable: Vec<UnreadableObject>,
}

/// A run that was written, or a decision that did not fit.
struct Finished {
    memory: Memory,
    report: RunReport,
    issues: Vec<Issue>,
    decided: Result<(), DecisionError>,
}

impl Run {
    async fn begin(app: &App, keeper: &Keeper, memory: Memory, step: Step) -> anyhow::Result<Self> {
        let at = app.clock.now();
        let mut run = Self {
            memory,
            merged: Merged::default(),
            observed: None,
            person: None,
            decision: Decision::default(),
            pin: pin::Order::default(),
            started: at,
            at,
            empty_read: false,
            notes: Vec::new(),
            unreadable: Vec::new(),
        };
        let observed = match step {
            Step::Observed(observed) => observed,
            other => {
                match other {
                    Step::Person(read) => run.person = Some(*read),
                    Step::Decision(decision) => run.decision = decision,
                    Step::Undo(undo) => run.pin = pin::Order::Set(undo),
                    Step::Unpin(unpin) => run.pin = pin::Order::Lift(unpin),
                    Step::Observed(_) => {}
                }
                return Ok(run);
            }
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
        // Groups that the rules make are only mentioned.
        let had_groups =
            self.memory.mirror.groups().any(|row| row.state != directory::mirror::State::Mentioned);
        self.empty_read = nobody || (no_group && had_groups);
        self.merged = self.memory.mirror.merge(&observed.observation, self.at);
        self.memory.observed = self.at;
        self.take_unreadable(std::mem::take(&mut observed.observation.unreadable));
        // What was merged is not needed any more; a first load is large.
        observed.observation.people = Listing::NotRead;
        observed.observation.groups = Listing::NotRead;
        observed.observation.members = Vec::new();
        self.observed = Some(observed);
    }

    /// Plans and writes. A decision that does not fit leaves the memory as it was.
    fn finish(mut self, app: &App, id: directory::id::DirectoryId) -> anyhow::Result<Finished> {
        // Without the rules, say, others would be taken for them.
        if let Some(row) = app.store.connection(id)? {
            settings::readable(&row)?;
        }
        let planning = Planning::of(app, id, (&mut self.memory, self.at))?;
        let (mirror, merged) = (&mut self.memory.mirror, &mut self.merged);
        let until = self.memory.observed.plus(-planning.rules.grace_ms).plus(-REMEMBERED_MS);
        mirror.purge(until, &planning.served, merged);
        mirror.reserve(planning.rules.made_groups(), merged);
        let drawn = match self.draw(app, id, &planning) {
            Ok(drawn) => drawn,
            Err(error) => {
                let issues = self.memory.all_issues(&planning.basis(&self.memory));
                let (memory, report) = (self.memory, RunReport::default());
                return Ok(Finished { memory, report, issues, decided: Err(error) });
            }
        };
        let pin::Drawn { plan, pin } = drawn;
        let mut report = self.report(&planning, &plan);
        report.put_back_to = pin.put_back_to();
        let after = planning.served.apply(&plan.changes)?;
        report.size_after = after.size();
        if self.memory.settled {
            let exceptions = Exceptions::of(&after, self.memory.issues.iter(), &plan.held);
            report.set_aside = exceptions.set_aside.total();
            report.exceptions = Some(exceptions);
        }
        report.finished = app.clock.now();
        report.notes.extend(damage::notes(&app.store.damage(id)));
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
            pin: pin.change(),
            report: &report,
        })?;
        self.memory.decisions.apply(&plan.decisions);
        match &mut self.memory.look_alikes {
            Some(known) => known.follow(&plan.changes, &after),
            None => self.memory.look_alikes = Some(LookAlikes::of(&after)),
        }
        if let Some(known) = &self.memory.look_alikes {
            let open = (&self.memory.pending, self.memory.issues.iter());
            self.memory.alike = planning.alike(&self.memory, (known, &after), open);
        }
        self.memory.pinned = pin.holds_at(&planning);
        if self.observed.is_some() {
            self.memory.empty_read = self.empty_read;
        }
        let issues =
            self.memory.all_issues(&Basis { served: &after, ..planning.basis(&self.memory) });
        Ok(Finished { memory: self.memory, report, issues, decided: Ok(()) })
    }

    /// Plans what the rules want, under the guard.
    fn plan(&mut self, planning: &Planning) -> Result<Plan, DecisionError> {
        let dirty = self.dirty(planning);
        let mut decided = DecisionsChange::default();
        self.accept_renames(planning, &mut decided);
        let lifted = self.decide(planning, &mut decided)?;
        let mut plan = planning.with(self.empty_read).plan(&self.memory, &dirty, &lifted);
        for (node, digest) in std::mem::take(&mut decided.discards) {
            plan.decisions.discards.insert(node, digest);
        }
        // Whatever is served under it now is accepted or refused no more; the rest is, until it is.
        for (no, name) in std::mem::take(&mut decided.accepted) {
            plan.decisions.accepted.entry(no).or_insert(name);
        }
        for (no, name) in std::mem::take(&mut decided.refused) {
            plan.decisions.refused.entry(no).or_insert(name);
        }
        self.remember(&plan, &dirty);
        Ok(plan)
    }

    fn dirty(&mut self, planning: &Planning) -> Dirty {
        if self.person.is_some() {
            // Whoever was not looked at before waits for a read of the whole.
            let mut dirty = std::mem::take(&mut self.merged.dirty);
            dirty.waiting.clone_from(&self.memory.pending);
            return dirty;
        }
        if !self.memory.settled || self.observed.is_none() {
            return Dirty::everything();
        }
        let mut dirty = std::mem::take(&mut self.merged.dirty);
        dirty.nodes.extend(planning.basis(&self.memory).due(self.memory.planned));
        dirty.waiting.clone_from(&self.memory.pending);
        dirty
    }

    /// What an approval lifts; a discard goes into the decisions.
    fn decide(
        &mut self,
        planning: &Planning,
        decided: &mut DecisionsChange,
    ) -> Result<BTreeSet<GuardKind>, DecisionError> {
        let Decision { approve, discard, withdraw, renames, rules_before: _ } =
            std::mem::take(&mut self.decision);
        if let Some(withdrawal) = withdraw {
            self.withdraw(planning, &withdrawal, decided)?;
        }
        if let Some(renaming) = renames {
            self.rename(planning, &renaming, decided)?;
        }
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
        if self.person.is_none() {
            memory.settled = true;
            memory.planned = memory.observed;
        }
        memory.pending.clone_from(&plan.pending);
        memory.issues.take(plan, dirty);
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
        let set_aside = self.memory.issues.iter().filter(|issue| !issue.served).count();
        let (unreadable, unreadable_total) = self.reported_unreadable();
        RunReport {
            kind: match (&self.observed, &self.person) {
                (Some(observed), _) => observed.kind,
                (None, Some(_)) => RunKind::Person,
                (None, None) => RunKind::Decision,
            },
            started: self.started,
            finished: self.at,
            outcome: if held.is_empty() { Outcome::Done } else { Outcome::Held },
            read: self.merged.read,
            applied: plan.applied,
            approved: plan.approved,
            held,
            near: plan.near.clone(),
            set_aside: set_aside as u64,
            exceptions: None,
            unreadable,
            unreadable_total,
            size_before: planning.served.size(),
            size_after: planning.served.size(),
            put_back_to: None,
            notes: std::mem::take(&mut self.notes),
            usage: match (&self.observed, &self.person) {
                (Some(observed), _) => observed.observation.usage,
                (None, Some(read)) => read.progress.usage(),
                (None, None) => directory::observation::Usage::default(),
            },
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
