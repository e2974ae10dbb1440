//! Records of the mirror, of the directory and of the change log as bytes, each with its version in front and a
//! checksum behind.
//!
//! Invariants: what was packed by any released version can be unpacked: a new form gets a new version, and the old
//! one stays readable. What is unpacked passes the constructors that made it, and is refused when it is not exactly
//! what they make; a byte that changed on the disk is noticed, whatever it says now.

use std::sync::Arc;

use directory::{
    change::{Change, MembersChange},
    group::Group,
    id::{GroupNo, Millis, ProviderId, UserNo},
    mirror::{Evidence, GroupRow, PersonRow, State},
    name::Name,
    observation::{
        ATTRIBUTES_VERSION, Attributes, GroupKind, GroupRecord, PersonKind, PersonRecord,
    },
    user::{User, UserFields},
};
use uuid::Uuid;

use crate::{
    StoreError,
    pack::{Garbled, Packer, Unpacker},
};

/// The version of every form below: as [`PLAIN`], with a CRC-32 of everything before it at the end (little endian).
const SUMMED: u8 = 2;
/// The version until schema 9: without a checksum.
const PLAIN: u8 = 1;
/// Bytes of a checksum.
const SUM: usize = 4;

/// The kinds of rows in the change log.
pub(crate) const LOG_USER: i64 = 0;
pub(crate) const LOG_GROUP: i64 = 1;
pub(crate) const LOG_MEMBERS: i64 = 2;

pub(crate) fn pack_person(row: &PersonRow) -> Result<Vec<u8>, StoreError> {
    let PersonRecord { id, kind, enabled, attributes } = &row.record;
    let mut packer = head(row.state, id);
    packer.byte(match kind {
        PersonKind::Member => 0,
        PersonKind::Guest => 1,
        PersonKind::Unknown => 2,
    });
    packer.byte(match enabled {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    });
    pack_attributes(&mut packer, attributes);
    let bytes = summed(packer);
    same(&unpack_person(row.no.0, &bytes), row, ("user", &row.record.id))?;
    Ok(bytes)
}

pub(crate) fn unpack_person(no: u32, bytes: &[u8]) -> Result<PersonRow, StoreError> {
    read("a person in the mirror", bytes, |unpacker| {
        let (state, id) = unpack_head(unpacker)?;
        let kind = match unpacker.byte()? {
            0 => PersonKind::Member,
            1 => PersonKind::Guest,
            2 => PersonKind::Unknown,
            _ => return Err(Garbled),
        };
        let enabled = match unpacker.byte()? {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return Err(Garbled),
        };
        let attributes = unpack_attributes(unpacker)?;
        Ok(PersonRow {
            no: UserNo(no),
            state,
            record: PersonRecord { id, kind, enabled, attributes },
        })
    })
}

pub(crate) fn pack_mirror_group(row: &GroupRow) -> Result<Vec<u8>, StoreError> {
    let GroupRecord { id, kind, hidden_members, attributes } = &row.record;
    let mut packer = head(row.state, id);
    packer.byte(match kind {
        GroupKind::Microsoft365 => 0,
        GroupKind::Security => 1,
        GroupKind::MailSecurity => 2,
        GroupKind::Distribution => 3,
        GroupKind::Other => 4,
    });
    packer.byte(u8::from(*hidden_members));
    pack_attributes(&mut packer, attributes);
    let bytes = summed(packer);
    same(&unpack_mirror_group(row.no.0, &bytes), row, ("group", &row.record.id))?;
    Ok(bytes)
}

pub(crate) fn unpack_mirror_group(no: u32, bytes: &[u8]) -> Result<GroupRow, StoreError> {
    read("a group in the mirror", bytes, |unpacker| {
        let (state, id) = unpack_head(unpacker)?;
        let kind = match unpacker.byte()? {
            0 => GroupKind::Microsoft365,
            1 => GroupKind::Security,
            2 => GroupKind::MailSecurity,
            3 => GroupKind::Distribution,
            4 => GroupKind::Other,
            _ => return Err(Garbled),
        };
        let hidden_members = unpacker.flag()?;
        let attributes = unpack_attributes(unpacker)?;
        Ok(GroupRow {
            no: GroupNo(no),
            state,
            record: GroupRecord { id, kind, hidden_members, attributes },
        })
    })
}

pub(crate) fn pack_user(user: &User) -> Result<Vec<u8>, StoreError> {
    let mut packer = Packer::default();
    packer.byte(SUMMED);
    put_user(&mut packer, user);
    let bytes = summed(packer);
    same(&unpack_user(&bytes), user, ("user", user.id()))?;
    Ok(bytes)
}

pub(crate) fn unpack_user(bytes: &[u8]) -> Result<User, StoreError> {
    read("a person", bytes, take_user)
}

pub(crate) fn pack_group(group: &Group) -> Result<Vec<u8>, StoreError> {
    let mut packer = Packer::default();
    packer.byte(SUMMED);
    put_group(&mut packer, group);
    let bytes = summed(packer);
    same(&unpack_group(&bytes), group, ("group", group.id()))?;
    Ok(bytes)
}

pub(crate) fn unpack_group(bytes: &[u8]) -> Result<Group, StoreError> {
    read("a group", bytes, take_group)
}

/// The row of a change: kind, number of the object, bytes.
///
/// # Errors
/// When it would not be read as it is.
pub(crate) fn pack_change(change: &Change) -> Result<(i64, u32, Vec<u8>), StoreError> {
    let mut packer = Packer::default();
    packer.byte(SUMMED);
    let (kind, no) = match change {
        Change::User { no, before, after } => {
            packer.byte(sides(before.is_some(), after.is_some()));
            before.iter().chain(after).for_each(|user| put_user(&mut packer, user));
            (LOG_USER, no.0)
        }
        Change::Group { no, before, after } => {
            packer.byte(sides(before.is_some(), after.is_some()));
            before.iter().chain(after).for_each(|group| put_group(&mut packer, group));
            (LOG_GROUP, no.0)
        }
        Change::Members(members) => {
            packer.ascending(members.users_added.iter().map(|no| no.0));
            packer.ascending(members.users_removed.iter().map(|no| no.0));
            packer.ascending(members.groups_added.iter().map(|no| no.0));
            packer.ascending(members.groups_removed.iter().map(|no| no.0));
            (LOG_MEMBERS, members.group.0)
        }
    };
    let bytes = summed(packer);
    if unpack_change(kind, no, &bytes).ok().as_ref() != Some(change) {
        return Err(StoreError::NotReadable(of_change(change)));
    }
    Ok((kind, no, bytes))
}

/// Refuses to write what would not be read as it is.
fn same<T: PartialEq>(
    read: &Result<T, StoreError>,
    written: &T,
    (kind, id): (&str, &ProviderId),
) -> Result<(), StoreError> {
    match read {
        Ok(read) if read == written => Ok(()),
        _ => Err(StoreError::NotReadable(format!("{kind} {id}"))),
    }
}

/// What a change is about, for an administrator.
fn of_change(change: &Change) -> String {
    match change {
        Change::User { no, before, after } => match after.as_ref().or(before.as_ref()) {
            Some(user) => format!("user {}", user.id()),
            None => format!("user number {}", no.0),
        },
        Change::Group { no, before, after } => match after.as_ref().or(before.as_ref()) {
            Some(group) => format!("group {}", group.id()),
            None => format!("group number {}", no.0),
        },
        Change::Members(members) => format!("the members of group number {}", members.group.0),
    }
}

pub(crate) fn unpack_change(kind: i64, no: u32, bytes: &[u8]) -> Result<Change, StoreError> {
    read("an entry of the change log", bytes, |unpacker| match kind {
        LOG_USER => {
            let (before, after) = both(unpacker, take_user)?;
            Ok(Change::User { no: UserNo(no), before, after })
        }
        LOG_GROUP => {
            let (before, after) = both(unpacker, take_group)?;
            Ok(Change::Group { no: GroupNo(no), before, after })
        }
        LOG_MEMBERS => {
            let users = |list: Vec<u32>| list.into_iter().map(UserNo).collect();
            let groups = |list: Vec<u32>| list.into_iter().map(GroupNo).collect();
            Ok(Change::Members(MembersChange {
                group: GroupNo(no),
                users_added: users(unpacker.ascending()?),
                users_removed: users(unpacker.ascending()?),
                groups_added: groups(unpacker.ascending()?),
                groups_removed: groups(unpacker.ascending()?),
            }))
        }
        _ => Err(Garbled),
    })
}

fn head(state: State, id: &ProviderId) -> Packer {
    let mut packer = Packer::default();
    packer.byte(SUMMED);
    match state {
        State::Mentioned => packer.byte(0),
        State::Present => packer.byte(1),
        State::Unconfirmed { since } => {
            packer.byte(2);
            packer.signed(since.0);
        }
        State::Absent { since, evidence } => {
            packer.byte(match evidence {
                Evidence::Deleted => 3,
                Evidence::Purged => 4,
                Evidence::Confirmed => 5,
            });
            packer.signed(since.0);
        }
    }
    put_id(&mut packer, id);
    packer
}

fn unpack_head(unpacker: &mut Unpacker<'_>) -> Result<(State, ProviderId), Garbled> {
    let state = match unpacker.byte()? {
        0 => State::Mentioned,
        1 => State::Present,
        2 => State::Unconfirmed { since: Millis(unpacker.signed()?) },
        gone @ 3..=5 => {
            let evidence = match gone {
                3 => Evidence::Deleted,
                4 => Evidence::Purged,
                _ => Evidence::Confirmed,
            };
            State::Absent { since: Millis(unpacker.signed()?), evidence }
        }
        _ => return Err(Garbled),
    };
    Ok((state, take_id(unpacker)?))
}

fn pack_attributes(packer: &mut Packer, attributes: &Attributes) {
    packer.byte(ATTRIBUTES_VERSION);
    packer.bytes(attributes.as_bytes());
}

fn unpack_attributes(unpacker: &mut Unpacker<'_>) -> Result<Attributes, Garbled> {
    if unpacker.byte()? != ATTRIBUTES_VERSION {
        return Err(Garbled);
    }
    Attributes::from_bytes(unpacker.bytes()?).map_err(|_| Garbled)
}

/// A GUID in its 16 bytes behind an empty length, any other id as its text.
fn put_id(packer: &mut Packer, id: &ProviderId) {
    id.with_str(|text| match Uuid::try_parse(text) {
        Ok(guid) if text.len() == 36 => {
            packer.byte(0);
            packer.0.extend_from_slice(guid.as_bytes());
        }
        _ => packer.bytes(text.as_bytes()),
    });
}

fn take_id(unpacker: &mut Unpacker<'_>) -> Result<ProviderId, Garbled> {
    let text = unpacker.text()?;
    if !text.is_empty() {
        return ProviderId::parse(text).map_err(|_| Garbled);
    }
    let (guid, rest) = unpacker.0.split_first_chunk::<16>().ok_or(Garbled)?;
    unpacker.0 = rest;
    let mut buffer = Uuid::encode_buffer();
    ProviderId::parse(Uuid::from_bytes(*guid).as_hyphenated().encode_lower(&mut buffer))
        .map_err(|_| Garbled)
}

fn put_user(packer: &mut Packer, user: &User) {
    put_id(packer, user.id());
    packer.byte(u8::from(user.active()));
    packer.signed(user.created().0);
    packer.signed(user.updated().0);
    for text in
        [user.name(), user.first_name(), user.last_name(), user.display_name(), user.email()]
    {
        packer.bytes(text.as_bytes());
    }
}

fn take_user(unpacker: &mut Unpacker<'_>) -> Result<User, Garbled> {
    let id = take_id(unpacker)?;
    let active = unpacker.flag()?;
    let (created, updated) = (Millis(unpacker.signed()?), Millis(unpacker.signed()?));
    let name = take_name(unpacker)?;
    Ok(User::new(&UserFields {
        id: &id,
        name: &name,
        first_name: unpacker.text()?,
        last_name: unpacker.text()?,
        display_name: unpacker.text()?,
        email: unpacker.text()?,
        active,
        created,
        updated,
    }))
}

/// A name exactly as it was written.
fn take_name(unpacker: &mut Unpacker<'_>) -> Result<Name, Garbled> {
    let text = unpacker.text()?;
    Name::parse(text).ok().filter(|name| name.as_str() == text).ok_or(Garbled)
}

fn put_group(packer: &mut Packer, group: &Group) {
    put_id(packer, group.id());
    packer.signed(group.created().0);
    packer.signed(group.updated().0);
    packer.bytes(group.name().as_str().as_bytes());
    packer.bytes(group.description().as_bytes());
}

fn take_group(unpacker: &mut Unpacker<'_>) -> Result<Group, Garbled> {
    let id = take_id(unpacker)?;
    let (created, updated) = (Millis(unpacker.signed()?), Millis(unpacker.signed()?));
    let name = take_name(unpacker)?;
    Ok(Group::new(id, name, unpacker.text()?, created, updated))
}

fn sides(before: bool, after: bool) -> u8 {
    u8::from(before) | u8::from(after) << 1
}

type Sides<T> = (Option<Arc<T>>, Option<Arc<T>>);

fn both<T>(
    unpacker: &mut Unpacker<'_>,
    take: impl Fn(&mut Unpacker<'_>) -> Result<T, Garbled>,
) -> Result<Sides<T>, Garbled> {
    let sides = unpacker.byte()?;
    if !(1..=3).contains(&sides) {
        return Err(Garbled);
    }
    let before = (sides & 1 != 0).then(|| take(unpacker)).transpose()?.map(Arc::new);
    let after = (sides & 2 != 0).then(|| take(unpacker)).transpose()?.map(Arc::new);
    Ok((before, after))
}

/// The record with its checksum.
fn summed(mut packer: Packer) -> Vec<u8> {
    let sum = crc32fast::hash(&packer.0);
    packer.0.extend_from_slice(&sum.to_le_bytes());
    packer.0
}

/// Reads a whole record: version first, nothing left over, checksum last.
fn read<T>(
    what: &str,
    bytes: &[u8],
    take: impl FnOnce(&mut Unpacker<'_>) -> Result<T, Garbled>,
) -> Result<T, StoreError> {
    let damaged = || StoreError::Damaged(format!("{what} cannot be read"));
    let record = match bytes.first() {
        Some(&SUMMED) => {
            let (record, sum) = bytes.split_last_chunk::<SUM>().ok_or_else(damaged)?;
            if crc32fast::hash(record) != u32::from_le_bytes(*sum) {
                return Err(damaged());
            }
            record
        }
        Some(&PLAIN) => bytes,
        Some(_) => {
            let told = format!("{what} has a form that this version does not know");
            return Err(StoreError::Damaged(told));
        }
        None => return Err(damaged()),
    };
    let mut unpacker = Unpacker(record.get(1..).unwrap_or_default());
    let taken = take(&mut unpacker).map_err(|Garbled| damaged())?;
    if unpacker.0.is_empty() { Ok(taken) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests;
