//! What happened to a view since a position of the log, as products can be told (DESIGN.md 10.9).
//!
//! The log says what was touched; what is told is how it *is*, from one snapshot. Invariants: whoever
//! carries out the happenings in order has what a full reading would give; a rename that the client does
//! not know of, or more than [`OBJECTS_MAX`] objects, is not told at all.

mod flat;

use std::collections::{BTreeMap, BTreeSet};

use directory::{
    id::{ChangeSeq, DirectoryId, GroupNo, UserNo},
    name::{Name, fold},
    recent::{Touched, What},
    view::{GroupAt, UserAt, View},
};

/// Objects and edges that are told at the most.
pub(super) const OBJECTS_MAX: usize = 50_000;

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// It is there now.
    Created,
    /// It is different, or the lists that are told are complete.
    Updated,
    /// It is not there any more.
    Deleted,
}

impl Operation {
    /// Crowd's word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A person came or changed.
    User(Operation, UserAt),
    /// A person went.
    UserGone(Box<str>),
    /// A group came or changed.
    Group(Operation, GroupAt),
    /// A group went.
    GroupGone(Box<str>),
    /// A person joined or left groups, or is in exactly these.
    Memberships(Operation, UserAt, Vec<GroupAt>),
    /// A group joined or left others, or has exactly these around and in it.
    Nestings {
        /// What the lists mean.
        operation: Operation,
        /// The group.
        group: GroupAt,
        /// Groups around it.
        parents: Vec<GroupAt>,
        /// Groups in it.
        children: Vec<GroupAt>,
    },
}

/// What happened since a position, to a client that knows the names of a later one, `known`; `None` when only
/// a full reading can tell.
pub(super) fn since(view: &View, after: ChangeSeq, known: ChangeSeq) -> Option<Vec<Happening>> {
    let mut traces = Traces::default();
    for touched in view.published().recent.after(after)? {
        if view.directory(touched.directory).is_some() {
            traces.add(view, touched, touched.seq <= known)?;
        }
    }
    let (users, groups) = traces.verdicts(view);
    let (memberships, nestings) = traces.edges(view, &groups)?;
    let mut teller = Teller { view, users, groups, told: Told::default() };
    teller.tell_memberships(&memberships);
    teller.tell_nestings(&nestings);
    teller.tell_whole_users();
    teller.tell_whole_groups();
    teller.into_happenings(&traces)
}

/// An object of one directory, by number.
type Object = (DirectoryId, u32);

/// What the log says of one name.
#[derive(Debug, Default)]
struct Trace {
    /// As last spelled.
    spelled: Box<str>,
    touches: Vec<Touch>,
    /// It was taken from one object that went on under another name, or given to one that had another.
    renamed: bool,
}

/// One entry of the log, seen from a name.
#[derive(Clone, Copy, Debug)]
struct Touch {
    object: Object,
    /// Whether the object had the name before.
    was: bool,
    /// Whether it had it after.
    is: bool,
}

/// What is to be told of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is not there any more.
    Gone,
    /// It was not there before.
    New,
    /// Another object has it now, or it was away in between: it goes and comes.
    Again,
    /// Another directory's object has it now: it is told anew, with all that belongs to it.
    Moved,
    /// Something about it is different.
    Changed,
    /// Nothing that this view shows.
    Same,
}

impl Verdict {
    /// Whether all memberships of the name are told.
    fn is_whole(self) -> bool {
        matches!(self, Self::New | Self::Again)
    }

    /// Whether what is told of the name leaves no old membership, so that single edges need not be told.
    /// What is new may be known already, with memberships that went since: a token points into the past.
    fn starts_afresh(self) -> bool {
        matches!(self, Self::Again | Self::Moved)
    }
}

/// What the log says of all names and edges.
#[derive(Debug, Default)]
struct Traces {
    users: BTreeMap<String, Trace>,
    groups: BTreeMap<String, Trace>,
    /// The names that touched objects had.
    user_names: BTreeMap<Object, BTreeSet<String>>,
    /// Those of people that the client may not know.
    new_user_names: BTreeMap<Object, BTreeSet<String>>,
    group_names: BTreeMap<Object, BTreeSet<String>>,
    /// Touched edges: the group, then the person or child group.
    members: BTreeSet<(DirectoryId, GroupNo, UserNo)>,
    children: BTreeSet<(DirectoryId, GroupNo, GroupNo)>,
}

type Names<'a> = (Option<&'a str>, Option<&'a str>);

impl Traces {
    /// Takes an entry, of which the client knows the names or not; `None` when it cannot be told.
    fn add(&mut self, view: &View, touched: &Touched, names_known: bool) -> Option<()> {
        let directory = touched.directory;
        match &touched.what {
            What::User { no, before, after } => {
                let object = (directory, no.0);
                // For whom names are frozen, a new one is just a change.
                let frozen = view.frozen_name(directory, *no).map(Name::as_str);
                let names = [before, after].map(|name| {
                    let name = name.as_deref()?;
                    Some(frozen.unwrap_or(name))
                });
                let names = match (names[0], names[1]) {
                    // To a client that has read the new name, somebody of that name changed.
                    (Some(_), Some(after)) if names_known => (Some(after), Some(after)),
                    names => names,
                };
                trace(&mut self.users, object, names);
                let folded = || [names.0, names.1].into_iter().flatten().map(|n| fold(n).into());
                self.user_names.entry(object).or_default().extend(folded());
                if !names_known {
                    let new = self.new_user_names.entry(object).or_default();
                    new.extend(folded());
                    // A person with two names in the range was renamed, at once or by going and coming.
                    if new.len() > 1 {
                        return None;
                    }
                }
            }
            What::Group { no, before, after } => {
                let object = (directory, no.0);
                let names = (before.as_deref(), after.as_deref());
                trace(&mut self.groups, object, names);
                let known = self.group_names.entry(object).or_default();
                known.extend([names.0, names.1].into_iter().flatten().map(|n| fold(n).into()));
            }
            What::Members { group, users, groups } => {
                self.members.extend(users.iter().map(|user| (directory, *group, *user)));
                self.children.extend(groups.iter().map(|child| (directory, *group, *child)));
            }
        }
        let objects =
            self.users.len() + self.groups.len() + self.members.len() + self.children.len();
        (objects <= OBJECTS_MAX).then_some(())
    }

    fn verdicts(&self, view: &View) -> (BTreeMap<String, Verdict>, BTreeMap<String, Verdict>) {
        let users = self.users.iter().map(|(name, trace)| {
            let here = |directory| {
                let (no, _) = view.directory(directory)?.user_by_name(name)?;
                Some(no.0)
            };
            let frozen = |(directory, no): Object| {
                view.frozen_name(directory, UserNo(no)).is_some_and(|known| known.folded() == name)
            };
            let verdict = match trace.without_namesakes(here, frozen, view) {
                Some(trace) => trace.verdict(view, here),
                None => trace.verdict(view, here),
            };
            (name.clone(), verdict)
        });
        let groups = self.groups.iter().map(|(name, trace)| {
            let here = |directory| {
                let (no, _) = view.directory(directory)?.group_by_name(name)?;
                Some(no.0)
            };
            (name.clone(), trace.verdict(view, here))
        });
        (users.collect(), groups.collect())
    }

    /// The folded names that a group has and had.
    fn names_of_group(&self, view: &View, directory: DirectoryId, no: GroupNo) -> BTreeSet<String> {
        let now = view.directory(directory).and_then(|d| d.group(no));
        let mut names = self.group_names.get(&(directory, no.0)).cloned().unwrap_or_default();
        names.extend(now.map(|group| group.folded_name().to_owned()));
        names
    }

    /// The touched edges by name: (person, group) and (child, parent), as far as both ends are there.
    fn edges(
        &self,
        view: &View,
        groups: &BTreeMap<String, Verdict>,
    ) -> Option<(Edges<UserAt>, Edges<GroupAt>)> {
        if view.shape().flattened {
            return Some((flat::memberships(self, view, groups)?, Edges::new()));
        }
        let group_names = |directory, no: GroupNo| self.names_of_group(view, directory, no);
        let mut memberships = Edges::new();
        for (directory, group, user) in &self.members {
            let now = view.directory(*directory).and_then(|d| d.user(*user));
            let traced = self.user_names.get(&(*directory, user.0));
            let traced = traced.and_then(|names| names.first()).map(String::as_str);
            let Some(name) = now.map(|user| user.folded_name()).or(traced) else { continue };
            // Whom another directory owns is a member as that one says, unless all have a say.
            let shown = |at: &UserAt| view.shape().aggregate || view.owner(*at) == *directory;
            let Some(user) = view.user_named(name).filter(shown) else { continue };
            let groups = group_names(*directory, *group);
            let groups = groups.iter().filter_map(|name| view.group_named(name));
            memberships.extend(groups.map(|group| (user, group)));
        }
        let mut nestings = Edges::new();
        for (directory, parent, child) in &self.children {
            let parents = group_names(*directory, *parent);
            let parents: Vec<_> = parents.iter().filter_map(|n| view.group_named(n)).collect();
            let children = group_names(*directory, *child);
            let shown =
                |at: &GroupAt| view.shape().aggregate || view.group_owner(*at) == *directory;
            let children = children.iter().filter_map(|name| view.group_named(name));
            for child in children.filter(shown) {
                nestings.extend(parents.iter().map(|parent| (child, *parent)));
            }
        }
        (memberships.len() + nestings.len() <= OBJECTS_MAX).then_some((memberships, nestings))
    }
}

/// What is in which group.
type Edges<T> = BTreeSet<(T, GroupAt)>;

fn trace(traces: &mut BTreeMap<String, Trace>, object: Object, (before, after): Names<'_>) {
    let (old, new) = (before.map(fold), after.map(fold));
    let renamed = old.is_some() && new.is_some() && old != new;
    let mut touch = |spelled: &str, name: &str, was, is| {
        let trace = traces.entry(name.to_owned()).or_default();
        trace.spelled = spelled.into();
        trace.renamed |= renamed;
        trace.touches.push(Touch { object, was, is });
    };
    if let (Some(spelled), Some(name)) = (before, &old) {
        touch(spelled, name, true, new.as_ref() == Some(name));
    }
    if let (Some(spelled), Some(name)) = (after, &new)
        && (renamed || old.is_none())
    {
        touch(spelled, name, false, true);
    }
}

impl Trace {
    /// What is told of a name that is frozen: others who were given it are left out, so that only its
    /// holder counts, as long as that one was there all the time.
    fn without_namesakes(
        &self,
        here: impl Fn(DirectoryId) -> Option<u32>,
        frozen: impl Fn(Object) -> bool,
        view: &View,
    ) -> Option<Self> {
        let now = view.directories().find_map(|directory| Some((directory, here(directory)?)))?;
        let of_holder = |touch: &&Touch| touch.object == now || touch.object.0 != now.0;
        let stayed = self.touches.iter().filter(|touch| touch.object == now).all(|t| t.was == t.is);
        let touches: Vec<Touch> = self.touches.iter().filter(of_holder).copied().collect();
        let others = touches.len() < self.touches.len();
        (others && stayed && frozen(now)).then(|| Self {
            spelled: self.spelled.clone(),
            touches,
            renamed: false,
        })
    }

    /// What became of the name; `here` says which object of a directory has it now.
    fn verdict(&self, view: &View, here: impl Fn(DirectoryId) -> Option<u32>) -> Verdict {
        let find = |has: &dyn Fn(DirectoryId) -> Option<u32>| {
            view.directories().find_map(|directory| Some((directory, has(directory)?)))
        };
        let Some(now) = find(&here) else { return Verdict::Gone };
        let then = find(&|directory| self.holder_before(directory, &here));
        let Some(then) = then else { return Verdict::New };
        if self.renamed {
            return Verdict::Again;
        }
        if then.0 != now.0 {
            return Verdict::Moved;
        }
        let owner = |touch: &&Touch| touch.object.0 == now.0;
        let came_or_went = |touch: &&Touch| touch.was != touch.is;
        if then.1 != now.1 || self.touches.iter().filter(owner).any(|touch| came_or_went(&touch)) {
            return Verdict::Again;
        }
        // A directory above had the name for a while.
        let above: Vec<_> = view.directories().take_while(|id| *id != now.0).collect();
        if self.touches.iter().filter(came_or_went).any(|t| above.contains(&t.object.0)) {
            return Verdict::Moved;
        }
        if self.touches.iter().any(|touch| owner(&touch)) {
            Verdict::Changed
        } else {
            Verdict::Same
        }
    }

    /// Which object of a directory had the name at the beginning.
    fn holder_before(
        &self,
        directory: DirectoryId,
        here: impl Fn(DirectoryId) -> Option<u32>,
    ) -> Option<u32> {
        let mut seen = BTreeSet::new();
        let mut touched = false;
        for touch in self.touches.iter().filter(|touch| touch.object.0 == directory) {
            touched = true;
            if seen.insert(touch.object) && touch.was {
                return Some(touch.object.1);
            }
        }
        if touched { None } else { here(directory) }
    }
}

/// Collects what is to be told.
struct Teller<'a> {
    view: &'a View,
    users: BTreeMap<String, Verdict>,
    groups: BTreeMap<String, Verdict>,
    told: Told,
}

/// Edges that are to be told, by the object inside.
#[derive(Debug, Default)]
struct Told {
    users_left: BTreeMap<UserAt, BTreeSet<GroupAt>>,
    users_joined: BTreeMap<UserAt, BTreeSet<GroupAt>>,
    groups_left: BTreeMap<GroupAt, BTreeSet<GroupAt>>,
    groups_joined: BTreeMap<GroupAt, BTreeSet<GroupAt>>,
    users_whole: Vec<UserAt>,
    groups_whole: Vec<GroupAt>,
}

impl Teller<'_> {
    fn of_user(&self, at: UserAt) -> Verdict {
        let name = self.view.user(at).folded_name();
        self.users.get(name).copied().unwrap_or(Verdict::Same)
    }

    fn of_group(&self, at: GroupAt) -> Verdict {
        let name = self.view.group(at).folded_name();
        self.groups.get(name).copied().unwrap_or(Verdict::Same)
    }

    fn tell_memberships(&mut self, edges: &Edges<UserAt>) {
        for (user, group) in edges {
            if self.of_user(*user).starts_afresh() || self.of_group(*group) == Verdict::Again {
                continue;
            }
            let joined = self.view.is_member(*user, *group);
            let told = if joined { &mut self.told.users_joined } else { &mut self.told.users_left };
            told.entry(*user).or_default().insert(*group);
        }
    }

    fn tell_nestings(&mut self, edges: &Edges<GroupAt>) {
        for (child, parent) in edges {
            let again = self.of_group(*parent) == Verdict::Again;
            if self.of_group(*child).starts_afresh() || again {
                continue;
            }
            let joined = self.view.is_child(*child, *parent);
            let told =
                if joined { &mut self.told.groups_joined } else { &mut self.told.groups_left };
            told.entry(*child).or_default().insert(*parent);
        }
    }

    /// People of whom all memberships are told.
    fn tell_whole_users(&mut self) {
        let named = self
            .users
            .iter()
            .filter_map(|(name, verdict)| self.view.user_named(name).map(|at| (at, *verdict)));
        for (user, verdict) in named {
            match verdict {
                Verdict::Moved => self.told.users_whole.push(user),
                Verdict::New | Verdict::Again => {
                    let joined = self.view.groups_of(user).into_iter();
                    self.told.users_joined.entry(user).or_default().extend(joined);
                }
                _ => {}
            }
        }
    }

    /// Groups of which all members, and all groups around and in them, are told.
    fn tell_whole_groups(&mut self) {
        let named: Vec<_> = self
            .groups
            .iter()
            .filter_map(|(name, verdict)| self.view.group_named(name).map(|at| (at, *verdict)))
            .collect();
        for (group, verdict) in named {
            if verdict == Verdict::Moved {
                self.told.groups_whole.push(group);
                continue;
            }
            if !verdict.is_whole() {
                continue;
            }
            for user in self.view.users_of(group) {
                if self.of_user(user) != Verdict::Moved {
                    self.told.users_joined.entry(user).or_default().insert(group);
                }
            }
            let parents = self.view.parents_of(group).into_iter();
            self.told.groups_joined.entry(group).or_default().extend(parents);
            for child in self.view.children_of(group) {
                if self.of_group(child) != Verdict::Moved {
                    self.told.groups_joined.entry(child).or_default().insert(group);
                }
            }
        }
    }

    /// Everything in the order in which Crowd tells it; `None` when it is too much.
    fn into_happenings(self, traces: &Traces) -> Option<Vec<Happening>> {
        let Self { view, users, groups, told } = self;
        let mut all = Vec::new();
        push_memberships(&mut all, Operation::Deleted, told.users_left);
        push_nestings(&mut all, Operation::Deleted, told.groups_left);
        let goes = |verdict: &Verdict| matches!(verdict, Verdict::Gone | Verdict::Again);
        let gone = users.iter().filter(|(_, verdict)| goes(verdict));
        all.extend(gone.map(|(name, _)| Happening::UserGone(traces.users[name].spelled.clone())));
        let gone = groups.iter().filter(|(_, verdict)| goes(verdict));
        all.extend(gone.map(|(name, _)| Happening::GroupGone(traces.groups[name].spelled.clone())));
        all.extend(groups.iter().filter_map(|(name, verdict)| {
            Some(Happening::Group(operation(*verdict)?, view.group_named(name)?))
        }));
        all.extend(users.iter().filter_map(|(name, verdict)| {
            Some(Happening::User(operation(*verdict)?, view.user_named(name)?))
        }));
        push_memberships(&mut all, Operation::Created, told.users_joined);
        all.extend(
            told.users_whole
                .into_iter()
                .map(|user| Happening::Memberships(Operation::Updated, user, view.groups_of(user))),
        );
        push_nestings(&mut all, Operation::Created, told.groups_joined);
        all.extend(told.groups_whole.into_iter().map(|group| Happening::Nestings {
            operation: Operation::Updated,
            group,
            parents: view.parents_of(group),
            children: view.children_of(group),
        }));
        let objects: usize = all.iter().map(Happening::objects).sum();
        (objects <= OBJECTS_MAX).then_some(all)
    }
}

/// How an object that is there now is told.
fn operation(verdict: Verdict) -> Option<Operation> {
    match verdict {
        Verdict::New | Verdict::Again => Some(Operation::Created),
        Verdict::Moved | Verdict::Changed => Some(Operation::Updated),
        Verdict::Gone | Verdict::Same => None,
    }
}

fn push_memberships(
    all: &mut Vec<Happening>,
    operation: Operation,
    edges: BTreeMap<UserAt, BTreeSet<GroupAt>>,
) {
    let told = edges.into_iter().filter(|(_, groups)| !groups.is_empty());
    all.extend(told.map(|(user, groups)| {
        Happening::Memberships(operation, user, groups.into_iter().collect())
    }));
}

fn push_nestings(
    all: &mut Vec<Happening>,
    operation: Operation,
    edges: BTreeMap<GroupAt, BTreeSet<GroupAt>>,
) {
    let told = edges.into_iter().filter(|(_, parents)| !parents.is_empty());
    all.extend(told.map(|(group, parents)| Happening::Nestings {
        operation,
        group,
        parents: parents.into_iter().collect(),
        children: Vec::new(),
    }));
}

impl Happening {
    /// Objects and edges that it tells.
    fn objects(&self) -> usize {
        match self {
            Self::User(..) | Self::UserGone(_) | Self::Group(..) | Self::GroupGone(_) => 1,
            Self::Memberships(_, _, groups) => 1 + groups.len(),
            Self::Nestings { parents, children, .. } => 1 + parents.len() + children.len(),
        }
    }
}
