//! What an edit means at Okta: accounts have a status, memberships move a time of their own, there is a group of
//! everybody without a list, and applications are assigned to people and groups.
//!
//! Invariants: the flag [`ENABLED`] follows the status; who is deprovisioned is in the bin ([`Life::Binned`]), keeps
//! the login, and has lost all memberships and assignments; nothing but another deletion ends that.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::{
    ENABLED, GroupKind, Life, Member, Tenant,
    edit::{Edit, EditError, GroupEdit, UserEdit},
    field,
    journal::Happening,
};
use crate::{Provider, chance::draw};

/// Longest name of a group.
const GROUP_NAME_MAX: usize = 255;
/// Longest description of a group.
const DESCRIPTION_MAX: usize = 1024;
/// Longest login and address.
const LOGIN_MAX: usize = 100;
/// Longest first and last name.
const NAME_MAX: usize = 50;

/// Where an account is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    /// It works.
    Active,
    /// Created, not activated.
    Staged,
    /// Activated; the password is not set yet.
    Provisioned,
    /// A password is being reset.
    Recovery,
    /// The password has expired.
    PasswordExpired,
    /// Too many failures.
    LockedOut,
    /// An administrator suspended it.
    Suspended,
    /// Deactivated.
    Deprovisioned,
}

impl Status {
    /// As Okta writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Staged => "STAGED",
            Self::Provisioned => "PROVISIONED",
            Self::Recovery => "RECOVERY",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::LockedOut => "LOCKED_OUT",
            Self::Suspended => "SUSPENDED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }

    /// Whether the person counts as active in a directory.
    pub(crate) fn is_active(self) -> bool {
        !matches!(self, Self::Staged | Self::Suspended | Self::Deprovisioned)
    }
}

impl GroupKind {
    /// Whether only Okta has this kind.
    pub(crate) fn is_oktas(self) -> bool {
        matches!(self, Self::Okta | Self::App | Self::BuiltIn | Self::Everybody)
    }

    /// Whether the vendor keeps groups of this kind itself.
    pub(crate) fn is_the_vendors(self) -> bool {
        matches!(self, Self::BuiltIn | Self::Everybody)
    }
}

/// What only an Okta organisation has.
#[derive(Debug, Default)]
pub(crate) struct Org {
    /// By group: the times at which its members changed, rising.
    member_times: HashMap<u32, Vec<i64>>,
    /// By user: when the status changed last.
    pub(crate) status_times: HashMap<u32, i64>,
    /// People to whom the application is assigned by themselves.
    pub(crate) app_users: BTreeSet<u32>,
    /// Groups to which it is assigned.
    pub(crate) app_groups: BTreeSet<u32>,
}

impl Tenant {
    /// The group of everybody.
    pub(crate) fn everybody(&self) -> Option<u32> {
        let first = self.groups.first()?;
        (first.card.kind == GroupKind::Everybody).then_some(0)
    }

    /// When the members of a group changed last, as far as one sees now; `None` if never since the start.
    pub(crate) fn members_changed_ms(&self, group: u32, now_ms: i64) -> Option<i64> {
        let times = self.org.member_times.get(&group)?;
        let seen = times.partition_point(|time| time + self.lag.delta_ms <= now_ms);
        seen.checked_sub(1).map(|last| times[last])
    }

    /// The time of a user's last change, in milliseconds since 1970; `None` if never since the start.
    pub(crate) fn user_changed_ms(&self, changed: u32) -> Option<i64> {
        let place = (changed as usize).checked_sub(1)?;
        self.user_log.get(place).map(|entry| entry.at_ms)
    }

    /// The same for a group without its members.
    pub(crate) fn group_changed_ms(&self, changed: u32) -> Option<i64> {
        let place = (changed as usize).checked_sub(1)?;
        self.group_log.get(place).map(|entry| entry.at_ms)
    }

    /// The people to whom the application is assigned, by themselves or through a group, sorted.
    pub(crate) fn assigned_users(&self) -> Vec<u32> {
        let mut users: Vec<u32> = self.org.app_users.iter().copied().collect();
        for group in &self.org.app_groups {
            if self.holds_everybody(*group) {
                users.extend(0..self.users.len() as u32);
            }
            users.extend_from_slice(&self.group(*group).users);
        }
        users.retain(|user| self.member_is_live(Member::User(*user)));
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Assigns the application to a person or a group, or takes it away; whether that changed anything.
    pub(crate) fn assign(
        &mut self,
        member: Member,
        on: bool,
        at_ms: i64,
    ) -> Result<bool, EditError> {
        if on && !self.member_is_live(member) {
            return Err(EditError::NotLive);
        }
        let (set, at) = match member {
            Member::User(at) => (&mut self.org.app_users, at),
            Member::Group(at) => (&mut self.org.app_groups, at),
            Member::Other(_) => return Ok(false),
        };
        let changed = if on { set.insert(at) } else { set.remove(&at) };
        if changed {
            self.note(at_ms, Happening::Assigned(member, on));
        }
        Ok(changed)
    }

    /// Records when members of a group changed.
    pub(super) fn org_touched(&mut self, group: u32, at_ms: i64) {
        if self.vendor == Provider::Okta {
            self.org.member_times.entry(group).or_default().push(at_ms);
        }
    }

    /// Somebody came to be or stopped being one of everybody.
    pub(super) fn everybody_touched(&mut self, at_ms: i64) {
        if let Some(everybody) = self.everybody() {
            self.org_touched(everybody, at_ms);
        }
    }

    /// Refuses memberships that Okta does not have.
    pub(super) fn check_org_member(&self, group: u32, member: Member) -> Result<(), EditError> {
        if self.vendor != Provider::Okta {
            return Ok(());
        }
        if matches!(member, Member::Group(_)) {
            return Err(EditError::NoNesting);
        }
        if self.group(group).card.kind == GroupKind::Everybody {
            return Err(EditError::BuiltIn);
        }
        let live = [Member::Group(group), member].into_iter().all(|one| self.member_is_live(one));
        if live { Ok(()) } else { Err(EditError::NotLive) }
    }

    /// The edit of a user as Okta means it.
    pub(super) fn fit_org_user(
        &self,
        mut edit: UserEdit,
        user: Option<u32>,
    ) -> Result<UserEdit, EditError> {
        if edit.guest == Edit::Set(true) {
            return Err(EditError::NotHere("guest"));
        }
        if edit.status == Some(Status::Deprovisioned) {
            return Err(EditError::Deprovisioned);
        }
        if edit.email == Edit::Clear {
            return Err(EditError::NotNullable("email"));
        }
        for (name, value, longest) in [
            ("login", &edit.login, LOGIN_MAX),
            ("email", &edit.email, LOGIN_MAX),
            ("first_name", &edit.first_name, NAME_MAX),
            ("last_name", &edit.last_name, NAME_MAX),
            ("display_name", &edit.display_name, usize::MAX),
            ("department", &edit.department, usize::MAX),
            ("job_title", &edit.job_title, usize::MAX),
            ("company", &edit.company, usize::MAX),
            ("employee_id", &edit.employee_id, usize::MAX),
            ("office", &edit.office, usize::MAX),
            ("mobile", &edit.mobile, usize::MAX),
        ] {
            check_signs(name, value, longest)?;
        }
        if let (Edit::Set(active), None) = (&edit.active, edit.status) {
            let now = user.map(|at| self.user(at).status);
            edit.status = match (now, *active) {
                (Some(now), active) if now.is_active() == active => None,
                (None, false) => Some(Status::Staged),
                (_, true) => Some(Status::Active),
                (Some(_), false) => Some(Status::Suspended),
            };
        }
        edit.active = Edit::Keep;
        if user.is_none() && edit.email == Edit::Keep {
            let made_up = format!("user.{}@{}", self.users.len(), self.domain);
            edit.email = Edit::Set(match &edit.login {
                Edit::Set(login) if login.contains('@') => login.clone(),
                _ => made_up,
            });
        }
        Ok(edit)
    }

    /// The edit of a group as Okta means it: names of its own groups are unique, whatever their case.
    pub(super) fn fit_org_group(
        &self,
        edit: GroupEdit,
        group: Option<u32>,
    ) -> Result<GroupEdit, EditError> {
        let now = group.map(|at| self.group(at).card.kind);
        let kind = edit.kind.or(now).unwrap_or(GroupKind::Okta);
        let creatable = matches!(kind, GroupKind::Okta | GroupKind::App);
        if edit.kind.is_some() && (!creatable || group.is_some()) {
            return Err(EditError::NotHere("kind"));
        }
        if now.is_some_and(GroupKind::is_the_vendors) {
            return Err(EditError::BuiltIn);
        }
        check_signs("name", &edit.name, GROUP_NAME_MAX)?;
        check_signs("description", &edit.description, DESCRIPTION_MAX)?;
        if let Edit::Set(name) = &edit.name
            && kind == GroupKind::Okta
            && self.has_own_group(name, group)
        {
            return Err(EditError::NameTaken(name.clone()));
        }
        Ok(edit)
    }

    /// Whether another live group that is not imported has this name.
    fn has_own_group(&self, name: &str, but: Option<u32>) -> bool {
        let lower = name.to_lowercase();
        self.groups.iter().enumerate().any(|(at, group)| {
            group.card.life == Life::Live
                && group.card.kind != GroupKind::App
                && but != Some(at as u32)
                && self.texts.get(group.card.name).is_some_and(|other| {
                    other.eq_ignore_ascii_case(name) || other.to_lowercase() == lower
                })
        })
    }

    /// Sets the status of a user; the fields that changed.
    pub(super) fn write_status(&mut self, user: u32, status: Option<Status>) -> u32 {
        let row = &mut self.users[user as usize];
        let Some(status) = status.filter(|status| *status != row.status) else {
            return 0;
        };
        row.status = status;
        row.set(ENABLED, status.is_active());
        field::STATUS
    }

    /// Deletes as Okta does: somebody is deactivated first, and removed for ever the second time.
    pub(super) fn deactivate_or_delete(&mut self, user: u32, at_ms: i64) -> Result<(), EditError> {
        match self.lives[user as usize] {
            Life::Gone => Err(EditError::NotLive),
            Life::Binned => {
                let was = (*self.user(user), Life::Binned);
                self.lag.keep_user(user, Some(was), at_ms);
                self.free_login_of(user);
                self.erase(Member::User(user), at_ms);
                self.note(at_ms, Happening::UserErased(user));
                Ok(())
            }
            Life::Live => {
                self.deactivate(user, at_ms);
                Ok(())
            }
        }
    }

    fn deactivate(&mut self, user: u32, at_ms: i64) {
        self.ensure_lookup();
        let was = (*self.user(user), Life::Live);
        self.lag.keep_user(user, Some(was), at_ms);
        self.lives[user as usize] = Life::Binned;
        self.live_users -= 1;
        self.write_status(user, Some(Status::Deprovisioned));
        self.org.status_times.insert(user, at_ms);
        self.log_user(user, field::WHOLE, at_ms);
        self.note(at_ms, Happening::UserDeleted(user));
        self.org.app_users.remove(&user);
        // The log does not always tell of each membership that ends so.
        let told = draw(self.seed, 0x7e14, u64::from(user)) & 1 == 0;
        for group in self.groups_of(Member::User(user)) {
            self.unlink(group, Member::User(user));
            self.touch_member(group, Member::User(user), at_ms, true);
            if told {
                self.note(at_ms, Happening::Left(group, Member::User(user)));
            }
        }
        self.everybody_touched(at_ms);
    }

    /// A deprovisioned user was activated again.
    pub(super) fn org_restored(&mut self, user: u32, at_ms: i64) {
        if self.vendor == Provider::Okta {
            self.write_status(user, Some(Status::Active));
            self.org.status_times.insert(user, at_ms);
            self.everybody_touched(at_ms);
        }
    }
}

fn check_signs(name: &'static str, value: &Edit<String>, longest: usize) -> Result<(), EditError> {
    let Edit::Set(text) = value else {
        return Ok(());
    };
    if text.chars().any(|sign| u32::from(sign) > 0xffff) {
        return Err(EditError::BeyondBmp(name));
    }
    if text.chars().count() > longest {
        return Err(EditError::TooLong(name, longest));
    }
    Ok(())
}
