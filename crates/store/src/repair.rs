//! Looks at every row of people, groups, history and decisions; writes anew what the rows around still tell, and takes
//! out what nothing tells.
//!
//! Invariants: looking writes nothing and says what applying would do; applying is one transaction; in the order
//! served, base, log, mirror, since each is told by those before it.

mod rows;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use directory::{
    change::Change,
    decisions::Node,
    id::{DirectoryId, GroupNo, ProviderId, UserNo},
    name::Name,
    snapshot::Directory,
};
use rusqlite::{Transaction, types::ValueRef};

pub(crate) use self::rows::mend_counters;

use crate::{
    Store, StoreError, base,
    change_log::{self, DamagedEntry},
    damage::{self, Damage, Instead, Place},
    db::signed,
    encoding,
    members::Table,
    mirror,
    recover::{self, State},
    sealed::Key,
    served,
    unreadable::{MAIN, STATE},
};

/// Something that cannot be read, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The directory's name; empty for what belongs to none.
    pub directory: String,
    /// What cannot be read.
    pub what: String,
    /// What is done about it.
    pub remedy: String,
}

/// For an administrator: lower case, no full stop.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.directory.is_empty() {
            write!(f, "{}: ", self.directory)?;
        }
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl Store {
    /// Finds what cannot be read in both databases and, if told so, repairs it.
    ///
    /// # Errors
    /// When a database cannot be read or written; nothing is changed in it then.
    pub fn repair(&self, apply: bool) -> Result<Vec<Finding>, StoreError> {
        let work = |transaction: &Transaction<'_>| main(transaction, &self.0.key, apply);
        let mut found = if apply { self.0.main.write(work) } else { self.0.main.read(work) }?;
        let work = |transaction: &Transaction<'_>| {
            let mut repair = Repair::new(transaction, &self.0.key, apply);
            let hits = repair.hits(STATE)?;
            repair.rows(hits)?;
            Ok(repair.found)
        };
        found.extend(if apply { self.0.state.write(work) } else { self.0.state.read(work) }?);
        Ok(found)
    }
}

fn main(transaction: &Transaction<'_>, key: &Key, apply: bool) -> Result<Vec<Finding>, StoreError> {
    let mut repair = Repair::new(transaction, key, apply);
    if repair.number_of_directory()? {
        return Ok(repair.found);
    }
    // Looked for before anything is written, so that applying finds what looking found.
    let hits = repair.hits(MAIN)?;
    repair.counters()?;
    for (id, name) in directories(transaction)? {
        repair.name = name;
        repair.directory(id)?;
    }
    repair.name.clear();
    repair.entries_of_nobody()?;
    repair.rows(hits)?;
    repair.strangers()?;
    repair.folded_names()?;
    Ok(repair.found)
}

fn directories(transaction: &Transaction<'_>) -> Result<Vec<(DirectoryId, String)>, StoreError> {
    let mut select =
        transaction.prepare("SELECT id, CAST(name AS BLOB) FROM connection ORDER BY id")?;
    let mut rows = select.query(())?;
    let mut directories = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(1)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        // One whose number cannot be is among the rows of settings.
        let Ok(id) = row.get(0) else { continue };
        directories.push((DirectoryId(id), name));
    }
    Ok(directories)
}

/// What becomes of an entry that nothing tells.
const TAKEN_OUT_OF_LOG: &str =
    "taken out; products read everything once, and earlier states cannot be shown";

struct Repair<'a> {
    transaction: &'a Transaction<'a>,
    key: &'a Key,
    apply: bool,
    /// The directory that is looked at; empty for what belongs to none.
    name: String,
    found: Vec<Finding>,
}

impl<'a> Repair<'a> {
    fn new(transaction: &'a Transaction<'a>, key: &'a Key, apply: bool) -> Self {
        Self { transaction, key, apply, name: String::new(), found: Vec::new() }
    }

    /// Lets products read everything once.
    fn expire(&self) -> Result<(), StoreError> {
        let expire = "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'epoch'";
        self.execute(expire, ())
    }

    fn directory(&mut self, id: DirectoryId) -> Result<(), StoreError> {
        self.served(id)?;
        self.base(id)?;
        self.log(id)?;
        self.mirror(id)?;
        self.decisions(id)
    }

    fn found(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        let directory = self.name.clone();
        self.found.push(Finding { directory, what: what.into(), remedy: remedy.into() });
    }

    fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), StoreError> {
        if self.apply {
            self.transaction.execute(sql, parameters)?;
        }
        Ok(())
    }

    fn served(&mut self, id: DirectoryId) -> Result<(), StoreError> {
        let (directory, damage) = served::load(self.transaction, id)?;
        for damage in &damage {
            let remedy = match damage.instead {
                Instead::Nothing if damage.place == Place::Unplaced => {
                    "taken out; whoever it was comes back at the next run, and products may delete them until then"
                }
                Instead::History => "written anew, as the history has it",
                Instead::Nothing => {
                    "given up: it is not served until a run makes it anew of what the provider says, and products \
                     may delete it until then"
                }
                _ => "written anew as it was at an earlier time; the next run plans it again",
            };
            self.found(what(damage), remedy);
            if damage.instead == Instead::Nothing {
                let (table, no) = match damage.node {
                    Node::User(no) => ("served_user", no.0),
                    Node::Group(no) => ("served_group", no.0),
                };
                if damage.place == Place::Served {
                    let delete = format!("DELETE FROM {table} WHERE directory = ?1 AND no = ?2");
                    self.execute(&delete, (id.0, no))?;
                }
            }
        }
        if self.apply && !damage.is_empty() {
            damage::mend(self.transaction, &damage, false)?;
            if damage.iter().any(|damage| damage.place == Place::Unplaced) {
                self.write_objects(id, &directory)?;
            }
            self.write_members(id, &directory)?;
        }
        Ok(())
    }

    /// Writes users and groups as they were loaded.
    fn write_objects(&self, id: DirectoryId, loaded: &Directory) -> Result<(), StoreError> {
        let users = loaded.users_from(0);
        let users =
            users.map(|(no, user)| Change::User { no, before: None, after: Some(user.clone()) });
        let groups = loaded.groups_from(0);
        let groups = groups.map(|(no, group)| Change::Group {
            no,
            before: None,
            after: Some(group.clone()),
        });
        let changes: Vec<Change> = users.chain(groups).collect();
        served::write(self.transaction, served::Rows::Served, id, &changes)
    }

    /// Writes the members of groups as they were loaded: without those who are given up.
    fn write_members(&self, id: DirectoryId, loaded: &Directory) -> Result<(), StoreError> {
        let mut stored: BTreeMap<GroupNo, BTreeSet<Node>> = BTreeMap::new();
        let each = |group, member| {
            stored.entry(group).or_default().insert(member);
        };
        // What cannot be read is other than what was loaded.
        Table::Served.load(self.transaction, id, each, |_| Ok(vec![u32::MAX]))?;
        for (group, _) in loaded.groups_from(0) {
            stored.entry(group).or_default();
        }
        for (group, stored) in stored {
            let users = loaded.users_of(group).iter().map(|no| Node::User(UserNo(*no)));
            let groups = loaded.children_of(group).iter().map(|no| Node::Group(GroupNo(*no)));
            let members: BTreeSet<Node> = users.chain(groups).collect();
            if members != stored {
                Table::Served.replace(self.transaction, id, group, members)?;
            }
        }
        Ok(())
    }

    fn base(&mut self, id: DirectoryId) -> Result<(), StoreError> {
        let floor = base::floor(self.transaction)?.seq;
        for (table, user) in [("base_user", true), ("base_group", false)] {
            for no in self.unreadable(table, id, user)? {
                let node = if user { Node::User(UserNo(no)) } else { Node::Group(GroupNo(no)) };
                let what = format!("the oldest known state of {}", object(node));
                let delete = format!("DELETE FROM {table} WHERE directory = ?1 AND no = ?2");
                let update =
                    format!("UPDATE {table} SET record = ?3 WHERE directory = ?1 AND no = ?2");
                if let Ok(Some(state)) = recover::after(self.transaction, id, node, floor) {
                    self.found(what, "written anew, as the history has it");
                    self.execute(&update, (id.0, no, packed(&state)?))?;
                } else {
                    self.found(what, "taken out; states of before it changed cannot be shown");
                    self.execute(&delete, (id.0, no))?;
                }
            }
        }
        let mut groups = BTreeSet::new();
        Table::Base.load(
            self.transaction,
            id,
            |_, _| {},
            |key| {
                groups.insert(key.group());
                Ok(Vec::new())
            },
        )?;
        for group in groups {
            let what = format!("the oldest known members of {}", object(Node::Group(group)));
            let members = recover::members_after(self.transaction, id, group, floor);
            let remedy = match &members {
                Ok(_) => "written anew, as the history has them",
                Err(_) => "taken out; states of before they changed cannot be shown",
            };
            self.found(what, remedy);
            if self.apply {
                let members = members.unwrap_or_default();
                Table::Base.replace(self.transaction, id, group, members)?;
            }
        }
        Ok(())
    }

    /// The numbers of rows that say whose they are and cannot be read.
    fn unreadable(&self, table: &str, id: DirectoryId, user: bool) -> Result<Vec<u32>, StoreError> {
        let select = format!("SELECT no, record FROM {table} WHERE directory = ?1 ORDER BY no");
        let mut select = self.transaction.prepare(&select)?;
        let mut rows = select.query([id.0])?;
        let mut unreadable = Vec::new();
        while let Some(row) = rows.next()? {
            let record = recover::blob(row, 1);
            let is_read = if user {
                record.and_then(encoding::unpack_user).is_ok()
            } else {
                record.and_then(encoding::unpack_group).is_ok()
            };
            if let (false, Ok(no)) = (is_read, row.get(0)) {
                unreadable.push(no);
            }
        }
        Ok(unreadable)
    }

    fn log(&mut self, id: DirectoryId) -> Result<(), StoreError> {
        let select = "SELECT seq, run, at, directory, kind, no, change FROM change_log
                      WHERE directory = ?1 AND seq > 0 ORDER BY seq";
        let mut damaged = Vec::new();
        {
            let mut select = self.transaction.prepare(select)?;
            let mut rows = select.query([id.0])?;
            while let Some(row) = rows.next()? {
                damaged.extend(change_log::entry(row)?.err());
            }
        }
        for entry in damaged {
            let about = if entry.members { "the members of " } else { "" };
            let what = format!(
                "entry {} of the change log, about {about}{}",
                entry.seq,
                object(entry.node)
            );
            if let Ok(change) = self.change(&entry) {
                self.found(what, "written anew, as the entries around it tell");
                let (_, _, packed) = encoding::pack_change(&change)?;
                // The index says of which run it is, too.
                let update = "UPDATE change_log SET change = ?2,
                        run = coalesce((SELECT run FROM log_run WHERE ?1 BETWEEN first AND last LIMIT 1), 0),
                        at = coalesce((SELECT at FROM log_run WHERE ?1 BETWEEN first AND last LIMIT 1), 0)
                    WHERE seq = ?1";
                self.execute(update, (signed(entry.seq.0), packed))?;
            } else {
                self.found(what, TAKEN_OUT_OF_LOG);
                let delete = "DELETE FROM change_log WHERE seq = ?1";
                self.execute(delete, [signed(entry.seq.0)])?;
                self.expire()?;
            }
        }
        Ok(())
    }

    /// What an entry said, as base, what is served and the other entries tell.
    fn change(&self, entry: &DamagedEntry) -> Result<Change, StoreError> {
        let (transaction, id, seq) = (self.transaction, entry.directory, entry.seq);
        if let (true, Node::Group(group)) = (entry.members, entry.node) {
            let before = recover::members_before(transaction, id, group, seq)?;
            let after = recover::members_after(transaction, id, group, seq)?;
            return Ok(Change::Members(recover::difference(group, &before, &after)));
        }
        let before = recover::before(transaction, id, entry.node, seq)?;
        let after = recover::after(transaction, id, entry.node, seq)?;
        if before.is_none() && after.is_none() {
            return Err(StoreError::Damaged("nothing came of it".to_owned()));
        }
        Ok(match entry.node {
            Node::User(no) => Change::User { no, before: user(before), after: user(after) },
            Node::Group(no) => Change::Group { no, before: group(before), after: group(after) },
        })
    }

    fn mirror(&mut self, id: DirectoryId) -> Result<(), StoreError> {
        let (_, damage) = match mirror::load(self.transaction, id) {
            Ok(loaded) => loaded,
            // What is served cannot tell it either: both were just made as good as they get.
            Err(StoreError::Damaged(what)) => {
                self.found(what, "nothing can be done here; restore a backup");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for damage in &damage {
            let remedy = match (damage.place, damage.instead) {
                (Place::Unplaced, _) => {
                    "taken out; everything is read at the next run, and whoever is served stays so until then"
                }
                (Place::MirrorMembers, _) => {
                    "written anew, as they are served; everything is read at the next run"
                }
                (_, Instead::Nothing) => "taken out; everything is read at the next run",
                _ => {
                    "everything is read at the next run, which writes it anew; it stays as served until then"
                }
            };
            if damage.place != Place::Unplaced {
                self.found(what(damage), remedy);
            }
        }
        if !damage.is_empty() {
            if self.apply {
                damage::mend(self.transaction, &damage, true)?;
                if damage.iter().any(|damage| damage.place == Place::Unplaced) {
                    mirror::restore_missing(self.transaction, id)?;
                }
            }
            let full = "UPDATE connection SET cursor = NULL, last_full_read = NULL WHERE id = ?1";
            self.execute(full, [id.0])?;
        }
        Ok(())
    }

    fn decisions(&mut self, id: DirectoryId) -> Result<(), StoreError> {
        let id_is_read = |value: ValueRef<'_>| {
            value.as_str().ok().is_some_and(|text| ProviderId::parse(text).is_ok())
        };
        let name_is_read =
            |value: ValueRef<'_>| value.as_str().ok().is_some_and(|text| Name::parse(text).is_ok());
        let text_is_read = |value: ValueRef<'_>| value.as_str().is_ok();
        let frozen = "taken out; the application sees the present name of the user";
        self.texts(id, ("frozen_name", "name"), ("a frozen name", frozen), name_is_read)?;
        let past = "taken out; the former name is free to be given to anybody";
        self.texts(id, ("past_name", "folded"), ("a former name", past), text_is_read)?;
        self.texts(id, ("past_name", "holder"), ("whose a former name is", past), id_is_read)?;
        let accepted = "taken out; the new name of the group has to be accepted again";
        self.texts(id, ("accepted_name", "name"), ("an accepted name", accepted), name_is_read)?;
        let refused = "taken out; the new name of the group waits again, and can be refused again";
        self.texts(id, ("refused_name", "name"), ("a refused name", refused), name_is_read)?;
        let take_over =
            "taken out; that the account takes the place of a leaver waits for an approval again";
        self.texts(id, ("take_over", "name"), ("an approved take-over", take_over), text_is_read)?;
        let discard = "taken out; what was discarded is planned again";
        self.texts(id, ("discard", "digest"), ("a discarded change", discard), text_is_read)
    }

    /// Takes out the rows of a table of which one text cannot be read.
    fn texts(
        &mut self,
        id: DirectoryId,
        (table, column): (&str, &str),
        (what, remedy): (&str, &str),
        is_read: impl Fn(ValueRef<'_>) -> bool,
    ) -> Result<(), StoreError> {
        let mut damaged: Vec<Vec<u8>> = Vec::new();
        {
            let select = format!("SELECT {column} FROM {table} WHERE directory = ?1");
            let mut select = self.transaction.prepare(&select)?;
            let mut rows = select.query([id.0])?;
            while let Some(row) = rows.next()? {
                let value = row.get_ref(0)?;
                if !is_read(value) {
                    damaged.push(value.as_bytes().unwrap_or_default().to_vec());
                }
            }
        }
        for value in damaged {
            self.found(format!("{what} (`{}`)", String::from_utf8_lossy(&value)), remedy);
            let delete =
                format!("DELETE FROM {table} WHERE directory = ?1 AND CAST({column} AS BLOB) = ?2");
            self.execute(&delete, (id.0, value))?;
        }
        Ok(())
    }
}

fn what(damage: &Damage) -> String {
    let object = damage.object();
    match damage.place {
        Place::Served => format!("what is served of {object}"),
        Place::ServedMembers => format!("who is in {object}"),
        Place::Mirror => format!("what the provider said of {object}"),
        Place::MirrorMembers => format!("who is in {object}, as the provider said"),
        Place::FrozenName => format!("the frozen name of {object}"),
        Place::Unplaced => "a row that does not say any more whose it is".to_owned(),
        Place::Log => format!("an entry of the change log about {object}"),
    }
}

fn object(node: Node) -> String {
    match node {
        Node::User(no) => format!("user number {}", no.0),
        Node::Group(no) => format!("group number {}", no.0),
    }
}

fn packed(state: &State) -> Result<Vec<u8>, StoreError> {
    match state {
        State::User(user) => encoding::pack_user(user),
        State::Group(group) => encoding::pack_group(group),
    }
}

fn user(state: Option<State>) -> Option<std::sync::Arc<directory::user::User>> {
    match state {
        Some(State::User(user)) => Some(user),
        _ => None,
    }
}

fn group(state: Option<State>) -> Option<std::sync::Arc<directory::group::Group>> {
    match state {
        Some(State::Group(group)) => Some(group),
        _ => None,
    }
}
