//! What is stored and cannot be read.
//!
//! Invariants: one unreadable row stops one object; what stands in for it comes from the history or from what is
//! served, never from a guess. What was found is known until it is written anew; after a restart it is found again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use directory::{
    change::Change,
    decisions::Node,
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, ProviderId, UserNo},
    user::User,
};
use rusqlite::Transaction;

use crate::{
    StoreError,
    change_log::{DamagedEntry, UNKNOWN},
    encoding,
    members::{ChunkKey, Table},
};

/// Where something cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// What is served of a user or group.
    Served,
    /// Who is in a group, as served.
    ServedMembers,
    /// What the provider said of a user or group.
    Mirror,
    /// Who is in a group, as the provider said.
    MirrorMembers,
    /// An entry of the change log.
    Log,
    /// A row of a user, a group or members that does not say any more whose it is.
    Unplaced,
    /// The name under which an application knows a user whose name changed.
    FrozenName,
}

/// What stands in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instead {
    /// What the history says: exactly what was there.
    History,
    /// What there was at an earlier time, or what the provider said.
    Earlier,
    /// What is served.
    Served,
    /// Nothing: the object is set aside.
    Nothing,
}

/// Something that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The directory.
    pub directory: DirectoryId,
    /// Where.
    pub place: Place,
    /// The user or group.
    pub node: Node,
    /// Its id, where something else tells it.
    pub id: Option<ProviderId>,
    /// The position, of an entry of the change log.
    pub seq: Option<ChangeSeq>,
    /// What stands in for it.
    pub instead: Instead,
    /// What is to be written in its place.
    pub(crate) mended: Option<Mended>,
}

/// A row that takes the place of one that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mended {
    User(UserNo, Arc<User>),
    Group(GroupNo, Arc<Group>),
    Chunk(ChunkKey, Vec<u32>),
}

impl Damage {
    /// Whether an object that is served is left out because of it.
    pub fn leaves_out(&self) -> bool {
        matches!(self.place, Place::Served | Place::ServedMembers | Place::Unplaced)
            && self.instead == Instead::Nothing
    }

    /// The object, as an administrator finds it.
    pub fn object(&self) -> String {
        let (kind, no) = match self.node {
            Node::User(no) => ("user", no.0),
            Node::Group(no) => ("group", no.0),
        };
        match &self.id {
            Some(id) => format!("{kind} {id}"),
            None => format!("{kind} number {no}"),
        }
    }

    pub(crate) fn of_entry(entry: &DamagedEntry) -> Self {
        Self {
            directory: entry.directory,
            place: Place::Log,
            node: entry.node,
            id: None,
            seq: Some(entry.seq),
            instead: Instead::Nothing,
            mended: None,
        }
    }
}

/// For an administrator: lower case, no full stop.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.object();
        match self.place {
            Place::FrozenName => {
                return write!(
                    f,
                    "the frozen name of {object} cannot be read: the application sees the present name; \
                     `muster repair` takes it out"
                );
            }
            Place::Unplaced if self.instead == Instead::History => {
                return f.write_str(
                    "a row of what is served does not say any more whose it is; the history has it, and `muster repair` \
                     writes it anew",
                );
            }
            Place::Unplaced if self.instead == Instead::Nothing => {
                return f.write_str(
                    "a row of what is served does not say any more whose it is: products get no lists until `muster \
                     repair` has taken it out",
                );
            }
            Place::Unplaced => {
                return f.write_str(
                    "a row of what the provider said does not say any more whose it is: whoever is served stays so, \
                     and `muster repair` lets everything be read again",
                );
            }
            Place::Served => write!(f, "what is served of {object} cannot be read")?,
            Place::ServedMembers => write!(f, "who is in {object} cannot be read")?,
            Place::Mirror => write!(f, "what the provider said of {object} cannot be read")?,
            Place::MirrorMembers => {
                write!(f, "who is in {object}, as the provider said, cannot be read")?;
            }
            Place::Log => {
                let seq = self.seq.unwrap_or_default();
                return write!(
                    f,
                    "entry {seq} of the change log, about {object}, cannot be read: products that ask for changes from \
                     before it read everything once, and no earlier state of the directory can be shown"
                );
            }
        }
        f.write_str(match (self.place, self.instead) {
            (_, Instead::History) => "; the history has it, and the next run writes it anew",
            (_, Instead::Earlier) => "; an earlier state is served, and the next run plans it anew",
            (_, Instead::Served) => "; it stays as served until everything is read again",
            (Place::Served | Place::ServedMembers, _) => {
                ", and neither can its history: products get no lists until the next run has made it anew from what \
                 the provider says, or `muster repair` has given it up"
            }
            _ => "; it is not served, and comes back when everything is read again",
        })
    }
}

/// What was found by this process.
#[derive(Debug, Default)]
pub(crate) struct Register(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    served: BTreeMap<DirectoryId, Vec<Damage>>,
    mirror: BTreeMap<DirectoryId, Vec<Damage>>,
    log: BTreeMap<ChangeSeq, Damage>,
    frozen: Vec<Damage>,
}

impl Register {
    pub(crate) fn served(&self, id: DirectoryId, damage: Vec<Damage>) {
        self.lock().served.insert(id, damage);
    }

    pub(crate) fn mirror(&self, id: DirectoryId, damage: Vec<Damage>) {
        self.lock().mirror.insert(id, damage);
    }

    /// The frozen names of all directories were read.
    pub(crate) fn frozen(&self, damage: Vec<Damage>) {
        self.lock().frozen = damage;
    }

    pub(crate) fn log(&self, entries: &[DamagedEntry]) {
        let mut found = self.lock();
        for entry in entries {
            found.log.entry(entry.seq).or_insert_with(|| Damage::of_entry(entry));
        }
    }

    /// All that was found in a directory.
    pub(crate) fn of(&self, id: DirectoryId) -> Vec<Damage> {
        let found = self.lock();
        let rows = found.served.get(&id).into_iter().chain(found.mirror.get(&id)).flatten();
        let others = found.log.values().chain(&found.frozen);
        let is_of = |damage: &&Damage| damage.directory == id || damage.directory == UNKNOWN;
        rows.chain(others.filter(is_of)).cloned().collect()
    }

    /// A run was committed: what it wrote anew can be read. `unreadable` are the records that still cannot.
    pub(crate) fn written(
        &self,
        id: DirectoryId,
        changes: &[Change],
        (unreadable, full_read): (&BTreeSet<Node>, bool),
    ) {
        let mut found = self.lock();
        if let Some(served) = found.served.get_mut(&id) {
            served.retain(|damage| damage.mended.is_none() && !is_put(changes, damage));
        }
        if let Some(mirror) = found.mirror.get_mut(&id) {
            mirror.retain(|damage| match damage.instead {
                Instead::Nothing => !full_read,
                _ if damage.place == Place::Mirror => unreadable.contains(&damage.node),
                _ => damage.mended.is_none(),
            });
        }
    }

    /// Entries up to a position are in the log no more.
    pub(crate) fn folded(&self, floor: ChangeSeq) {
        self.lock().log.retain(|seq, _| *seq > floor);
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether changes put the object into the place of what cannot be read.
fn is_put(changes: &[Change], damage: &Damage) -> bool {
    changes.iter().any(|change| match change {
        Change::User { no, after: Some(_), .. } => damage.node == Node::User(*no),
        Change::Group { no, after: Some(_), .. } => {
            damage.node == Node::Group(*no) && damage.place == Place::Served
        }
        _ => false,
    })
}

/// Writes what stands in for rows that cannot be read in their place. What a full read did not bring back is gone.
pub(crate) fn mend(
    transaction: &Transaction<'_>,
    damage: &[Damage],
    full_read: bool,
) -> Result<(), StoreError> {
    for damage in damage {
        let id = damage.directory.0;
        match (&damage.mended, damage.place) {
            (Some(Mended::User(no, user)), _) => {
                let update = "UPDATE served_user SET record = ?3 WHERE directory = ?1 AND no = ?2";
                transaction.execute(update, (id, no.0, encoding::pack_user(user)?))?;
            }
            (Some(Mended::Group(no, group)), _) => {
                let update = "UPDATE served_group SET record = ?3 WHERE directory = ?1 AND no = ?2";
                transaction.execute(update, (id, no.0, encoding::pack_group(group)?))?;
            }
            (Some(Mended::Chunk(key, members)), place) => {
                let mirror = place == Place::MirrorMembers;
                let table = if mirror { Table::Mirror } else { Table::Served };
                table.put(transaction, damage.directory, *key, members)?;
            }
            (None, Place::Mirror) if full_read && damage.instead == Instead::Nothing => {
                forget_record(transaction, damage)?;
            }
            (None, _) => {}
        }
    }
    Ok(())
}

/// Takes the row of the mirror out.
pub(crate) fn forget_record(
    transaction: &Transaction<'_>,
    damage: &Damage,
) -> Result<(), StoreError> {
    let (table, no) = match damage.node {
        Node::User(no) => ("mirror_person", no.0),
        Node::Group(no) => ("mirror_group", no.0),
    };
    let delete = format!("DELETE FROM {table} WHERE directory = ?1 AND no = ?2");
    transaction.execute(&delete, (damage.directory.0, no))?;
    Ok(())
}
