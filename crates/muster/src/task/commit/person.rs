//! One person now: what the provider says of them alone goes through the same merge, plan and commit.
//!
//! Invariants: the cursor and the time of the last read stay, since nobody else was read; what the answer merely lacks
//! is confirmed first, as after a list; a group that is not in the mirror yet is left to the next run; who was read
//! while a larger read was under way is asked about again when that one ends, which may know less.

use directory::counted::{agreeing, counted};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect::{ConnectError, Connector, OnePerson, Progress};
use directory::{
    decisions::Node,
    id::{GroupNo, Millis, ProviderId, UserNo},
    mirror::{Asked, Merged, State},
    name::fold,
    observation::{
        Attribute, GroupMembers, Listing, MemberSet, MembersListing, Observation, PersonRecord,
        Question, Verdict,
    },
    reference::{self, Candidate, Matched},
    report::RunReport,
};

use super::{Run, Step, commit, with_basis};
use crate::{
    app::App,
    task::{keeper::Keeper, pull},
};

/// People read alone who are remembered for a larger read that is under way.
const REMEMBERED_MAX: usize = 100;

/// One person was read: perhaps as two, when a name has passed from one id to another.
#[derive(Debug)]
pub struct Read {
    /// Who was asked for by id, and what was said.
    pub told: Vec<(Option<ProviderId>, OnePerson)>,
    /// When.
    pub started: Millis,
    /// Whom to ask on.
    pub connector: Arc<Connector>,
    /// What it cost.
    pub progress: Arc<Progress>,
}

/// Why one person cannot be read now.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// The directory has not been read at all.
    #[error("the directory has not been read in full yet; its first run reads everybody")]
    NotServed,
    /// Nobody is called so, neither at the provider nor here.
    #[error(
        "neither the provider nor the directory knows anybody called `{wanted}`; check the spelling{}",
        did_you_mean(near)
    )]
    Nobody {
        /// The reference.
        wanted: String,
        /// Names that are nearly the same.
        near: Vec<String>,
    },
    /// Several are called so.
    #[error("{} fit `{wanted}`; name one of them by id", candidates.len())]
    Several {
        /// The reference.
        wanted: String,
        /// Whom it fits.
        candidates: Vec<Candidate>,
    },
    /// The provider cannot be asked.
    #[error("{0}")]
    Provider(#[from] ConnectError),
}

/// Reads one person, by user name, sign-in name, mail address or id, and commits what is said; gives the report and the
/// ids of who was read.
///
/// # Errors
/// A [`PersonError`], or what the store says.
pub async fn read(
    app: &App,
    keeper: &Keeper,
    who: &str,
) -> anyhow::Result<(RunReport, Vec<ProviderId>)> {
    let row = app.connection(keeper.id).await?;
    if !row.served_once {
        return Err(PersonError::NotServed.into());
    }
    super::settings::readable(&row)?;
    let started = app.clock.now();
    let connector = pull::connector(app, keeper, &row).await.map_err(PersonError::Provider)?;
    let progress = Arc::new(Progress::default());
    let several = |candidates| PersonError::Several { wanted: who.to_owned(), candidates };
    let mut found = find(app, keeper, reference::Kind::User, who).await?;
    if found.len() > 1 {
        return Err(several(found.into_iter().map(|(_, candidate)| candidate).collect()).into());
    }
    let known = found.pop().and_then(|(_, candidate)| ProviderId::parse(&candidate.id).ok());
    let ask = async |key: &str| {
        let asked = connector.person(key, row.cursor.as_ref(), &progress);
        let told = keeper.unless_stopped(app, asked).await?;
        anyhow::Ok(told.map_err(PersonError::Provider)?)
    };
    let mut told = Vec::new();
    if let Some(id) = &known {
        told.push((Some(id.clone()), ask(&id.to_string()).await?));
    }
    // The name may belong to somebody else by now, or to somebody new.
    if !told.iter().any(|(_, one)| is_called(one, who)) {
        let one = ask(who).await?;
        if let OnePerson::Several(records) = &one {
            let of = |record: &PersonRecord| {
                Candidate::of_record(&record.id, &record.attributes, vec![Matched::Mail])
            };
            return Err(several(records.iter().map(of).collect()).into());
        }
        let again = told.iter().any(|(_, first)| *first == one);
        if !again && one != OnePerson::Nobody {
            told.push((None, one));
        }
    }
    let ids: BTreeSet<ProviderId> =
        known.into_iter().chain(told.iter().filter_map(|(_, one)| id_of(one).cloned())).collect();
    if ids.is_empty() {
        let near = near(app, keeper, reference::Kind::User, who).await?;
        return Err(PersonError::Nobody { wanted: who.to_owned(), near }.into());
    }
    let read = Read { told, started, connector, progress: Arc::clone(&progress) };
    let report = commit(app, keeper, Step::Person(Box::new(read))).await?;
    Ok((report, ids.into_iter().collect()))
}

/// Names that are nearly a reference that fits nobody, nearest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn near(
    app: &App,
    keeper: &Keeper,
    kind: reference::Kind,
    wanted: &str,
) -> anyhow::Result<Vec<String>> {
    let wanted = wanted.to_owned();
    with_basis(app, keeper, move |basis| reference::near(basis, kind, &wanted)).await
}

/// A question after names that are near; nothing where there are none.
pub fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean `{}`?", near.join("` or `"))
    }
}

/// Whom a reference fits, by what is served, by what the provider says and by the change log.
///
/// # Errors
/// When the store cannot be read.
pub async fn find(
    app: &App,
    keeper: &Keeper,
    kind: reference::Kind,
    wanted: &str,
) -> anyhow::Result<Vec<(Node, Candidate)>> {
    let (id, text) = (keeper.id, fold(wanted.trim()).into_owned());
    let mut keys = vec![text];
    // The log knows ids as they are written.
    keys.extend(ProviderId::parse(wanted.trim()).ok().map(|id| id.to_string()));
    let once = app.blocking(move |store| {
        let nodes = keys.iter().map(|key| store.once_called(id, key));
        Ok(nodes.collect::<Result<Vec<_>, _>>()?.concat())
    });
    let (once, wanted) = (once.await?, wanted.to_owned());
    with_basis(app, keeper, move |basis| reference::find(basis, kind, &wanted, &once)).await
}

fn id_of(one: &OnePerson) -> Option<&ProviderId> {
    match one {
        OnePerson::There { record, .. } => Some(&record.id),
        OnePerson::OutOfScope(id) => Some(id),
        OnePerson::Gone(removed) => Some(&removed.id),
        OnePerson::Nobody | OnePerson::Several(_) => None,
    }
}

/// Whether somebody is there whom the provider itself calls so.
fn is_called(one: &OnePerson, who: &str) -> bool {
    let OnePerson::There { record, .. } = one else { return false };
    let wanted = fold(who);
    let names = [Attribute::Login, Attribute::Mail].map(|a| record.attributes.get(a));
    names.into_iter().flatten().any(|name| fold(name) == wanted) || record.id.to_string() == who
}

impl Run {
    /// Merges what was said of one person.
    pub(super) async fn take_person(&mut self) {
        let Some(read) = &mut self.person else { return };
        let (told, connector) = (std::mem::take(&mut read.told), Arc::clone(&read.connector));
        self.started = read.started;
        let started = read.started;
        // Who read more meanwhile may know better than the answer that waited for its turn.
        let late = self.memory.observed >= started;
        for (asked, mut one) in told {
            let id = asked.or_else(|| id_of(&one).cloned());
            if let Some(id) = id.as_ref().filter(|_| late) {
                match connector.person(&id.to_string(), None, &Progress::default()).await {
                    Ok(newer) => one = newer,
                    Err(error) => {
                        self.notes.push(format!("{id} could not be asked about again: {error}"));
                        continue;
                    }
                }
            }
            self.take(&connector, id.as_ref(), one).await;
            if self.memory.read_alone.len() < REMEMBERED_MAX {
                self.memory.read_alone.extend(id.map(|id| (id, started)));
            }
        }
    }

    /// Asks again about people who were read alone while this read was under way.
    pub(super) async fn ask_again_alone(&mut self, connector: &Connector) {
        let alone = std::mem::take(&mut self.memory.read_alone);
        let later = alone.into_iter().filter(|(_, at)| *at >= self.started);
        for (id, _) in later.collect::<Vec<_>>() {
            match connector.person(&id.to_string(), None, &Progress::default()).await {
                Ok(one) => self.take(connector, Some(&id), one).await,
                Err(error) => self.notes.push(format!(
                    "one person was read while this read was under way, and could not be asked about again: {error}"
                )),
            }
        }
    }

    async fn take(&mut self, connector: &Connector, asked: Option<&ProviderId>, one: OnePerson) {
        match one {
            OnePerson::There { record, groups } => {
                // Some providers take a name in the place of an id.
                if let Some(asked) = asked.filter(|asked| **asked != record.id) {
                    self.take_absent(connector, asked).await;
                }
                self.take_record(connector, *record, groups).await;
            }
            OnePerson::Gone(removed) => {
                let people = Listing::Delta { put: Vec::new(), removed: vec![removed] };
                self.merge_more(&Observation { people, ..Observation::default() });
            }
            // Asked once more, with the groups in mind that this directory has.
            OnePerson::OutOfScope(id) => self.take_absent(connector, &id).await,
            // It was asked for by id, which one person has.
            OnePerson::Several(_) => {}
            OnePerson::Nobody => {
                if let Some(asked) = asked {
                    self.take_absent(connector, asked).await;
                }
            }
        }
    }

    /// Nobody was found under an id: the provider is asked about that very id, as after a list.
    async fn take_absent(&mut self, connector: &Connector, id: &ProviderId) {
        self.recall(connector);
        match connector.confirm(&[Question::Person(id.clone())]).await {
            Ok(verdicts) => {
                let verdict = verdicts.first().copied().unwrap_or(Verdict::Unknown);
                self.settle_person(id, verdict);
            }
            Err(error) => self.notes.push(format!("asking whether {id} is gone failed: {error}")),
        }
    }

    fn settle_person(&mut self, id: &ProviderId, verdict: Verdict) {
        let Some(no) = self.memory.mirror.person_no(id) else { return };
        let node = Node::User(no);
        match (verdict, self.memory.mirror.state(node)) {
            (Verdict::Unknown | Verdict::Unlisted, _) => {
                self.notes.push(format!("the provider does not say whether {id} is gone"));
            }
            (Verdict::Gone, Some(State::Absent { .. } | State::Mentioned)) => {}
            _ => {
                let answers = [(Asked::Node(node), verdict)];
                self.memory.mirror.settle(&answers, self.at, &mut self.merged);
            }
        }
    }

    async fn take_record(
        &mut self,
        connector: &Connector,
        record: PersonRecord,
        groups: Option<Vec<ProviderId>>,
    ) {
        let id = record.id.clone();
        let people = Listing::Delta { put: vec![record], removed: Vec::new() };
        self.merge_more(&Observation { people, ..Observation::default() });
        let Some(no) = self.memory.mirror.person_no(&id) else { return };
        // Their groups are known: nobody has to ask for them.
        self.merged.returned.remove(&no);
        let Some(groups) = groups else {
            self.notes.push("the provider does not show the person's groups; they stay".to_owned());
            return;
        };
        let (inside, unknown) = self.sorted(&groups);
        if unknown > 0 {
            self.notes.push(format!(
                "{} of the person {} not known here yet; the next run reads that",
                counted(unknown, "group"),
                agreeing(unknown, "is", "are")
            ));
        }
        let lost = self.lost(connector, no, &inside).await;
        let mut members: BTreeMap<ProviderId, MembersListing> = BTreeMap::new();
        let one = || MemberSet { users: vec![id.clone()], groups: Vec::new() };
        for group in inside {
            let (added, removed) = (one(), MemberSet::default());
            members.insert(group, MembersListing::Delta { added, removed });
        }
        for group in lost {
            let (added, removed) = (MemberSet::default(), one());
            members.insert(group, MembersListing::Delta { added, removed });
        }
        let members = members.into_iter().map(|(group, listing)| GroupMembers { group, listing });
        let members = members.collect();
        self.merge_more(&Observation { members, ..Observation::default() });
    }

    /// The groups that are in the mirror, and how many are not.
    fn sorted(&self, groups: &[ProviderId]) -> (BTreeSet<ProviderId>, usize) {
        let mirror = &self.memory.mirror;
        let mut inside = BTreeSet::new();
        let mut unknown = 0;
        for id in groups {
            let row = mirror.group_no(id).and_then(|no| mirror.group(no));
            match row {
                None => unknown += 1,
                // It has come back: the next run reads all of it.
                Some(row) if matches!(row.state, State::Absent { .. }) => unknown += 1,
                // Of a group that hides its members none are known, and one alone would be wrong.
                Some(row) if row.record.hidden_members && mirror.users_of(row.no).is_empty() => {}
                Some(_) => drop(inside.insert(id.clone())),
            }
        }
        (inside, unknown)
    }

    /// The groups that the person has left, by the provider's word about each.
    async fn lost(
        &mut self,
        connector: &Connector,
        no: UserNo,
        inside: &BTreeSet<ProviderId>,
    ) -> Vec<ProviderId> {
        let mirror = &self.memory.mirror;
        let before = mirror.parents_of(Node::User(no)).iter();
        let rows = before.filter_map(|group| mirror.group(GroupNo(*group)));
        let there = rows.filter(|row| !matches!(row.state, State::Absent { .. }));
        let missing = there
            .filter(|row| !inside.contains(&row.record.id) && !row.record.hidden_members)
            .filter_map(|row| {
                let question = mirror.membership_question(row.no, Node::User(no))?;
                Some((row.record.id.clone(), question))
            });
        let (missing, questions): (Vec<ProviderId>, Vec<Question>) = missing.unzip();
        if missing.is_empty() {
            return missing;
        }
        match connector.confirm(&questions).await {
            Ok(verdicts) => {
                let told = missing.into_iter().zip(verdicts);
                let (gone, rest): (Vec<_>, Vec<_>) =
                    told.partition(|(_, verdict)| *verdict == Verdict::Gone);
                if !rest.is_empty() {
                    self.notes.push(format!(
                        "{} that the person's list lacks {} not confirmed to be gone, and stays as it was",
                        counted(rest.len(), "membership"),
                        agreeing(rest.len(), "was", "were")
                    ));
                }
                gone.into_iter().map(|(group, _)| group).collect()
            }
            Err(error) => {
                self.notes.push(format!(
                    "{} that the person's list lacks {} as before, since asking failed: {error}",
                    counted(missing.len(), "membership"),
                    agreeing(missing.len(), "stays", "stay")
                ));
                Vec::new()
            }
        }
    }

    fn merge_more(&mut self, observation: &Observation) {
        let Merged { change, dirty, read, reread, returned } =
            self.memory.mirror.merge(observation, self.at);
        let merged = &mut self.merged;
        merged.change.people.extend(change.people);
        merged.change.groups.extend(change.groups);
        merged.change.edges.extend(change.edges);
        merged.dirty.extend(dirty);
        merged.read.users += read.users;
        merged.read.groups += read.groups;
        merged.read.memberships += read.memberships;
        merged.reread.extend(reread);
        merged.returned.extend(returned);
    }
}
