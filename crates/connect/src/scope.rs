//! What of a tenant is read: everything, or only chosen groups with their people, or what is assigned to an app.
//!
//! Invariants: a scoped read is always a complete one, since who comes into the scope shows in no list of changes;
//! whoever exists outside the scope is gone as far as the directory goes; and no list alone proves that somebody left
//! the scope, since the list may be short: [`Reader`] has a table of lists and of what is asked instead.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use directory::{
    id::ProviderId,
    observation::{
        Attribute, GroupMembers, GroupRecord, Listing, MemberSet, MembersListing, Observation,
        PersonRecord, Unread, Verdict,
    },
};

use crate::{
    error::{ConnectError, Kind},
    progress::Progress,
    unreadable::{Asked, Before, One, Part, Unreads},
};

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Everything,
    /// These groups, the groups inside, and the people in any of them.
    Groups(Chosen),
    /// What is assigned to this application.
    Assigned(String),
}

/// Groups as an administrator names them: by id, name or address, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen(BTreeSet<String>);

/// Where a scoped read begins.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    pub(crate) groups: HashMap<ProviderId, GroupRecord>,
    /// People who are in the scope by themselves; without a record it is read.
    pub(crate) people: HashMap<ProviderId, Option<PersonRecord>>,
    /// Whether groups inside belong to the scope.
    pub(crate) nested: bool,
    /// Whether members of the groups belong to the scope.
    pub(crate) members: bool,
    pub(crate) notes: Vec<String>,
    /// What could not be read.
    pub(crate) unread: Unreads,
}

/// What a scoped read needs of a provider.
///
/// | list of a scoped read that may lack somebody | evidence that they left the scope |
/// | --- | --- |
/// | all groups, searched for the chosen ones | the group's own record, by id: it is gone or no longer has a chosen name |
/// | members of chosen groups, and groups inside (Entra) | `checkMemberGroups` names none of the chosen groups |
/// | the same (Google) | `hasMember` of every chosen group says no |
/// | members of chosen groups (Okta) | a second list, `users/ID/groups`, agrees for an hour ([`Verdict::Unlisted`]) |
/// | assignments of an app (Entra) | a second list, `appRoleAssignments` of the user or group, agrees for an hour |
/// | members of assigned groups (Entra) | a second list, `users/ID/memberOf`, agrees for an hour |
/// | users and groups of an app (Okta) | 404 at `apps/ID/users/UID` or `apps/ID/groups/GID` |
/// | records by id that came back short | the object's own address, as for whole tenants |
pub(crate) trait Reader {
    /// Where the scope begins.
    async fn roots(&self, progress: &Progress) -> Result<Roots, ConnectError>;

    /// How the provider is called in what is said of single objects.
    const WHO: &'static str;

    /// Direct members of groups; records of people who come along are put into `people`.
    async fn members_in_scope(
        &self,
        groups: &[ProviderId],
        people: &mut HashMap<ProviderId, PersonRecord>,
        progress: &Progress,
    ) -> Result<Vec<(ProviderId, One<MemberSet>)>, ConnectError>;

    /// Records of people; those who are not there are left out, and those that cannot be read go into `unread`.
    async fn people_by_id(
        &self,
        ids: Vec<ProviderId>,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<PersonRecord>, ConnectError>;

    /// Records of groups; those that are not there are left out, and those that cannot be read go into `unread`.
    async fn groups_by_id(
        &self,
        ids: Vec<ProviderId>,
        unread: &mut Unreads,
        progress: &Progress,
    ) -> Result<Vec<GroupRecord>, ConnectError>;

    /// The record of one group, read at its own address; `None` when it is gone.
    ///
    /// # Errors
    /// When the provider did not say, or the record does not tell what the group is called.
    async fn group_alone(
        &self,
        id: &ProviderId,
        progress: &Progress,
    ) -> Result<Option<GroupRecord>, ConnectError>;

    /// The texts by which an administrator can choose a group.
    fn names(&self, group: &GroupRecord) -> Vec<String>;

    /// Whether the members of groups that hide them can be read.
    async fn sees_hidden(&self, _: &Progress) -> Result<bool, ConnectError> {
        Ok(true)
    }

    /// The groups of the last scoped read.
    fn last_scope(&self) -> &LastScope;
}

/// The groups of the scope: those of the last read, and those that were in it before and are not known to have left it.
#[derive(Debug, Default)]
pub(crate) struct LastScope(Mutex<Groups>);

#[derive(Debug, Default)]
struct Groups {
    /// All groups of the last read.
    read: BTreeSet<ProviderId>,
    /// The groups at which the last read began.
    roots: BTreeSet<ProviderId>,
    /// Groups at which a read began once, or that the directory has: the last list may have lacked them.
    known: BTreeSet<ProviderId>,
    /// Some of what is in the scope could not be read: there may be more.
    partial: bool,
}

impl LastScope {
    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a read found.
    fn note(&self, roots: BTreeSet<ProviderId>, read: BTreeSet<ProviderId>, partial: bool) {
        let mut groups = self.lock();
        groups.known.extend(roots.iter().cloned());
        (groups.roots, groups.read, groups.partial) = (roots, read, partial);
    }

    /// Adds groups at which a read may have begun before this connection was made.
    pub(crate) fn recall(&self, roots: impl IntoIterator<Item = ProviderId>) {
        self.lock().known.extend(roots);
    }

    /// Whether the last read may have missed some of it.
    fn is_partial(&self) -> bool {
        self.lock().partial
    }

    /// Whether nothing was read yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().read.is_empty()
    }

    /// Whether one of the groups is in the scope.
    pub(crate) fn has_any<'a>(&self, groups: impl IntoIterator<Item = &'a ProviderId>) -> bool {
        let scope = self.lock();
        groups.into_iter().any(|group| scope.read.contains(group))
    }

    /// The groups at which the last read began, and those at which it no longer did.
    pub(crate) fn roots(&self) -> (BTreeSet<ProviderId>, Vec<ProviderId>) {
        let groups = self.lock();
        let lacking = groups.known.difference(&groups.roots).cloned().collect();
        (groups.roots.clone(), lacking)
    }

    /// Drops a group that is known to have left the scope.
    fn forget(&self, root: &ProviderId) {
        self.lock().known.remove(root);
    }
}

/// The groups at which the scope begins now, as far as the provider tells.
#[derive(Debug, Default)]
pub(crate) struct RootsNow {
    pub(crate) groups: BTreeSet<ProviderId>,
    /// The provider did not say of some groups whether they still belong here.
    pub(crate) unclear: bool,
}

impl RootsNow {
    /// The verdict about an object that was found in none of the groups.
    pub(crate) fn outside(&self) -> Verdict {
        if self.unclear { Verdict::Unknown } else { Verdict::Gone }
    }
}

/// The chosen groups that exist now. A group that the last list of groups lacked is asked for by its id.
pub(crate) async fn chosen_now<R: Reader>(
    reader: &R,
    chosen: &Chosen,
    progress: &Progress,
) -> RootsNow {
    let (groups, lacking) = reader.last_scope().roots();
    let mut now = RootsNow { groups, unclear: reader.last_scope().is_partial() };
    for id in lacking {
        match reader.group_alone(&id, progress).await {
            Ok(Some(group)) if chosen.has_group(reader, &group) => drop(now.groups.insert(id)),
            Ok(_) => reader.last_scope().forget(&id),
            Err(_) => now.unclear = true,
        }
    }
    now
}

/// The verdict about a group that exists: `Exists` when it has a chosen name itself, else nothing.
pub(crate) async fn chosen_itself<R: Reader>(
    reader: &R,
    chosen: &Chosen,
    id: &ProviderId,
    progress: &Progress,
) -> Option<Verdict> {
    match reader.group_alone(id, progress).await {
        Ok(Some(group)) => chosen.has_group(reader, &group).then_some(Verdict::Exists),
        Ok(None) => Some(Verdict::Gone),
        Err(_) => Some(Verdict::Unknown),
    }
}

/// Keeps in mind the groups of a directory at which a read may begin.
pub(crate) fn recall<'a, R: Reader>(
    reader: &R,
    scope: &Scope,
    groups: impl IntoIterator<Item = &'a GroupRecord>,
) {
    let ids = |group: &GroupRecord| group.id.clone();
    let groups = groups.into_iter();
    match scope {
        Scope::Everything => {}
        Scope::Groups(chosen) => {
            let chosen = groups.filter(|group| chosen.has_group(reader, group));
            reader.last_scope().recall(chosen.map(ids));
        }
        Scope::Assigned(_) => reader.last_scope().recall(groups.map(ids)),
    }
}

impl Scope {
    /// The settings that say what is read.
    pub(crate) const SETTINGS: [&'static str; 3] = ["read", "groups", "app"];

    /// Reads the settings. `app` is the usual application; without one nothing can be read by assignment.
    pub(crate) fn read(
        settings: &BTreeMap<String, String>,
        app: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let get = |key: &str| settings.get(key).map(|text| text.trim()).filter(|t| !t.is_empty());
        match get("read").unwrap_or("everything") {
            "everything" => Ok(Self::Everything),
            "groups" => {
                let names = get("groups").unwrap_or_default().split([';', '\n']);
                let names: BTreeSet<String> =
                    names.map(|name| name.trim().to_lowercase()).filter(|n| !n.is_empty()).collect();
                if names.is_empty() {
                    return Err(ConnectError::setting(
                        "the setting `groups` is missing: with `read=groups` it names the groups that are read, by id \
                         or name, separated by semicolons",
                    ));
                }
                Ok(Self::Groups(Chosen(names)))
            }
            "assigned" => match app {
                Some("") => get("app").map(|app| Self::Assigned(app.to_owned())).ok_or_else(|| {
                    ConnectError::setting(
                        "the setting `app` is missing: with `read=assigned` it is the id of the application whose \
                         people and groups are read",
                    )
                }),
                Some(usual) => Ok(Self::Assigned(get("app").unwrap_or(usual).to_owned())),
                None => Err(ConnectError::setting(
                    "the setting `read` is `assigned`, which this provider does not have; it can be everything, groups",
                )),
            },
            other => Err(ConnectError::setting(format!(
                "the setting `read` is `{other}`; it can be everything, groups, assigned"
            ))),
        }
    }
}

/// Refuses settings that a provider does not have.
pub(crate) fn check_known(
    provider: &str,
    settings: &BTreeMap<String, String>,
    known: &[&str],
) -> Result<(), ConnectError> {
    let known: Vec<&str> = known.iter().chain(&Scope::SETTINGS).copied().collect();
    match settings.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(ConnectError::setting(format!(
            "there is no setting `{unknown}` for {provider}; it knows {}",
            known.join(", ")
        ))),
    }
}

impl Chosen {
    /// Whether a group is chosen by one of these.
    pub(crate) fn has<'a>(&self, names: impl IntoIterator<Item = Option<&'a str>>) -> bool {
        names.into_iter().flatten().any(|name| self.0.contains(&name.trim().to_lowercase()))
    }

    /// Whether a group is chosen by one of its names.
    pub(crate) fn has_group<R: Reader>(&self, reader: &R, group: &GroupRecord) -> bool {
        self.has(reader.names(group).iter().map(|name| Some(name.as_str())))
    }

    /// Says which of the names no group has.
    pub(crate) fn missing<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let there: BTreeSet<String> =
            names.into_iter().map(|name| name.trim().to_lowercase()).collect();
        let missing = self.0.iter().filter(|name| !there.contains(*name));
        missing
            .map(|name| format!("no group is called `{name}`, as the setting `groups` says"))
            .collect()
    }
}

/// Refuses groups whose members cannot be seen: who is in the scope through them would seem to have left it.
async fn check_hidden<'a, R: Reader>(
    reader: &R,
    mut groups: impl Iterator<Item = &'a GroupRecord>,
    progress: &Progress,
) -> Result<(), ConnectError> {
    match groups.find(|group| group.hidden_members) {
        Some(group) if !reader.sees_hidden(progress).await? => {
            let name = group.attributes.get(Attribute::DisplayName).unwrap_or_default();
            let text = format!(
                "the group `{name}` ({}) hides its members from this app, so that what is chosen cannot be read; grant \
                 the application permission Member.Read.Hidden, or take the group out of what is read",
                group.id
            );
            Err(ConnectError::new(Kind::Refused, "E-HIDDEN", text))
        }
        _ => Ok(()),
    }
}

/// Reads what is in the scope.
pub(crate) async fn read<R: Reader>(
    reader: &R,
    progress: &Progress,
) -> Result<Observation, ConnectError> {
    let Roots { mut groups, people: alone, nested, members: with_members, notes, mut unread } =
        reader.roots(progress).await?;
    let mut people: HashMap<ProviderId, PersonRecord> = HashMap::new();
    let mut wanted: BTreeSet<ProviderId> = BTreeSet::new();
    for (id, record) in alone {
        match record {
            Some(record) => drop(people.insert(id.clone(), record)),
            None => drop(wanted.insert(id.clone())),
        }
    }
    let direct: BTreeSet<ProviderId> = people.keys().chain(&wanted).cloned().collect();
    let mut members: HashMap<ProviderId, MemberSet> = HashMap::new();
    let before = Before::default();
    let mut asked: Vec<ProviderId> = Vec::new();
    let mut frontier: Vec<ProviderId> = groups.keys().cloned().collect();
    let mut begun: BTreeSet<ProviderId> = frontier.iter().cloned().collect();
    while !frontier.is_empty() {
        check_hidden(reader, frontier.iter().filter_map(|id| groups.get(id)), progress).await?;
        let mut inside: BTreeSet<ProviderId> = BTreeSet::new();
        for (group, set) in reader.members_in_scope(&frontier, &mut people, progress).await? {
            asked.push(group.clone());
            let set = match set {
                One::Read(set) => set,
                // Deleted while we read.
                One::Missing(_) => {
                    groups.remove(&group);
                    continue;
                }
                One::Unread(error) => {
                    unread.add(Unread::Members(group), error);
                    continue;
                }
            };
            if with_members {
                wanted.extend(set.users.iter().cloned());
            }
            let is_new = |id: &&ProviderId| {
                !groups.contains_key(*id) && !unread.has(&Unread::Group((*id).clone()))
            };
            inside.extend(set.groups.iter().filter(is_new).cloned());
            members.insert(group, set);
        }
        frontier.clear();
        if nested && !inside.is_empty() {
            let ids = inside.iter().cloned().collect();
            let found = reader.groups_by_id(ids, &mut unread, progress).await?;
            let is_unread = |id: &ProviderId| unread.has(&Unread::Group(id.clone()));
            asked.extend(inside.into_iter().filter(is_unread));
            frontier.extend(found.iter().map(|group| group.id.clone()));
            groups.extend(found.into_iter().map(|group| (group.id.clone(), group)));
        }
    }
    let (part, who, before) = (Part::Whole, R::WHO, &before);
    let label = |id: &ProviderId| groups.get(id).map(GroupRecord::label);
    unread.judge(&Asked { ids: &asked, part, before, who }, label)?;
    // Who and what is in the scope through groups that cannot be read is not known.
    let partial = !unread.is_empty();
    let to_read: Vec<ProviderId> =
        wanted.iter().filter(|id| !people.contains_key(*id)).cloned().collect();
    if !to_read.is_empty() {
        let found = reader.people_by_id(to_read.clone(), &mut unread, progress).await?;
        unread.judge(&Asked { ids: &to_read, part, before, who }, |_| None)?;
        people.extend(found.into_iter().map(|person| (person.id.clone(), person)));
    }
    // Records that came along with members are of the scope only if their people are.
    people.retain(|id, _| wanted.contains(id) || direct.contains(id));
    let members = in_scope(members, (&people, &groups), &unread);
    begun.retain(|id| groups.contains_key(id));
    reader.last_scope().note(begun, groups.keys().cloned().collect(), partial);
    Ok(Observation {
        people: listed(people.into_values().collect(), partial),
        groups: listed(groups.into_values().collect(), partial),
        members,
        everything: true,
        notes,
        unreadable: unread.told(R::WHO),
        ..Observation::default()
    })
}

/// Members without those that are not in the scope.
fn in_scope(
    members: HashMap<ProviderId, MemberSet>,
    (people, groups): (&HashMap<ProviderId, PersonRecord>, &HashMap<ProviderId, GroupRecord>),
    unread: &Unreads,
) -> Vec<GroupMembers> {
    let has_person =
        |id: &ProviderId| people.contains_key(id) || unread.has(&Unread::Person(id.clone()));
    let has_group =
        |id: &ProviderId| groups.contains_key(id) || unread.has(&Unread::Group(id.clone()));
    let members = members.into_iter().map(|(group, mut set)| {
        set.users.retain(has_person);
        set.groups.retain(has_group);
        GroupMembers { group, listing: MembersListing::Complete(set) }
    });
    members.collect()
}

/// All that is in the scope; a part of it shows nobody to be absent.
fn listed<T>(records: Vec<T>, partial: bool) -> Listing<T> {
    if partial {
        Listing::Delta { put: records, removed: Vec::new() }
    } else {
        Listing::Complete(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], app: Option<&str>) -> Result<Scope, ConnectError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Scope::read(&pairs.collect(), app)
    }

    #[test]
    fn the_scope_is_everything_unless_said() {
        assert_eq!(read(&[], None).unwrap(), Scope::Everything);
        let groups = read(&[("read", "groups"), ("groups", "Jira Users; 00G1\n;")], None).unwrap();
        let Scope::Groups(chosen) = groups else { panic!("groups are chosen") };
        assert!(chosen.has([None, Some("jira users ")]) && chosen.has([Some("00g1")]));
        assert!(!chosen.has([Some("jira")]));
        assert_eq!(chosen.missing(["JIRA USERS"]).len(), 1);
        let said = |pairs: &[(&str, &str)], app| read(pairs, app).unwrap_err().to_string();
        assert!(said(&[("read", "groups")], None).contains("`groups` is missing"));
        assert!(said(&[("read", "assigned")], None).contains("does not have"));
        assert!(said(&[("read", "assigned")], Some("")).contains("`app` is missing"));
        assert!(said(&[("read", "x")], None).contains("everything, groups"));
        let own = read(&[("read", "assigned")], Some("client")).unwrap();
        assert_eq!(own, Scope::Assigned("client".to_owned()));
        let other = read(&[("read", "assigned"), ("app", "0oa")], Some("")).unwrap();
        assert_eq!(other, Scope::Assigned("0oa".to_owned()));
    }
}
