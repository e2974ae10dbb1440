//! Edits of people and groups, as the vendor would make them: checked, logged, effective at once.
//!
//! Invariant: a refused edit changes nothing; an accepted one appends to the log. Logins are unique among live users
//! whatever their case. The time is a parameter.

mod group;
mod user;

use serde::{Deserialize, Deserializer};

use super::org::Status;
use super::{GroupKind, Life, Member, Tenant, field, journal::Happening};
use crate::Provider;
use crate::chance::draw;

const DAY_MS: i64 = 86_400_000;
/// Longest text an edit may set, in bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// Why an edit was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// Another live user has the login.
    #[error("login {0:?} belongs to another user")]
    LoginTaken(String),
    /// The object is not live.
    #[error("the object is deleted")]
    NotLive,
    /// The object is not in the bin.
    #[error("the object is not in the bin")]
    NotBinned,
    /// A group cannot contain itself.
    #[error("a group cannot be its own member")]
    SelfNesting,
    /// Microsoft 365 groups contain users only.
    #[error("a Microsoft 365 group cannot contain groups")]
    CannotNest,
    /// The vendor refuses circles of groups.
    #[error("cyclic memberships are not allowed")]
    Cycle,
    /// The vendor has no such field.
    #[error("this provider has no field {0:?}")]
    NotHere(&'static str),
    /// Not an e-mail address.
    #[error("field {0:?} must be an e-mail address")]
    NoAddress(&'static str),
    /// The vendor never has a null there.
    #[error("field {0:?} cannot be null")]
    NotNullable(&'static str),
    /// Another group of the vendor's own has the name.
    #[error("group name {0:?} belongs to another group")]
    NameTaken(String),
    /// The vendor keeps this group itself.
    #[error("the group is one of the provider's own and cannot be edited so")]
    BuiltIn,
    /// The vendor has no groups in groups.
    #[error("this provider has no groups in groups")]
    NoNesting,
    /// That status is reached in another way.
    #[error("status DEPROVISIONED is set by DELETE users/ID")]
    Deprovisioned,
    /// The vendor stores three bytes of UTF-8 a sign at most.
    #[error("field {0:?} has signs outside the basic multilingual plane")]
    BeyondBmp(&'static str),
    /// Longer than the vendor allows.
    #[error("field {0:?} is longer than {1} signs")]
    TooLong(&'static str, usize),
    /// Too long or empty.
    #[error("field {0:?} is empty or longer than {TEXT_BYTES_MAX} bytes")]
    BadText(&'static str),
}

/// One field of a request body: left out, null, or a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Edit<T> {
    /// Left out.
    #[default]
    Keep,
    /// `null`.
    Clear,
    /// A value.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Edit<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(from)?.map_or(Self::Clear, Self::Set))
    }
}

/// The fields of a user that an edit may carry; for creation what is left out is made up or null.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UserEdit {
    pub(crate) login: Edit<String>,
    pub(crate) email: Edit<String>,
    pub(crate) first_name: Edit<String>,
    pub(crate) last_name: Edit<String>,
    pub(crate) display_name: Edit<String>,
    pub(crate) active: Edit<bool>,
    pub(crate) guest: Edit<bool>,
    pub(crate) department: Edit<String>,
    pub(crate) job_title: Edit<String>,
    pub(crate) company: Edit<String>,
    pub(crate) employee_id: Edit<String>,
    pub(crate) office: Edit<String>,
    pub(crate) mobile: Edit<String>,
    /// Google only, as are the two below.
    pub(crate) archived: Option<bool>,
    pub(crate) admin: Option<bool>,
    pub(crate) aliases: Option<Vec<String>>,
    /// Okta only.
    pub(crate) status: Option<Status>,
}

/// The fields of a group that an edit may carry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GroupEdit {
    pub(crate) name: Edit<String>,
    pub(crate) description: Edit<String>,
    /// The address; Google only.
    pub(crate) email: Edit<String>,
    /// Only when creating.
    pub(crate) kind: Option<GroupKind>,
    /// Whether it hides its members; Entra only.
    pub(crate) hidden: Option<bool>,
}

impl UserEdit {
    /// The text fields in one order: name, bit, whether null is allowed, value.
    fn texts(&self) -> [(&'static str, u32, bool, &Edit<String>); 11] {
        [
            ("login", field::LOGIN, false, &self.login),
            ("email", field::EMAIL, true, &self.email),
            ("first_name", field::FIRST, true, &self.first_name),
            ("last_name", field::LAST, true, &self.last_name),
            ("display_name", field::DISPLAY, false, &self.display_name),
            ("department", field::DEPARTMENT, true, &self.department),
            ("job_title", field::JOB, true, &self.job_title),
            ("company", field::COMPANY, true, &self.company),
            ("employee_id", field::EMPLOYEE, true, &self.employee_id),
            ("office", field::OFFICE, true, &self.office),
            ("mobile", field::MOBILE, true, &self.mobile),
        ]
    }

    /// Whether every field holds what it may hold.
    pub(crate) fn check(&self) -> Result<(), EditError> {
        for (name, _, nullable, edit) in self.texts() {
            check_text(name, nullable, edit)?;
        }
        for (name, edit) in [("active", &self.active), ("guest", &self.guest)] {
            if *edit == Edit::Clear {
                return Err(EditError::NotNullable(name));
            }
        }
        Ok(())
    }
}

fn seconds(at_ms: i64) -> u32 {
    u32::try_from(at_ms / 1000).unwrap_or(u32::MAX)
}

fn check_text(name: &'static str, nullable: bool, edit: &Edit<String>) -> Result<(), EditError> {
    match edit {
        Edit::Clear if !nullable => Err(EditError::NotNullable(name)),
        Edit::Set(text) if text.is_empty() || text.len() > TEXT_BYTES_MAX => {
            Err(EditError::BadText(name))
        }
        _ => Ok(()),
    }
}

impl Tenant {
    /// How long people stay in the bin.
    fn bin_ms(&self) -> i64 {
        match self.vendor {
            Provider::Entra => 30 * DAY_MS,
            Provider::Google => 20 * DAY_MS,
            // Who is deprovisioned stays until somebody deletes them.
            Provider::Okta => i64::MAX / 2,
        }
    }

    /// Removes for ever what has been in the bin for too long.
    pub(crate) fn purge(&mut self, now_ms: i64) {
        while let Some((deleted_ms, object)) = self.bin.front().copied() {
            if deleted_ms + self.bin_ms() > now_ms {
                return;
            }
            self.erase(object, now_ms);
        }
    }

    /// Removes one object in the bin for ever; whether it was there.
    pub(crate) fn erase(&mut self, object: Member, at_ms: i64) -> bool {
        if self.life(object) != Life::Binned {
            return false;
        }
        self.bin.retain(|(_, binned)| *binned != object);
        match object {
            Member::User(user) => {
                self.lives[user as usize] = Life::Gone;
                self.log_user(user, field::WHOLE, at_ms);
            }
            Member::Group(group) => {
                self.groups[group as usize].card.life = Life::Gone;
                self.log_group(group, field::WHOLE, at_ms);
            }
            Member::Other(_) => {}
        }
        true
    }

    /// Notes that a live object changed in some way that the model does not know.
    pub(crate) fn touch(&mut self, key: &str, at_ms: i64) {
        let live = |member: &Member| self.life(*member) == Life::Live;
        if let Some(Member::User(user)) = self.user_by_key(key).map(Member::User).filter(live) {
            let row = *self.user(user);
            self.lag.keep_user(user, Some((row, Life::Live)), at_ms);
            self.log_user(user, field::WHOLE, at_ms);
            let (flags, status) = ((row.flags, row.flags), (row.status, row.status));
            let (fields, was) = (field::DEPARTMENT, row.login);
            self.note(at_ms, Happening::UserChanged { user, fields, was, flags, status });
        }
        let live = |member: &Member| self.life(*member) == Life::Live;
        if let Some(Member::Group(group)) = self.group_by_key(key).map(Member::Group).filter(live) {
            let card = self.group(group).card;
            self.lag.keep_group(group, Some(card), at_ms);
            let fields = field::NAME | field::DESCRIPTION | field::VISIBILITY;
            self.log_group(group, fields, at_ms);
            let (fields, was) = (field::DESCRIPTION, card.nickname);
            self.note(at_ms, Happening::GroupChanged { group, fields, was });
        }
    }

    /// The vendor "may or may not" tell groups about the deletion of their member: a coin per object.
    fn tells_groups(&mut self, at: u32, topic: u64) -> bool {
        self.ensure_lookup();
        draw(self.seed, 0x7e11 + topic, u64::from(at)) & 1 == 0
    }
}
