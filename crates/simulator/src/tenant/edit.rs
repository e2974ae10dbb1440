//! Edits of people and groups, as the vendor would make them: checked, logged, effective at once.
//!
//! Invariant: a refused edit changes nothing; an accepted one appends to the log. Logins are unique among live users
//! whatever their case. The time is a parameter.

use serde::{Deserialize, Deserializer};

use super::text::Text;
use super::{
    Card, ENABLED, GUEST, Group, GroupChange, GroupKind, GroupTouch, Life, Member, PENDING, Tenant,
    User, UserChange, field,
};
use crate::chance::draw;

/// Objects stay this long in the bin.
pub(crate) const BIN_MS: i64 = 30 * 86_400_000;
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
    /// The vendor never has a null there.
    #[error("field {0:?} cannot be null")]
    NotNullable(&'static str),
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
}

/// The fields of a group that an edit may carry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GroupEdit {
    pub(crate) name: Edit<String>,
    pub(crate) description: Edit<String>,
    /// Only when creating.
    pub(crate) kind: Option<GroupKind>,
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

impl User {
    /// The slot of a text field.
    fn slot(&mut self, bit: u32) -> &mut Text {
        match bit {
            field::LOGIN => &mut self.login,
            field::EMAIL => &mut self.email,
            field::FIRST => &mut self.first,
            field::LAST => &mut self.last,
            field::DISPLAY => &mut self.display,
            field::DEPARTMENT => &mut self.department,
            field::JOB => &mut self.job,
            field::COMPANY => &mut self.company,
            field::EMPLOYEE => &mut self.employee,
            field::OFFICE => &mut self.office,
            _ => &mut self.mobile,
        }
    }

    /// A user without anything.
    pub(crate) fn blank(created_s: u32) -> Self {
        Self {
            login: Text::NONE,
            email: Text::NONE,
            first: Text::NONE,
            last: Text::NONE,
            display: Text::NONE,
            department: Text::NONE,
            job: Text::NONE,
            company: Text::NONE,
            employee: Text::NONE,
            office: Text::NONE,
            mobile: Text::NONE,
            created_s,
            deleted_s: 0,
            changed: 0,
            flags: ENABLED,
        }
    }
}

impl Tenant {
    /// Creates a user; a login and a display name are made up if none are given.
    pub(crate) fn create_user(&mut self, edit: &UserEdit, at_ms: i64) -> Result<u32, EditError> {
        edit.check()?;
        let at = self.users.len() as u32;
        let mut edit = edit.clone();
        if let Edit::Set(login) = &edit.login {
            self.check_login(login, None)?;
        } else {
            edit.login = Edit::Set(format!("user.{at}@{}", self.domain));
        }
        if edit.display_name == Edit::Keep {
            let names = [&edit.first_name, &edit.last_name].map(|name| match name {
                Edit::Set(name) => name.as_str(),
                _ => "",
            });
            let name = format!("{} {}", names[0], names[1]).trim().to_owned();
            edit.display_name =
                Edit::Set(if name.is_empty() { format!("User {at}") } else { name });
        }
        self.users.push(User::blank(seconds(at_ms)));
        self.lives.push(Life::Live);
        self.live_users += 1;
        self.lag.keep_user(at, None, at_ms);
        self.write_user(at, &edit);
        self.log_user(at, field::WHOLE, at_ms);
        Ok(at)
    }

    /// Changes fields of a live user.
    pub(crate) fn change_user(
        &mut self,
        user: u32,
        edit: &UserEdit,
        at_ms: i64,
    ) -> Result<(), EditError> {
        edit.check()?;
        if self.lives[user as usize] != Life::Live {
            return Err(EditError::NotLive);
        }
        if let Edit::Set(login) = &edit.login {
            self.check_login(login, Some(user))?;
        }
        let was = (*self.user(user), Life::Live);
        self.lag.keep_user(user, Some(was), at_ms);
        let fields = self.write_user(user, edit);
        if fields != 0 {
            self.log_user(user, fields, at_ms);
        }
        Ok(())
    }

    /// Moves a live user to the bin. Whether the groups' log says so too varies by user, as at the vendor.
    pub(crate) fn delete_user(&mut self, user: u32, at_ms: i64) -> Result<(), EditError> {
        if self.lives[user as usize] != Life::Live {
            return Err(EditError::NotLive);
        }
        self.free_login_of(user);
        let was = (*self.user(user), Life::Live);
        self.lag.keep_user(user, Some(was), at_ms);
        if self.tells_groups(user, 1) {
            for group in self.groups_of(Member::User(user)) {
                self.touch_member(group, Member::User(user), at_ms, true);
            }
        }
        self.lives[user as usize] = Life::Binned;
        self.live_users -= 1;
        self.users[user as usize].deleted_s = seconds(at_ms);
        self.bin.push_back((at_ms, Member::User(user)));
        self.log_user(user, field::WHOLE, at_ms);
        Ok(())
    }

    /// Brings a user back from the bin with their memberships.
    pub(crate) fn restore_user(&mut self, user: u32, at_ms: i64) -> Result<(), EditError> {
        if self.lives[user as usize] != Life::Binned {
            return Err(EditError::NotBinned);
        }
        let login = self.texts.get(self.user(user).login).unwrap_or_default().to_owned();
        self.check_login(&login, Some(user))?;
        self.ensure_lookup().take_login(&login, user);
        let was = (*self.user(user), Life::Binned);
        self.lag.keep_user(user, Some(was), at_ms);
        self.lives[user as usize] = Life::Live;
        self.live_users += 1;
        self.users[user as usize].deleted_s = 0;
        self.bin.retain(|(_, object)| *object != Member::User(user));
        self.log_user(user, field::WHOLE, at_ms);
        if self.tells_groups(user, 2) {
            for group in self.groups_of(Member::User(user)) {
                self.touch_member(group, Member::User(user), at_ms, false);
            }
        }
        Ok(())
    }

    /// Creates a group, a security group unless said otherwise.
    pub(crate) fn create_group(&mut self, edit: &GroupEdit, at_ms: i64) -> Result<u32, EditError> {
        check_text("name", false, &edit.name)?;
        check_text("description", true, &edit.description)?;
        let at = self.groups.len() as u32;
        let nickname = self.texts.add(&format!("group-{at}"));
        let made_up = self.texts.add(&format!("Group {at}"));
        let card = Card {
            name: made_up,
            description: Text::NONE,
            nickname,
            created_s: seconds(at_ms),
            deleted_s: 0,
            changed: 0,
            kind: edit.kind.unwrap_or(GroupKind::Security),
            life: Life::Live,
        };
        let (users, groups, others) = (Vec::new(), Vec::new(), Vec::new());
        self.groups.push(Group { card, users, groups, others });
        self.live_groups += 1;
        self.lag.keep_group(at, None, at_ms);
        self.write_group(at, edit);
        self.log_group(at, field::WHOLE, at_ms);
        Ok(at)
    }

    /// Changes name or description of a live group.
    pub(crate) fn change_group(
        &mut self,
        group: u32,
        edit: &GroupEdit,
        at_ms: i64,
    ) -> Result<(), EditError> {
        check_text("name", false, &edit.name)?;
        check_text("description", true, &edit.description)?;
        let card = self.group(group).card;
        if card.life != Life::Live {
            return Err(EditError::NotLive);
        }
        self.lag.keep_group(group, Some(card), at_ms);
        let fields = self.write_group(group, edit);
        if fields != 0 {
            self.log_group(group, fields, at_ms);
        }
        Ok(())
    }

    /// Deletes a live group: Microsoft 365 groups go to the bin, all others are gone. It leaves its parents; whether
    /// their log says so varies.
    pub(crate) fn delete_group(&mut self, group: u32, at_ms: i64) -> Result<(), EditError> {
        let card = self.group(group).card;
        if card.life != Life::Live {
            return Err(EditError::NotLive);
        }
        self.lag.keep_group(group, Some(card), at_ms);
        if self.tells_groups(group, 3) {
            for parent in self.groups_of(Member::Group(group)) {
                self.touch_member(parent, Member::Group(group), at_ms, true);
            }
        }
        let row = &mut self.groups[group as usize].card;
        row.deleted_s = seconds(at_ms);
        row.life = Life::Gone;
        if row.kind == GroupKind::M365 {
            row.life = Life::Binned;
            self.bin.push_back((at_ms, Member::Group(group)));
        }
        self.live_groups -= 1;
        self.log_group(group, field::WHOLE, at_ms);
        Ok(())
    }

    /// Brings a Microsoft 365 group back from the bin.
    pub(crate) fn restore_group(&mut self, group: u32, at_ms: i64) -> Result<(), EditError> {
        let card = self.group(group).card;
        if card.life != Life::Binned {
            return Err(EditError::NotBinned);
        }
        self.lag.keep_group(group, Some(card), at_ms);
        let row = &mut self.groups[group as usize].card;
        row.life = Life::Live;
        row.deleted_s = 0;
        self.live_groups += 1;
        self.bin.retain(|(_, object)| *object != Member::Group(group));
        self.log_group(group, field::WHOLE, at_ms);
        for user in self.group(group).users.clone() {
            self.touch_member(group, Member::User(user), at_ms, false);
        }
        Ok(())
    }

    /// Removes for ever what has been in the bin for 30 days.
    pub(crate) fn purge(&mut self, now_ms: i64) {
        while let Some((deleted_ms, object)) = self.bin.front().copied() {
            if deleted_ms + BIN_MS > now_ms {
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

    /// Frees the login of a user, so that another one can take it in the same instant. [`Self::change_user`] with a
    /// login must follow.
    pub(crate) fn free_login_of(&mut self, user: u32) {
        let login = self.texts.get(self.user(user).login).unwrap_or_default().to_owned();
        self.ensure_lookup().free_login(&login, user);
    }

    fn check_login(&mut self, login: &str, user: Option<u32>) -> Result<(), EditError> {
        match self.ensure_lookup().by_login(login) {
            Some(holder) if Some(holder) != user => Err(EditError::LoginTaken(login.to_owned())),
            _ => Ok(()),
        }
    }

    /// Writes the fields of an edit and says which changed.
    fn write_user(&mut self, user: u32, edit: &UserEdit) -> u32 {
        let mut fields = 0;
        for (_, bit, _, edit) in edit.texts() {
            let old = *self.users[user as usize].slot(bit);
            let new = match edit {
                Edit::Keep => continue,
                Edit::Clear => None,
                Edit::Set(text) => Some(text.as_str()),
            };
            if self.texts.get(old) == new {
                continue;
            }
            if bit == field::LOGIN {
                self.free_login_of(user);
                let login = new.unwrap_or_default().to_owned();
                self.ensure_lookup().take_login(&login, user);
            }
            let cleared = self.cleared_users.entry(user).or_default();
            *cleared = if new.is_none() { *cleared | bit } else { *cleared & !bit };
            let text = self.texts.add_option(new);
            *self.users[user as usize].slot(bit) = text;
            fields |= bit;
        }
        let row = &mut self.users[user as usize];
        for (edit, flag, bit) in
            [(&edit.active, ENABLED, field::ACTIVE), (&edit.guest, GUEST, field::GUEST)]
        {
            if let Edit::Set(on) = edit
                && row.has(flag) != *on
            {
                row.set(flag, *on);
                fields |= bit;
            }
        }
        if fields & field::GUEST != 0 {
            row.set(PENDING, false);
        }
        fields
    }

    fn write_group(&mut self, group: u32, edit: &GroupEdit) -> u32 {
        let mut fields = 0;
        for (bit, edit) in [(field::NAME, &edit.name), (field::DESCRIPTION, &edit.description)] {
            let card = &self.groups[group as usize].card;
            let old = if bit == field::NAME { card.name } else { card.description };
            let new = match edit {
                Edit::Keep => continue,
                Edit::Clear => None,
                Edit::Set(text) => Some(text.as_str()),
            };
            if self.texts.get(old) == new {
                continue;
            }
            let cleared = self.cleared_groups.entry(group).or_default();
            *cleared = if new.is_none() { *cleared | bit } else { *cleared & !bit };
            let text = self.texts.add_option(new);
            let card = &mut self.groups[group as usize].card;
            if bit == field::NAME {
                card.name = text;
            } else {
                card.description = text;
            }
            fields |= bit;
        }
        fields
    }

    fn log_user(&mut self, user: u32, fields: u32, at_ms: i64) {
        self.user_log.push(UserChange { at_ms, user, fields });
        self.users[user as usize].changed = self.user_log.len() as u32;
    }

    fn log_group(&mut self, group: u32, fields: u32, at_ms: i64) {
        self.group_log.push(GroupChange { at_ms, group, what: GroupTouch::Fields(fields) });
        self.groups[group as usize].card.changed = self.group_log.len() as u32;
    }

    /// The vendor "may or may not" tell groups about the deletion of their member: a coin per object.
    fn tells_groups(&mut self, at: u32, topic: u64) -> bool {
        self.ensure_lookup();
        draw(self.seed, 0x7e11 + topic, u64::from(at)) & 1 == 0
    }
}
