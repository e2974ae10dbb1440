//! A small tenant that is edited at random, told to a mirror by listings and deltas, and an oracle that
//! says what should be served. The oracle shares no code with `derive` or `plan`.

use std::collections::{BTreeMap, BTreeSet};

use directory::{
    change::{Change, LogEntry},
    decisions::{Decisions, Node},
    derive::Basis,
    id::{ChangeSeq, DirectoryId, Millis, ProviderId, RunId},
    mirror::{Asked, Dirty, Merged, Mirror},
    observation::{
        Attribute, Attributes, GroupKind, GroupMembers, GroupRecord, Listing, MemberSet,
        MembersListing, Observation, PersonKind, PersonRecord, Question, Removed, Verdict,
    },
    plan::{Context, Issues, Plan, guard::Window, pin, plan},
    report::GuardKind,
    rules::{GroupRenames, Guests, NestedGroups, Rules, compiled::Compiled, limits::Limits},
    snapshot::Directory,
};

use crate::counts;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) login: String,
    pub(crate) mail: String,
    pub(crate) enabled: bool,
    pub(crate) guest: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Team {
    pub(crate) name: String,
    pub(crate) users: BTreeSet<u8>,
    pub(crate) teams: BTreeSet<u8>,
}

/// What is true at the provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenant {
    pub(crate) people: BTreeMap<u8, Person>,
    pub(crate) teams: BTreeMap<u8, Team>,
}

#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Put(u8, Person),
    Delete(u8),
    Team(u8, String),
    DeleteTeam(u8),
    Join(u8, u8),
    Leave(u8, u8),
    Nest(u8, u8),
    Unnest(u8, u8),
}

impl Tenant {
    pub(crate) fn apply_all(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.apply(edit);
        }
    }

    pub(crate) fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Put(no, person) => {
                self.people.insert(*no, person.clone());
            }
            Edit::Delete(no) => {
                self.people.remove(no);
                for team in self.teams.values_mut() {
                    team.users.remove(no);
                }
            }
            Edit::Team(no, name) => self.teams.entry(*no).or_default().name.clone_from(name),
            Edit::DeleteTeam(no) => {
                self.teams.remove(no);
                for team in self.teams.values_mut() {
                    team.teams.remove(no);
                }
            }
            Edit::Join(team, no) if self.people.contains_key(no) => {
                self.teams.entry(*team).and_modify(|team| {
                    team.users.insert(*no);
                });
            }
            Edit::Leave(team, no) => {
                self.teams.entry(*team).and_modify(|team| {
                    team.users.remove(no);
                });
            }
            Edit::Nest(team, inner) if self.teams.contains_key(inner) && team != inner => {
                self.teams.entry(*team).and_modify(|team| {
                    team.teams.insert(*inner);
                });
            }
            Edit::Unnest(team, inner) => {
                self.teams.entry(*team).and_modify(|team| {
                    team.teams.remove(inner);
                });
            }
            Edit::Join(..) | Edit::Nest(..) => {}
        }
    }

    /// Everything, as a complete observation; `turned` reverses the order of all records.
    pub(crate) fn listing(&self, turned: bool) -> Observation {
        let mut people: Vec<PersonRecord> =
            self.people.iter().map(|(no, p)| person_record(*no, p)).collect();
        let mut groups: Vec<GroupRecord> =
            self.teams.iter().map(|(no, t)| group_record(*no, t)).collect();
        let mut members: Vec<GroupMembers> = self
            .teams
            .iter()
            .map(|(no, t)| GroupMembers {
                group: group_id(*no),
                listing: MembersListing::Complete(member_set(&t.users, &t.teams)),
            })
            .collect();
        if turned {
            people.reverse();
            groups.reverse();
            members.reverse();
        }
        Observation {
            people: Listing::Complete(people),
            groups: Listing::Complete(groups),
            members,
            ..Observation::default()
        }
    }

    /// What changed since `before`.
    pub(crate) fn delta(&self, before: &Self) -> Observation {
        let people = Listing::Delta {
            put: changed(&self.people, &before.people)
                .map(|(no, p)| person_record(no, p))
                .collect(),
            removed: gone(&self.people, &before.people).map(|no| removed(user_id(no))).collect(),
        };
        let groups = Listing::Delta {
            put: changed(&self.teams, &before.teams).map(|(no, t)| group_record(no, t)).collect(),
            removed: gone(&self.teams, &before.teams).map(|no| removed(group_id(no))).collect(),
        };
        let nobody = Team::default();
        let members = self.teams.iter().map(|(no, team)| {
            let old = before.teams.get(no).unwrap_or(&nobody);
            let added = member_set(&(&team.users - &old.users), &(&team.teams - &old.teams));
            let removed = member_set(&(&old.users - &team.users), &(&old.teams - &team.teams));
            GroupMembers { group: group_id(*no), listing: MembersListing::Delta { added, removed } }
        });
        Observation { people, groups, members: members.collect(), ..Observation::default() }
    }

    /// What the provider answers about an object by its id.
    pub(crate) fn answer(&self, question: &Question) -> Verdict {
        let there = match question {
            Question::Person(id) => self.people.keys().any(|no| user_id(*no) == *id),
            Question::Group(id) => self.teams.keys().any(|no| group_id(*no) == *id),
            Question::Membership { group, member, nested: _ } => {
                self.teams.iter().any(|(no, team)| {
                    use directory::observation::Member;
                    group_id(*no) == *group
                        && match member {
                            Member::User(id) => team.users.iter().any(|no| user_id(*no) == *id),
                            Member::Group(id) => team.teams.iter().any(|no| group_id(*no) == *id),
                        }
                })
            }
        };
        if there { Verdict::Exists } else { Verdict::Gone }
    }

    /// The oracle, for rules without grace, with guests in and group renames followed, and names that
    /// nobody else ever had: exactly what is true, by name.
    pub(crate) fn expected(&self, flattened: bool) -> Shape {
        let mut shape = Shape::default();
        for person in self.people.values() {
            shape.users.insert(person.login.to_lowercase(), (person.mail.clone(), person.enabled));
        }
        for (no, team) in &self.teams {
            shape.groups.insert(team.name.clone());
            let mut seen = BTreeSet::from([*no]);
            let mut work = vec![*no];
            while let Some(at) = work.pop() {
                let Some(here) = self.teams.get(&at) else {
                    continue;
                };
                for user in &here.users {
                    shape
                        .members
                        .insert((team.name.clone(), self.people[user].login.to_lowercase()));
                }
                if flattened {
                    work.extend(here.teams.iter().filter(|inner| seen.insert(**inner)));
                }
            }
            if !flattened {
                for inner in &team.teams {
                    shape.nested.insert((team.name.clone(), self.teams[inner].name.clone()));
                }
            }
        }
        shape
    }
}

/// What a directory serves, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) users: BTreeMap<String, (String, bool)>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) members: BTreeSet<(String, String)>,
    pub(crate) nested: BTreeSet<(String, String)>,
}

pub(crate) fn shape(directory: &Directory) -> Shape {
    let mut shape = Shape::default();
    for (_, user) in directory.users_from(0) {
        shape.users.insert(user.name().to_owned(), (user.email().to_owned(), user.active()));
    }
    for (no, group) in directory.groups_from(0) {
        let name = group.name().to_string();
        shape.groups.insert(name.clone());
        for user in directory.users_of(no) {
            let user = directory.user(directory::id::UserNo(*user)).unwrap();
            shape.members.insert((name.clone(), user.name().to_owned()));
        }
        for child in directory.children_of(no) {
            let child = directory.group(directory::id::GroupNo(*child)).unwrap();
            shape.nested.insert((name.clone(), child.name().to_string()));
        }
    }
    shape
}

/// Whom a directory is kept in step with.
pub(crate) trait Provider {
    /// What is answered about an object by its id.
    fn answer(&self, question: &Question) -> Verdict;
    /// The members of all groups.
    fn members(&self) -> Vec<GroupMembers>;
    /// The groups that somebody is directly in.
    fn groups_of(&self, id: &ProviderId) -> Vec<ProviderId>;
}

impl Provider for Tenant {
    fn answer(&self, question: &Question) -> Verdict {
        Self::answer(self, question)
    }

    fn members(&self) -> Vec<GroupMembers> {
        self.listing(false).members
    }

    fn groups_of(&self, id: &ProviderId) -> Vec<ProviderId> {
        let teams =
            self.teams.iter().filter(|(_, team)| team.users.iter().any(|no| user_id(*no) == *id));
        teams.map(|(no, _)| group_id(*no)).collect()
    }
}

/// A directory that is kept in step by hand: what `task::pull` does, without network and store.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) mirror: Mirror,
    pub(crate) rules: Rules,
    pub(crate) decisions: Decisions,
    pub(crate) served: Directory,
    pub(crate) window: Window,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) pending: BTreeSet<Node>,
    pub(crate) now: Millis,
    /// The observation that was planned last.
    pub(crate) planned: Millis,
    pub(crate) last: Plan,
    /// The issues of everybody, kept from plan to plan.
    pub(crate) issues: Issues,
}

impl Bench {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            mirror: Mirror::default(),
            rules,
            decisions: Decisions::default(),
            served: Directory::default(),
            window: Window::default(),
            log: Vec::new(),
            pending: BTreeSet::new(),
            now: Millis(1_000),
            planned: Millis(1_000),
            last: Plan::default(),
            issues: Issues::default(),
        }
    }

    /// Merges an observation, asks about what is unconfirmed, plans and applies.
    pub(crate) fn run(
        &mut self,
        observation: &Observation,
        tenant: &impl Provider,
        lifted: &[GuardKind],
    ) {
        self.now = self.now.plus(1_000);
        let mut merged = self.mirror.merge(observation, self.now);
        self.ask_about_returned(tenant, &mut merged);
        // First whether people are there, then whether they are in groups.
        for _ in 0..2 {
            let questions = self.mirror.questions(500);
            let answers: Vec<(Asked, Verdict)> = questions
                .iter()
                .map(|(asked, question)| (*asked, tenant.answer(question)))
                .collect();
            self.mirror.settle(&answers, self.now, &mut merged);
        }
        let compiled = self.compiled();
        self.mirror.reserve(compiled.made_groups(), &mut merged);
        let mut dirty = merged.dirty;
        dirty.waiting.clone_from(&self.pending);
        dirty.nodes.extend(self.basis(&compiled).due(self.planned));
        let incremental = self.plan(&dirty, lifted);
        let whole = self.plan(&Dirty::everything(), lifted);
        assert_eq!(incremental.changes, whole.changes, "incremental and whole planning agree");
        assert_eq!(incremental.held, whole.held, "and hold the same");
        assert_eq!(incremental.decisions, whole.decisions, "and decide the same");
        assert_eq!(incremental.pending, whole.pending, "and wait for the same");
        self.issues.take(&incremental, &dirty);
        counts::check(self, &whole, lifted);
        self.commit(whole);
    }

    /// Groups that came back are read again, and memberships of people who came back are asked for.
    fn ask_about_returned(&mut self, tenant: &impl Provider, merged: &mut Merged) {
        let again: Vec<GroupMembers> = tenant
            .members()
            .into_iter()
            .filter(|members| {
                self.mirror.group_no(&members.group).is_some_and(|no| merged.reread.contains(&no))
            })
            .collect();
        self.mirror.merge_members(&again, self.now, merged);
        for no in merged.returned.clone() {
            let id = self.mirror.person(no).unwrap().record.id.clone();
            self.mirror.set_memberships(no, &tenant.groups_of(&id), self.now, merged);
        }
    }

    pub(crate) fn compiled(&self) -> Compiled {
        Compiled::new(self.rules.clone()).expect("usable rules")
    }

    pub(crate) fn basis<'a>(&'a self, rules: &'a Compiled) -> Basis<'a> {
        Basis {
            mirror: &self.mirror,
            rules,
            decisions: &self.decisions,
            served: &self.served,
            observed: self.now,
        }
    }

    /// Changes the rules, plans everything and applies it.
    pub(crate) fn set_rules(&mut self, rules: Rules, lifted: &[GuardKind]) {
        self.rules = rules;
        self.now = self.now.plus(1_000);
        let compiled = self.compiled();
        let preview = self.plan(&Dirty::everything(), lifted);
        self.mirror.reserve(compiled.made_groups(), &mut Merged::default());
        let plan = self.plan(&Dirty::everything(), lifted);
        assert_eq!(preview.changes, plan.changes, "a plan without numbers foretells them");
        self.issues.take(&plan, &Dirty::everything());
        counts::check(self, &plan, lifted);
        self.commit(plan);
    }

    pub(crate) fn plan(&self, dirty: &Dirty, lifted: &[GuardKind]) -> Plan {
        let compiled = self.compiled();
        let basis = self.basis(&compiled);
        let lifted = lifted.iter().copied().collect();
        let context = Context {
            now: self.now,
            window: &self.window,
            lifted: &lifted,
            empty_read: false,
            take_overs: &[],
        };
        plan(&basis, dirty, &context)
    }

    /// Plans the way back to an earlier directory.
    pub(crate) fn undo(&mut self, target: &Directory) -> Plan {
        self.now = self.now.plus(1_000);
        pin::pin(&self.served, target, &self.decisions, self.now)
    }

    pub(crate) fn commit(&mut self, plan: Plan) {
        self.served = self.served.apply(&plan.changes).expect("the plan fits the directory");
        self.decisions.apply(&plan.decisions);
        let run = RunId(self.now.0.unsigned_abs());
        for change in &plan.changes {
            let seq = ChangeSeq(self.log.len() as u64 + 1);
            let directory = DirectoryId(1);
            self.log.push(LogEntry { seq, run, at: self.now, directory, change: change.clone() });
        }
        self.pending.clone_from(&plan.pending);
        self.planned = self.now;
        self.last = plan;
    }

    /// The directory that the change log amounts to.
    pub(crate) fn folded(&self) -> Directory {
        let runs = self.log.chunk_by(|a, b| a.run == b.run);
        runs.fold(Directory::default(), |directory, run| {
            let changes: Vec<&Change> = run.iter().map(|entry| &entry.change).collect();
            directory.apply(changes).expect("the log folds")
        })
    }
}

/// Rules under which the directory equals the truth: no grace, guests in, renames followed, no limits.
pub(crate) fn plain_rules(nested_groups: NestedGroups) -> Rules {
    Rules {
        guests: Guests::Included,
        group_renames: GroupRenames::Follow,
        grace_ms: 0,
        nested_groups,
        limits: no_limits(),
        ..Rules::default()
    }
}

pub(crate) fn no_limits() -> Limits {
    let all = 1_000_000_000;
    Limits {
        leaving_share: all,
        leaving_max: 0,
        groups_share: all,
        groups_max: 0,
        memberships_share: all,
        emptied_group_min: all,
        renames_share: all,
        reactivated_share: all,
        blanked_share: all,
        ..Limits::default()
    }
}

/// Limits by tenths, and by thirds of all memberships, that small fixtures can reach.
pub(crate) fn tenths() -> Limits {
    Limits {
        leaving_share: 1_000,
        leaving_max: 0,
        groups_share: 1_000,
        groups_min: 10,
        groups_max: 0,
        memberships_share: 3_000,
        memberships_min: 10,
        ..Limits::default()
    }
}

pub(crate) fn user_id(no: u8) -> ProviderId {
    ProviderId::parse(&format!("u{no:03}")).unwrap()
}

pub(crate) fn group_id(no: u8) -> ProviderId {
    ProviderId::parse(&format!("g{no:03}")).unwrap()
}

fn person_record(no: u8, person: &Person) -> PersonRecord {
    PersonRecord {
        id: user_id(no),
        kind: if person.guest { PersonKind::Guest } else { PersonKind::Member },
        enabled: Some(person.enabled),
        attributes: Attributes::pack([
            (Attribute::Login, person.login.as_str()),
            (Attribute::Mail, person.mail.as_str()),
        ]),
    }
}

fn group_record(no: u8, team: &Team) -> GroupRecord {
    GroupRecord {
        id: group_id(no),
        kind: GroupKind::Security,
        hidden_members: false,
        attributes: Attributes::pack([(Attribute::DisplayName, team.name.as_str())]),
    }
}

fn member_set(users: &BTreeSet<u8>, teams: &BTreeSet<u8>) -> MemberSet {
    MemberSet {
        users: users.iter().map(|no| user_id(*no)).collect(),
        groups: teams.iter().map(|no| group_id(*no)).collect(),
    }
}

fn removed(id: ProviderId) -> Removed {
    Removed { id, restorable: true }
}

fn changed<'a, T: PartialEq>(
    now: &'a BTreeMap<u8, T>,
    before: &'a BTreeMap<u8, T>,
) -> impl Iterator<Item = (u8, &'a T)> {
    now.iter().filter(|(no, value)| before.get(no) != Some(value)).map(|(no, value)| (*no, value))
}

fn gone<'a, T>(
    now: &'a BTreeMap<u8, T>,
    before: &'a BTreeMap<u8, T>,
) -> impl Iterator<Item = u8> + 'a {
    before.keys().filter(|no| !now.contains_key(no)).copied()
}
