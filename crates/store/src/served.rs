//! The directory as served: what folding the change log gives, kept so that a start need not fold; and the base
//! into which the log's old entries are folded, in the same form.

use std::sync::Arc;

use directory::{
    change::{Change, MembersChange},
    decisions::Node,
    id::{DirectoryId, GroupNo, UserNo},
    snapshot::Directory,
};
use hashbrown::HashSet;
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    StoreError, base,
    damage::{Damage, Instead, Mended, Place},
    encoding,
    members::{ChunkKey, Edits, Table},
    recover::{self, BASE, SERVED, State},
};

/// Rows of this form: what is served, and what old entries of the log were folded into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows {
    /// The directory at the end of the log.
    Served,
    /// The directory where the log begins; between two steps of folding, parts of a run may be missing.
    Base,
}

impl Rows {
    fn prefix(self) -> &'static str {
        match self {
            Self::Served => SERVED,
            Self::Base => BASE,
        }
    }

    fn members(self) -> Table {
        match self {
            Self::Served => Table::Served,
            Self::Base => Table::Base,
        }
    }
}

/// The directory as served at the end of the log, and what of it cannot be read.
pub(crate) fn load(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<(Directory, Vec<Damage>), StoreError> {
    let mut damage = Vec::new();
    let changes = rows(transaction, Rows::Served, id, &mut damage)?;
    let is_lost = |damage: &Damage| damage.place == Place::Unplaced;
    if (damage.iter().any(is_lost) || has_strangers(transaction, SERVED)?)
        && let Ok(folded) = base::fold(transaction, id)
    {
        // Base and log say exactly what is served.
        let as_loaded = Directory::default().apply(&changes);
        if as_loaded.is_ok_and(|loaded| loaded == folded) {
            damage.retain(|damage| !is_lost(damage));
        } else {
            damage.retain(|damage| !is_lost(damage));
            damage.push(damaged(id, Place::Unplaced, NOBODY, Instead::History));
        }
        return Ok((folded, damage));
    }
    if let Ok(directory) = Directory::default().apply(&changes) {
        return Ok((directory, damage));
    }
    let changes = fitting(id, changes, &mut damage);
    let directory = Directory::default().apply(&changes);
    let directory =
        directory.map_err(|error| StoreError::Damaged(format!("directory {id}: {error}")))?;
    Ok((directory, damage))
}

/// In the place of a user or group that a row does not tell any more.
pub(crate) const NOBODY: Node = Node::User(UserNo(u32::MAX));

/// Whether there are rows of no directory: each was some directory's.
pub(crate) fn has_strangers(
    transaction: &Transaction<'_>,
    prefix: &str,
) -> Result<bool, StoreError> {
    let of_users = if prefix == "mirror" { "person" } else { "user" };
    for table in [of_users, "group", "members"] {
        // From one directory to the next, so that it costs a look for each, not for each row.
        let select = format!(
            "SELECT directory, EXISTS (SELECT 1 FROM connection WHERE id = directory) FROM {prefix}_{table}
             WHERE directory > ?1 ORDER BY directory LIMIT 1"
        );
        let mut select = transaction.prepare_cached(&select)?;
        let mut last = i64::MIN;
        while let Some((directory, known)) = select
            .query_row([last], |row| Ok((row.get::<_, i64>(0).ok(), row.get::<_, bool>(1)?)))
            .optional()?
        {
            match directory {
                Some(directory) if known => last = directory,
                _ => return Ok(true),
            }
        }
    }
    Ok(false)
}

/// All rows of a directory, as the changes that would make them; what cannot be read as the history has it.
pub(crate) fn rows(
    transaction: &Transaction<'_>,
    table: Rows,
    id: DirectoryId,
    damage: &mut Vec<Damage>,
) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    let prefix = table.prefix();
    let mut select = transaction.prepare_cached(&format!(
        "SELECT no, record FROM {prefix}_user WHERE directory = ?1 ORDER BY no"
    ))?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let Ok(no) = row.get(0).map(UserNo) else {
            damage.push(damaged(id, Place::Unplaced, NOBODY, Instead::Nothing));
            continue;
        };
        let after = match recover::blob(row, 1).and_then(encoding::unpack_user) {
            Ok(user) => Some(Arc::new(user)),
            Err(_) => match recovered(transaction, id, Node::User(no), damage)? {
                Some(State::User(user)) => Some(user),
                _ => None,
            },
        };
        changes.extend(after.map(|user| Change::User { no, before: None, after: Some(user) }));
    }
    let mut select = transaction.prepare_cached(&format!(
        "SELECT no, record FROM {prefix}_group WHERE directory = ?1 ORDER BY no"
    ))?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let Ok(no) = row.get(0).map(GroupNo) else {
            damage.push(damaged(id, Place::Unplaced, NOBODY, Instead::Nothing));
            continue;
        };
        let after = match recover::blob(row, 1).and_then(encoding::unpack_group) {
            Ok(group) => Some(Arc::new(group)),
            Err(_) => match recovered(transaction, id, Node::Group(no), damage)? {
                Some(State::Group(group)) => Some(group),
                _ => None,
            },
        };
        changes.extend(after.map(|group| Change::Group { no, before: None, after: Some(group) }));
    }
    let mut members: Option<MembersChange> = None;
    let each = |group, member| {
        if members.as_ref().is_none_or(|members| members.group != group) {
            changes.extend(members.replace(MembersChange::of(group)).map(Change::Members));
        }
        let Some(members) = &mut members else { return };
        match member {
            Node::User(no) => members.users_added.push(no),
            Node::Group(no) => members.groups_added.push(no),
        }
    };
    let instead = |key: ChunkKey| {
        let (members, instead) = recover::chunk(transaction, id, key)?;
        let node = Node::Group(key.group());
        let mended = (instead != Instead::Nothing).then(|| Mended::Chunk(key, members.clone()));
        damage.push(Damage {
            id: recover::known_id(transaction, id, node)?,
            mended,
            ..damaged(id, Place::ServedMembers, node, instead)
        });
        Ok(members)
    };
    if !table.members().load(transaction, id, each, instead)? {
        damage.push(damaged(id, Place::Unplaced, NOBODY, Instead::Nothing));
    }
    changes.extend(members.map(Change::Members));
    Ok(changes)
}

fn damaged(directory: DirectoryId, place: Place, node: Node, instead: Instead) -> Damage {
    Damage { directory, place, node, id: None, seq: None, instead, mended: None }
}

/// What the history has of an object whose row cannot be read.
fn recovered(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    node: Node,
    damage: &mut Vec<Damage>,
) -> Result<Option<State>, StoreError> {
    let (state, instead) = recover::latest(transaction, id, node)?;
    let mended = match (&state, node) {
        (Some(State::User(user)), Node::User(no)) => Some(Mended::User(no, Arc::clone(user))),
        (Some(State::Group(group)), Node::Group(no)) => Some(Mended::Group(no, Arc::clone(group))),
        _ => None,
    };
    let known = match &state {
        Some(state) => Some(state.id().clone()),
        None => recover::known_id(transaction, id, node)?,
    };
    damage.push(Damage { id: known, mended, ..damaged(id, Place::Served, node, instead) });
    Ok(state)
}

/// The changes that fit each other: one name and one id for one object, members that are there.
fn fitting(id: DirectoryId, changes: Vec<Change>, damage: &mut Vec<Damage>) -> Vec<Change> {
    let suspect: HashSet<Node> = damage.iter().map(|damage| damage.node).collect();
    let (mut first, last): (Vec<Change>, Vec<Change>) = changes
        .into_iter()
        .partition(|change| object(change).is_none_or(|o| !suspect.contains(&o)));
    // Whatever was read as it was written goes before what the history had to tell.
    first.extend(last);
    let (mut names, mut ids, mut there) = (HashSet::new(), HashSet::new(), HashSet::new());
    first.retain(|change| {
        let Some(node) = object(change) else { return true };
        let (name, provider_id) = match change {
            Change::User { after: Some(user), .. } => (user.folded_name(), user.id()),
            Change::Group { after: Some(group), .. } => (group.folded_name(), group.id()),
            _ => return false,
        };
        let kind = matches!(node, Node::User(_));
        let new = names.insert((kind, name.to_owned())) & ids.insert((kind, provider_id.clone()));
        if new {
            there.insert(node);
        } else {
            damage.retain(|damage| damage.node != node || damage.place != Place::Served);
            let provider_id = Some(provider_id.clone());
            let twice = damaged(id, Place::Served, node, Instead::Nothing);
            damage.push(Damage { id: provider_id, ..twice });
        }
        new
    });
    let missing: HashSet<Node> = damage.iter().map(|damage| damage.node).collect();
    first.retain_mut(|change| {
        let Change::Members(members) = change else { return true };
        let edges = members.edges();
        members.users_added.retain(|no| there.contains(&Node::User(*no)));
        members.groups_added.retain(|no| there.contains(&Node::Group(*no)));
        let group = Node::Group(members.group);
        let fits = there.contains(&group);
        // Whose row is lost is told of; a membership of nobody is damage of its own.
        if (edges != members.edges() || !fits) && missing.is_empty() {
            damage.push(damaged(id, Place::ServedMembers, group, Instead::Earlier));
        }
        fits
    });
    first
}

fn object(change: &Change) -> Option<Node> {
    match change {
        Change::User { no, .. } => Some(Node::User(*no)),
        Change::Group { no, .. } => Some(Node::Group(*no)),
        Change::Members(_) => None,
    }
}

/// The name under which a person or group is served.
pub(crate) fn name(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    node: Node,
) -> Result<Option<String>, StoreError> {
    let state = recover::row(transaction, id, SERVED, node)?;
    Ok(state.map(|state| match state {
        State::User(user) => user.name().to_owned(),
        State::Group(group) => group.name().to_string(),
    }))
}

/// Carries changes out on the stored rows.
pub(crate) fn write<'a>(
    transaction: &Transaction<'_>,
    table: Rows,
    id: DirectoryId,
    changes: impl IntoIterator<Item = &'a Change>,
) -> Result<(), StoreError> {
    let put = |kind: &str| {
        transaction.prepare_cached(&format!(
            "INSERT INTO {}_{kind} (directory, no, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
            table.prefix()
        ))
    };
    let delete = |kind: &str| {
        transaction.prepare_cached(&format!(
            "DELETE FROM {}_{kind} WHERE directory = ?1 AND no = ?2",
            table.prefix()
        ))
    };
    let (mut put_user, mut put_group) = (put("user")?, put("group")?);
    let (mut delete_user, mut delete_group) = (delete("user")?, delete("group")?);
    let mut edits = Edits::new();
    for change in changes {
        match change {
            Change::User { no, after: Some(user), .. } => {
                put_user.execute((id.0, no.0, encoding::pack_user(user)?))?;
            }
            Change::User { no, after: None, .. } => {
                delete_user.execute((id.0, no.0))?;
            }
            Change::Group { no, after: Some(group), .. } => {
                put_group.execute((id.0, no.0, encoding::pack_group(group)?))?;
            }
            Change::Group { no, after: None, .. } => {
                delete_group.execute((id.0, no.0))?;
            }
            Change::Members(members) => edit(&mut edits, members),
        }
    }
    table.members().edit(transaction, id, edits)
}

fn edit(edits: &mut Edits, change: &MembersChange) {
    let users = [(&change.users_removed, false), (&change.users_added, true)];
    let groups = [(&change.groups_removed, false), (&change.groups_added, true)];
    let users =
        users.iter().flat_map(|(list, there)| list.iter().map(|no| (Node::User(*no), *there)));
    let groups =
        groups.iter().flat_map(|(list, there)| list.iter().map(|no| (Node::Group(*no), *there)));
    for (member, there) in users.chain(groups) {
        let (key, no) = ChunkKey::of(change.group, member);
        edits.entry(key).or_default().push((no, there));
    }
}
