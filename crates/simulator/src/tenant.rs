//! The model of one simulated tenant: people, groups, direct memberships and the log of what changed.
//!
//! Invariants: objects are addressed by position and never move; members of a group are sorted positions; every edit
//! appends to a log, so a delta costs what changed and not what exists. A user in the bin keeps their memberships, which
//! is why every reader asks [`Tenant::member_is_live`]. Knows no wire format.

pub(crate) mod address;
pub(crate) mod edit;
pub(crate) mod id;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod lag;
pub(crate) mod lookup;
pub(crate) mod membership;
pub(crate) mod org;
pub(crate) mod text;
pub(crate) mod workspace;

use std::collections::{HashMap, HashSet, VecDeque};

use self::address::Addresses;
use self::id::{Guid, Ids, Kind};
use self::lag::Lag;
use self::lookup::Lookup;
use self::org::{Org, Status};
use self::text::{Text, Texts};
use crate::Provider;

/// Where an object is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It exists.
    Live,
    /// It is in the bin and can be restored.
    Binned,
    /// It is gone for ever.
    Gone,
}

/// The account is enabled.
pub(crate) const ENABLED: u8 = 1;
/// The user is a guest.
pub(crate) const GUEST: u8 = 2;
/// The guest has not accepted yet.
pub(crate) const PENDING: u8 = 4;
/// The user is synchronised from an on-premises directory.
pub(crate) const SYNCED: u8 = 8;
/// The account is archived (Google).
pub(crate) const ARCHIVED: u8 = 16;
/// The user administers the organisation (Google).
pub(crate) const ADMIN: u8 = 32;

/// The fields of an object that a change touched, as bits.
pub(crate) mod field {
    pub(crate) const LOGIN: u32 = 1;
    pub(crate) const EMAIL: u32 = 1 << 1;
    pub(crate) const FIRST: u32 = 1 << 2;
    pub(crate) const LAST: u32 = 1 << 3;
    pub(crate) const DISPLAY: u32 = 1 << 4;
    pub(crate) const ACTIVE: u32 = 1 << 5;
    pub(crate) const GUEST: u32 = 1 << 6;
    pub(crate) const DEPARTMENT: u32 = 1 << 7;
    pub(crate) const JOB: u32 = 1 << 8;
    pub(crate) const COMPANY: u32 = 1 << 9;
    pub(crate) const EMPLOYEE: u32 = 1 << 10;
    pub(crate) const OFFICE: u32 = 1 << 11;
    pub(crate) const MOBILE: u32 = 1 << 12;
    pub(crate) const NAME: u32 = 1 << 13;
    pub(crate) const DESCRIPTION: u32 = 1 << 14;
    pub(crate) const ARCHIVED: u32 = 1 << 15;
    pub(crate) const ADMIN: u32 = 1 << 16;
    pub(crate) const ALIASES: u32 = 1 << 17;
    pub(crate) const ADDRESS: u32 = 1 << 18;
    pub(crate) const STATUS: u32 = 1 << 19;
    pub(crate) const VISIBILITY: u32 = 1 << 20;
    /// Created, deleted or restored: everything.
    pub(crate) const WHOLE: u32 = u32::MAX;
}

/// One person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub(crate) login: Text,
    pub(crate) email: Text,
    pub(crate) first: Text,
    pub(crate) last: Text,
    pub(crate) display: Text,
    pub(crate) department: Text,
    pub(crate) job: Text,
    pub(crate) company: Text,
    pub(crate) employee: Text,
    pub(crate) office: Text,
    pub(crate) mobile: Text,
    /// Seconds since 1970.
    pub(crate) created_s: u32,
    /// Seconds since 1970; 0 while live.
    pub(crate) deleted_s: u32,
    /// Length of the user log after the last change; 0 for as generated.
    pub(crate) changed: u32,
    /// [`ENABLED`], [`GUEST`], [`PENDING`], [`SYNCED`], [`ARCHIVED`], [`ADMIN`].
    pub(crate) flags: u8,
    /// Where the account is in its life (Okta); elsewhere always [`Status::Active`].
    pub(crate) status: Status,
}

impl User {
    /// Whether a flag is set.
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Sets or clears a flag.
    pub(crate) fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
    }
}

/// The kinds of group the vendors know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupKind {
    /// Security group.
    Security,
    /// Microsoft 365 group: users only; deleted ones go to the bin.
    M365,
    /// Mail-enabled security group.
    MailSecurity,
    /// Distribution list.
    Distribution,
    /// A group of Okta's own.
    Okta,
    /// A group that Okta imports from an application, such as Active Directory.
    App,
    /// One of Okta's groups for administrators.
    BuiltIn,
    /// Okta's group of everybody, which has no list.
    Everybody,
}

/// A group without its members.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Card {
    pub(crate) name: Text,
    pub(crate) description: Text,
    /// The mail nickname; at Google the whole address.
    pub(crate) nickname: Text,
    pub(crate) created_s: u32,
    pub(crate) deleted_s: u32,
    pub(crate) changed: u32,
    pub(crate) kind: GroupKind,
    pub(crate) life: Life,
}

/// One group with its direct members, each list sorted.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) card: Card,
    pub(crate) users: Vec<u32>,
    pub(crate) groups: Vec<u32>,
    pub(crate) others: Vec<u32>,
}

/// Objects that can be members but are neither people nor groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherKind {
    /// A device.
    Device,
    /// A mail contact.
    Contact,
    /// A service principal, which Graph v1.0 leaves out of member lists.
    ServicePrincipal,
    /// Everybody in the organisation (Google).
    Organisation,
    /// A user of another organisation (Google).
    ForeignUser,
    /// A group of another organisation (Google).
    ForeignGroup,
    /// An address that belongs to no account (Google).
    Address,
}

/// One such object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Other {
    pub(crate) kind: OtherKind,
    pub(crate) name: Text,
}

/// A direct member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Member {
    /// A user.
    User(u32),
    /// A nested group.
    Group(u32),
    /// Anything else.
    Other(u32),
}

/// One entry of the user log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserChange {
    pub(crate) at_ms: i64,
    pub(crate) user: u32,
    pub(crate) fields: u32,
}

/// One entry of the group log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupChange {
    pub(crate) at_ms: i64,
    pub(crate) group: u32,
    pub(crate) what: GroupTouch,
}

/// What happened to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupTouch {
    /// Fields of the group itself.
    Fields(u32),
    /// A direct membership came or went; how it is now is looked up when the change is served.
    Member(Member),
}

/// The tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) vendor: Provider,
    pub(crate) seed: u64,
    pub(crate) domain: String,
    pub(crate) ids: Ids,
    pub(crate) texts: Texts,
    pub(crate) users: Vec<User>,
    /// The life of each user, apart from [`Self::users`] so that member lists touch little memory.
    pub(crate) lives: Vec<Life>,
    pub(crate) groups: Vec<Group>,
    pub(crate) others: Vec<Other>,
    pub(crate) user_log: Vec<UserChange>,
    pub(crate) group_log: Vec<GroupChange>,
    /// Fields of a user or group that were set once and are null now, by position.
    pub(crate) cleared_users: HashMap<u32, u32>,
    pub(crate) cleared_groups: HashMap<u32, u32>,
    /// Groups that hide their members (Entra).
    pub(crate) hidden_groups: HashSet<u32>,
    pub(crate) live_users: usize,
    pub(crate) live_groups: usize,
    pub(crate) lag: Lag,
    pub(crate) addresses: Addresses,
    pub(crate) journal: Vec<journal::Entry>,
    pub(crate) org: Org,
    parents: HashMap<u32, Vec<u32>>,
    lookup: Option<Lookup>,
    bin: VecDeque<(i64, Member)>,
}

impl Tenant {
    /// An empty tenant.
    pub(crate) fn new(vendor: Provider, seed: u64, domain: &str) -> Self {
        Self {
            vendor,
            seed,
            domain: domain.to_owned(),
            ids: Ids::new(seed),
            texts: Texts::default(),
            users: Vec::new(),
            lives: Vec::new(),
            groups: Vec::new(),
            others: Vec::new(),
            user_log: Vec::new(),
            group_log: Vec::new(),
            cleared_users: HashMap::new(),
            cleared_groups: HashMap::new(),
            hidden_groups: HashSet::new(),
            live_users: 0,
            live_groups: 0,
            lag: Lag::default(),
            addresses: Addresses::default(),
            journal: Vec::new(),
            org: Org::default(),
            parents: HashMap::new(),
            lookup: None,
            bin: VecDeque::new(),
        }
    }

    /// The id of a user.
    pub(crate) fn user_id(&self, user: u32) -> Guid {
        self.ids.guid(Kind::User, user)
    }

    /// The id of a group.
    pub(crate) fn group_id(&self, group: u32) -> Guid {
        self.ids.guid(Kind::Group, group)
    }

    /// The id of a member.
    pub(crate) fn member_id(&self, member: Member) -> Guid {
        match member {
            Member::User(at) => self.ids.guid(Kind::User, at),
            Member::Group(at) => self.ids.guid(Kind::Group, at),
            Member::Other(at) => self.ids.guid(Kind::Other, at),
        }
    }

    /// The user with this id in whatever life, or `None`.
    pub(crate) fn find_user(&self, id: Guid) -> Option<u32> {
        let at = self.ids.position(Kind::User, id)?;
        ((at as usize) < self.users.len()).then_some(at)
    }

    /// The group with this id in whatever life, or `None`.
    pub(crate) fn find_group(&self, id: Guid) -> Option<u32> {
        let at = self.ids.position(Kind::Group, id)?;
        ((at as usize) < self.groups.len()).then_some(at)
    }

    /// The object with this id, of any kind and in whatever life.
    pub(crate) fn find(&self, id: Guid) -> Option<Member> {
        if let Some(user) = self.find_user(id) {
            return Some(Member::User(user));
        }
        if let Some(group) = self.find_group(id) {
            return Some(Member::Group(group));
        }
        let at = self.ids.position(Kind::Other, id)?;
        ((at as usize) < self.others.len()).then_some(Member::Other(at))
    }

    /// A user's row.
    pub(crate) fn user(&self, user: u32) -> &User {
        &self.users[user as usize]
    }

    /// A group.
    pub(crate) fn group(&self, group: u32) -> &Group {
        &self.groups[group as usize]
    }

    /// Where an object is in its life.
    pub(crate) fn life(&self, object: Member) -> Life {
        match object {
            Member::User(at) => self.lives[at as usize],
            Member::Group(at) => self.groups[at as usize].card.life,
            Member::Other(_) => Life::Live,
        }
    }

    /// Whether an object exists and is not in the bin.
    pub(crate) fn member_is_live(&self, object: Member) -> bool {
        self.life(object) == Life::Live
    }
}
