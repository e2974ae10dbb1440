//! The mirror's rows.

use directory::{
    decisions::Node,
    id::{DirectoryId, GroupNo, Millis, ProviderId, UserNo},
    mirror::{EdgeRow, GroupRow, Mirror, MirrorChange, NextNumbers, PersonRow, State},
    observation::{Attributes, GroupKind, GroupRecord, PersonKind, PersonRecord},
};
use hashbrown::{HashMap, HashSet};
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    StoreError,
    damage::{Damage, Instead, Mended, Place},
    db::small,
    encoding, gone,
    members::{ChunkKey, Edits, Table, node},
    recover, served,
    unreadable::{NEXT_GROUP, NEXT_USER, readable},
};

/// The mirror of a directory, and what of it cannot be read: of an object that is served its id is left, and that it
/// cannot be read; who is in a group is taken from what is served.
pub(crate) fn load(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<(Mirror, Vec<Damage>), StoreError> {
    let next = next_numbers(transaction, id)?;
    let mut damage = Vec::new();
    let mut is_whole = !served::has_strangers(transaction, "mirror")?;
    let mut people = Vec::new();
    let mut select = transaction
        .prepare_cached("SELECT no, record FROM mirror_person WHERE directory = ?1 ORDER BY no")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let Ok(no) = row.get(0) else {
            is_whole = false;
            continue;
        };
        match recover::blob(row, 1).and_then(|record| encoding::unpack_person(no, record)) {
            Ok(row) => people.push(row),
            Err(_) => damage.push(unreadable(transaction, id, Node::User(UserNo(no)))?),
        }
    }
    let mut groups = Vec::new();
    let mut select = transaction
        .prepare_cached("SELECT no, record FROM mirror_group WHERE directory = ?1 ORDER BY no")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let Ok(no) = row.get(0) else {
            is_whole = false;
            continue;
        };
        match recover::blob(row, 1).and_then(|record| encoding::unpack_mirror_group(no, record)) {
            Ok(row) => groups.push(row),
            Err(_) => damage.push(unreadable(transaction, id, Node::Group(GroupNo(no)))?),
        }
    }
    let unconfirmed = unconfirmed(transaction, id)?;
    let mut edges = Vec::new();
    let each = |group, member| {
        let unconfirmed_since = unconfirmed.get(&(group, member)).copied();
        edges.push(EdgeRow { group, member, unconfirmed_since });
    };
    let mut chunks = Vec::new();
    is_whole &= Table::Mirror.load(transaction, id, each, |key| {
        let (members, found) = served_instead(transaction, id, key)?;
        chunks.push(found);
        Ok(members)
    })?;
    if !is_whole {
        let rows = (
            people.iter().map(|row: &PersonRow| row.no.0).collect(),
            groups.iter().map(|row: &GroupRow| row.no.0).collect(),
        );
        let missing = missing(transaction, id, &rows)?;
        let found: HashSet<Node> = damage.iter().map(|damage| damage.node).collect();
        let objects = missing.objects.into_iter().filter(|damage| !found.contains(&damage.node));
        damage.extend(objects);
        edges.extend(missing.edges);
        damage.push(Damage {
            directory: id,
            place: Place::Unplaced,
            node: served::NOBODY,
            id: None,
            seq: None,
            instead: Instead::Served,
            mended: None,
        });
    }
    let known = known(&mut damage, &people, &groups);
    for (node, id) in &known {
        match node {
            Node::User(no) => people.push(person_of(*no, id.clone())),
            Node::Group(no) => groups.push(group_of(*no, id.clone())),
        }
    }
    damage.extend(chunks);
    let mirror = Mirror::from_rows(next, people, groups, edges);
    Ok((mirror.with_unreadable(known.into_iter().map(|(node, _)| node)), damage))
}

/// The numbers that objects new to a directory get. What cannot be read is counted anew.
fn next_numbers(transaction: &Transaction<'_>, id: DirectoryId) -> Result<NextNumbers, StoreError> {
    let select = "SELECT next_user, next_group FROM connection WHERE id = ?1";
    let read = transaction.query_row(select, [id.0], |row| Ok((row.get(0).ok(), row.get(1).ok())));
    let (user, group) = read.optional()?.ok_or(StoreError::Removed)?;
    let counted = |known: Option<u32>, set: &str| {
        if let Some(known) = known {
            return Ok(known);
        }
        let (_, counted) = set.split_once('=').unwrap_or_default();
        let select = format!("SELECT {counted} FROM connection WHERE id = ?1");
        small(transaction.query_row(&select, [id.0], |row| row.get(0))?)
    };
    Ok(NextNumbers { user: counted(user, NEXT_USER)?, group: counted(group, NEXT_GROUP)? })
}

/// A record that cannot be read, with the id that what is served has.
fn unreadable(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    node: Node,
) -> Result<Damage, StoreError> {
    let id = recover::known_id(transaction, directory, node)?;
    let instead = if id.is_some() { Instead::Served } else { Instead::Nothing };
    Ok(Damage { directory, place: Place::Mirror, node, id, seq: None, instead, mended: None })
}

/// The served members of a chunk that cannot be read.
///
/// # Errors
/// When those cannot be read either: a plan would take members away.
fn served_instead(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    key: ChunkKey,
) -> Result<(Vec<u32>, Damage), StoreError> {
    let members = if let Ok(members) = Table::Served.get(transaction, directory, key) {
        members
    } else {
        let (members, instead) = recover::chunk(transaction, directory, key)?;
        if instead == Instead::Nothing {
            let told = format!("who is in group number {} of directory {directory}", key.group().0);
            return Err(StoreError::Damaged(format!("{told} cannot be read")));
        }
        members
    };
    let node = Node::Group(key.group());
    let damage = Damage {
        directory,
        place: Place::MirrorMembers,
        node,
        id: recover::known_id(transaction, directory, node)?,
        seq: None,
        instead: Instead::Served,
        mended: Some(Mended::Chunk(key, members.clone())),
    };
    Ok((members, damage))
}

/// What is served and has no row here, though a row was lost.
struct Missing {
    objects: Vec<Damage>,
    edges: Vec<EdgeRow>,
}

/// Gives objects that are served and have no row here one that cannot be read, and their groups the members as served.
pub(crate) fn restore_missing(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<(), StoreError> {
    let numbers = |table: &str| {
        let select = format!("SELECT no FROM {table} WHERE directory = ?1");
        let mut select = transaction.prepare(&select)?;
        readable(select.query([id.0])?, |row| Ok(row.get::<_, u32>(0)?))
    };
    let people: HashSet<u32> = numbers("mirror_person")?.into_iter().collect();
    let groups: HashSet<u32> = numbers("mirror_group")?.into_iter().collect();
    let missing = missing(transaction, id, &(people, groups))?;
    for damage in &missing.objects {
        let (table, no) = match damage.node {
            Node::User(no) => ("mirror_person", no.0),
            Node::Group(no) => ("mirror_group", no.0),
        };
        let insert = format!("INSERT INTO {table} (directory, no, record) VALUES (?1, ?2, x'')");
        transaction.execute(&insert, (id.0, no))?;
    }
    let mut edits = Edits::new();
    for edge in &missing.edges {
        let (key, no) = ChunkKey::of(edge.group, edge.member);
        edits.entry(key).or_default().push((no, true));
    }
    Table::Mirror.edit(transaction, id, edits)
}

fn missing(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    (people, groups): &(HashSet<u32>, HashSet<u32>),
) -> Result<Missing, StoreError> {
    let (directory, _) = served::load(transaction, id)?;
    let mut objects = Vec::new();
    for (no, _) in directory.users_from(0).filter(|(no, _)| !people.contains(&no.0)) {
        objects.push(unreadable(transaction, id, Node::User(no))?);
    }
    for (no, _) in directory.groups_from(0).filter(|(no, _)| !groups.contains(&no.0)) {
        objects.push(unreadable(transaction, id, Node::Group(no))?);
    }
    let mut select = transaction.prepare(
        "SELECT grp, kind, chunk FROM served_members AS served WHERE directory = ?1 AND NOT EXISTS (
             SELECT 1 FROM mirror_members AS said WHERE said.directory = served.directory AND said.grp = served.grp
                AND said.kind = served.kind AND said.chunk = served.chunk)",
    )?;
    let chunks = readable(select.query([id.0])?, |row| {
        Ok((GroupNo(row.get(0)?), row.get::<_, u8>(1)?, row.get::<_, u32>(2)?))
    })?;
    let mut edges = Vec::new();
    for (group, kind, chunk) in chunks {
        let (key, _) = ChunkKey::of(group, node(kind, chunk << 16));
        for no in Table::Served.get(transaction, id, key).unwrap_or_default() {
            edges.push(EdgeRow { group, member: node(kind, no), unconfirmed_since: None });
        }
    }
    Ok(Missing { objects, edges })
}

/// The objects of which the id is known. One that came back under another number is not needed any more.
fn known(
    damage: &mut [Damage],
    people: &[PersonRow],
    groups: &[GroupRow],
) -> Vec<(Node, ProviderId)> {
    let mut known = Vec::new();
    for damage in damage {
        let Some(id) = &damage.id else { continue };
        let again = match damage.node {
            Node::User(_) => people.iter().any(|row| row.record.id == *id),
            Node::Group(_) => groups.iter().any(|row| row.record.id == *id),
        };
        if again {
            damage.instead = Instead::Nothing;
        } else {
            known.push((damage.node, id.clone()));
        }
    }
    known
}

fn person_of(no: UserNo, id: ProviderId) -> PersonRow {
    let (kind, attributes) = (PersonKind::Unknown, Attributes::default());
    let record = PersonRecord { id, kind, enabled: None, attributes };
    PersonRow { no, state: State::Present, record }
}

fn group_of(no: GroupNo, id: ProviderId) -> GroupRow {
    let (kind, attributes) = (GroupKind::Other, Attributes::default());
    let record = GroupRecord { id, kind, hidden_members: false, attributes };
    GroupRow { no, state: State::Present, record }
}

fn unconfirmed(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<HashMap<(GroupNo, Node), Millis>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT grp, kind, no, since FROM mirror_unconfirmed WHERE directory = ?1",
    )?;
    // A doubt that cannot be read is none: the membership stays.
    let unconfirmed = readable(select.query([id.0])?, |row| {
        let key = (GroupNo(small(row.get(0)?)?), node(row.get(1)?, small(row.get(2)?)?));
        Ok((key, Millis(row.get(3)?)))
    });
    Ok(unconfirmed?.into_iter().collect())
}

/// Writes the touched rows as they are in `mirror` now.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    mirror: &Mirror,
    change: &MirrorChange,
) -> Result<(), StoreError> {
    if change.is_empty() {
        return Ok(());
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO mirror_person (directory, no, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
    )?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM mirror_person WHERE directory = ?1 AND no = ?2")?;
    // What stands in for a record is not written: a restart has to find that it cannot be read.
    let readable = |node: Node| !mirror.unreadable().contains(&node);
    for no in change.people.iter().filter(|no| readable(Node::User(**no))) {
        match mirror.person(*no) {
            Some(row) => put.execute((id.0, no.0, encoding::pack_person(row)?))?,
            None => delete.execute((id.0, no.0))?,
        };
    }
    gone::write(transaction, id, change.people.iter().map(|no| (*no, mirror.person(*no))))?;
    let mut put = transaction.prepare_cached(
        "INSERT INTO mirror_group (directory, no, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
    )?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM mirror_group WHERE directory = ?1 AND no = ?2")?;
    for no in change.groups.iter().filter(|no| readable(Node::Group(**no))) {
        match mirror.group(*no) {
            Some(row) => put.execute((id.0, no.0, encoding::pack_mirror_group(row)?))?,
            None => delete.execute((id.0, no.0))?,
        };
    }
    write_edges(transaction, id, mirror, change)?;
    let next = mirror.next_numbers();
    transaction.execute(
        "UPDATE connection SET next_user = ?2, next_group = ?3
         WHERE id = ?1 AND (next_user <> ?2 OR next_group <> ?3)",
        (id.0, next.user, next.group),
    )?;
    Ok(())
}

fn write_edges(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    mirror: &Mirror,
    change: &MirrorChange,
) -> Result<(), StoreError> {
    let mut doubt = transaction.prepare_cached(
        "INSERT INTO mirror_unconfirmed (directory, grp, kind, no, since) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (directory, grp, kind, no) DO UPDATE SET since = excluded.since",
    )?;
    let mut believe = transaction.prepare_cached(
        "DELETE FROM mirror_unconfirmed WHERE directory = ?1 AND grp = ?2 AND kind = ?3 AND no = ?4",
    )?;
    let doubted = unconfirmed(transaction, id)?;
    let mut edits = Edits::new();
    for (group, member) in &change.edges {
        let edge = mirror.edge(*group, *member);
        let (key, no) = ChunkKey::of(*group, *member);
        edits.entry(key).or_default().push((no, edge.is_some()));
        let kind = u8::from(matches!(member, Node::Group(_)));
        match edge.and_then(|edge| edge.unconfirmed_since) {
            Some(since) => {
                doubt.execute((id.0, group.0, kind, no, since.0))?;
            }
            None if doubted.contains_key(&(*group, *member)) => {
                believe.execute((id.0, group.0, kind, no))?;
            }
            None => {}
        }
    }
    Table::Mirror.edit(transaction, id, edits)
}
