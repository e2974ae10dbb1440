//! What may have changed in a flattened view, where one edge between groups moves many memberships.
//!
//! Invariant: every membership that came or went is among what is given. It went along a path of edges
//! that are there now or were touched, of which one was touched, or through a group whose name another
//! object has now; so all pairs are taken that such a path joins, and each is told as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use directory::{
    id::{DirectoryId, GroupNo, UserNo},
    snapshot::Directory,
    view::{GroupAt, UserAt, View},
};

use super::{Edges, OBJECTS_MAX, Object, Traces, Verdict};

/// Steps between names that are taken at the most.
const STEPS_MAX: usize = 1_000_000;

type Names = BTreeSet<String>;

/// The memberships that may have changed; `None` when they are too many to tell.
pub(super) fn memberships(
    traces: &Traces,
    view: &View,
    verdicts: &BTreeMap<String, Verdict>,
) -> Option<Edges<UserAt>> {
    let mut graph = Graph::of(traces, view);
    let mut told = Edges::new();
    for (directory, group, user) in &traces.members {
        let users = graph.user_names(*directory, *user);
        for group in graph.group_names(*directory, *group) {
            let around = graph.around(&group)?;
            tell(&mut told, view, &users, &around)?;
        }
    }
    for (directory, parent, child) in &traces.children {
        let parents = graph.group_names(*directory, *parent);
        for child in graph.group_names(*directory, *child) {
            let inside = graph.users_inside(&child)?;
            for parent in &parents {
                let around = graph.around(parent)?;
                tell(&mut told, view, &inside, &around)?;
            }
        }
    }
    let passed_on =
        verdicts.iter().filter(|(_, verdict)| !matches!(verdict, Verdict::Same | Verdict::Changed));
    for (group, _) in passed_on {
        let (inside, around) = (graph.users_inside(group)?, graph.around(group)?);
        tell(&mut told, view, &inside, &around)?;
    }
    Some(told)
}

/// Takes every pair whose ends are there now.
fn tell(told: &mut Edges<UserAt>, view: &View, users: &Names, groups: &Names) -> Option<()> {
    let groups: Vec<GroupAt> = groups.iter().filter_map(|name| view.group_named(name)).collect();
    for user in users.iter().filter_map(|name| view.user_named(name)) {
        told.extend(groups.iter().map(|group| (user, *group)));
        if told.len() > OBJECTS_MAX {
            return None;
        }
    }
    Some(())
}

/// The edges that are there now and those that were touched, between names.
struct Graph<'a> {
    traces: &'a Traces,
    view: &'a View,
    /// The objects that had a name at some time.
    objects: BTreeMap<&'a str, BTreeSet<Object>>,
    touched_users: BTreeMap<Object, Vec<UserNo>>,
    touched_children: BTreeMap<Object, Vec<GroupNo>>,
    touched_parents: BTreeMap<Object, Vec<GroupNo>>,
    around: BTreeMap<String, Rc<Names>>,
    inside: BTreeMap<String, Rc<Names>>,
    steps: usize,
}

impl<'a> Graph<'a> {
    fn of(traces: &'a Traces, view: &'a View) -> Self {
        let mut graph = Self {
            traces,
            view,
            objects: BTreeMap::new(),
            touched_users: BTreeMap::new(),
            touched_children: BTreeMap::new(),
            touched_parents: BTreeMap::new(),
            around: BTreeMap::new(),
            inside: BTreeMap::new(),
            steps: 0,
        };
        for (object, names) in &traces.group_names {
            for name in names {
                graph.objects.entry(name).or_default().insert(*object);
            }
        }
        for (directory, group, user) in &traces.members {
            graph.touched_users.entry((*directory, group.0)).or_default().push(*user);
        }
        for (directory, parent, child) in &traces.children {
            graph.touched_children.entry((*directory, parent.0)).or_default().push(*child);
            graph.touched_parents.entry((*directory, child.0)).or_default().push(*parent);
        }
        graph
    }

    fn user_names(&self, directory: DirectoryId, no: UserNo) -> Names {
        let mut names = self.traces.user_names.get(&(directory, no.0)).cloned().unwrap_or_default();
        let now = self.view.directory(directory).and_then(|d| d.user(no));
        names.extend(now.map(|user| user.folded_name().to_owned()));
        names
    }

    fn group_names(&self, directory: DirectoryId, no: GroupNo) -> Names {
        self.traces.names_of_group(self.view, directory, no)
    }

    /// The objects that have a name or had it.
    fn objects(&self, name: &str) -> BTreeSet<Object> {
        let mut objects = self.objects.get(name).cloned().unwrap_or_default();
        objects.extend(self.view.directories().filter_map(|directory| {
            let (no, _) = self.view.directory(directory)?.group_by_name(name)?;
            Some((directory, no.0))
        }));
        objects
    }

    /// The names of groups one step from a name.
    fn step(
        &mut self,
        name: &str,
        now: impl Fn(&Directory, GroupNo) -> &[u32],
        touched: impl Fn(&Self, &Object) -> Vec<GroupNo>,
    ) -> Option<Names> {
        let mut names = Names::new();
        for object in self.objects(name) {
            let directory = self.view.directory(object.0)?;
            let there = now(directory, GroupNo(object.1)).iter().map(|no| GroupNo(*no));
            for no in there.chain(touched(self, &object)) {
                names.extend(self.group_names(object.0, no));
                self.steps += 1;
            }
        }
        (self.steps <= STEPS_MAX).then_some(names)
    }

    /// A group and all that it is inside of.
    fn around(&mut self, name: &str) -> Option<Rc<Names>> {
        if let Some(known) = self.around.get(name) {
            return Some(Rc::clone(known));
        }
        let reached = Rc::new(reach(name, |name| {
            self.step(name, Directory::parents_of, |graph, object| {
                graph.touched_parents.get(object).cloned().unwrap_or_default()
            })
        })?);
        self.around.insert(name.to_owned(), Rc::clone(&reached));
        Some(reached)
    }

    /// Everybody in a group or in groups inside it.
    fn users_inside(&mut self, name: &str) -> Option<Rc<Names>> {
        if let Some(known) = self.inside.get(name) {
            return Some(Rc::clone(known));
        }
        let groups = reach(name, |name| {
            self.step(name, Directory::children_of, |graph, object| {
                graph.touched_children.get(object).cloned().unwrap_or_default()
            })
        })?;
        let mut users = Names::new();
        for object in groups.iter().flat_map(|name| self.objects(name)) {
            let directory = self.view.directory(object.0)?;
            let there = directory.users_of(GroupNo(object.1)).iter().map(|no| UserNo(*no));
            let touched = self.touched_users.get(&object).into_iter().flatten().copied();
            for no in there.chain(touched) {
                users.extend(self.user_names(object.0, no));
            }
            if users.len() > OBJECTS_MAX {
                return None;
            }
        }
        let users = Rc::new(users);
        self.inside.insert(name.to_owned(), Rc::clone(&users));
        Some(users)
    }
}

/// A name and all that can be reached from it.
fn reach(from: &str, mut step: impl FnMut(&str) -> Option<Names>) -> Option<Names> {
    let mut reached = Names::from([from.to_owned()]);
    let mut waiting = vec![from.to_owned()];
    while let Some(name) = waiting.pop() {
        for next in step(&name)? {
            if reached.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    Some(reached)
}
