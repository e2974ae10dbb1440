//! Edits of people.

use super::{Edit, EditError, UserEdit, seconds};
use crate::Provider;
use crate::tenant::journal::Happening;
use crate::tenant::org::Status;
use crate::tenant::text::Text;
use crate::tenant::{ENABLED, GUEST, Life, Member, PENDING, Tenant, User, UserChange, field};

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
            status: Status::Active,
        }
    }
}

impl Tenant {
    /// Creates a user; a login and a display name are made up if none are given.
    pub(crate) fn create_user(&mut self, edit: &UserEdit, at_ms: i64) -> Result<u32, EditError> {
        edit.check()?;
        let at = self.users.len() as u32;
        let mut edit = self.fit_user(edit, None)?;
        if let Edit::Set(login) = &edit.login {
            self.check_login(login, None)?;
        } else {
            edit.login = Edit::Set(format!("user.{at}@{}", self.domain));
        }
        // Google's full name is made of the others, and Okta's people need none; a display name of its own is the
        // exception there.
        if edit.display_name == Edit::Keep && self.vendor == Provider::Entra {
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
        self.note(at_ms, Happening::UserCreated(at));
        self.everybody_touched(at_ms);
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
        let edit = self.fit_user(edit, Some(user))?;
        if let Edit::Set(login) = &edit.login {
            self.check_login(login, Some(user))?;
        }
        let was = *self.user(user);
        self.lag.keep_user(user, Some((was, Life::Live)), at_ms);
        let fields = self.write_user(user, &edit);
        if fields != 0 {
            self.log_user(user, fields, at_ms);
            let row = self.user(user);
            let (flags, status) = ((was.flags, row.flags), (was.status, row.status));
            if fields & field::STATUS != 0 {
                self.org.status_times.insert(user, at_ms);
            }
            let what = Happening::UserChanged { user, fields, was: was.login, flags, status };
            self.note(at_ms, what);
        }
        Ok(())
    }

    /// Moves a live user to the bin. Whether the groups' log says so too varies by user, as at the vendor.
    pub(crate) fn delete_user(&mut self, user: u32, at_ms: i64) -> Result<(), EditError> {
        if self.vendor == Provider::Okta {
            return self.deactivate_or_delete(user, at_ms);
        }
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
        self.note(at_ms, Happening::UserDeleted(user));
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
        self.addresses.drop_alias(&login);
        let was = (*self.user(user), Life::Binned);
        self.lag.keep_user(user, Some(was), at_ms);
        self.lives[user as usize] = Life::Live;
        self.live_users += 1;
        self.users[user as usize].deleted_s = 0;
        self.org_restored(user, at_ms);
        self.bin.retain(|(_, object)| *object != Member::User(user));
        self.log_user(user, field::WHOLE, at_ms);
        self.note(at_ms, Happening::UserRestored(user));
        if self.tells_groups(user, 2) {
            for group in self.groups_of(Member::User(user)) {
                self.touch_member(group, Member::User(user), at_ms, false);
            }
        }
        Ok(())
    }

    /// Frees the login of a user, so that another one can take it in the same instant. [`Self::change_user`] with a
    /// login must follow.
    pub(crate) fn free_login_of(&mut self, user: u32) {
        let login = self.texts.get(self.user(user).login).unwrap_or_default().to_owned();
        self.ensure_lookup().free_login(&login, user);
    }

    fn check_login(&mut self, login: &str, user: Option<u32>) -> Result<(), EditError> {
        if self.is_group_address(login) {
            return Err(EditError::LoginTaken(login.to_owned()));
        }
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
                self.move_login(user, new.unwrap_or_default());
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
        fields | self.write_workspace_user(user, edit) | self.write_status(user, edit.status)
    }

    /// Gives a user a login. At Google the old one stays theirs as an alias, unless somebody else is to have it.
    fn move_login(&mut self, user: u32, login: &str) {
        let old = self.texts.get(self.user(user).login).map(str::to_owned);
        let held = old.filter(|old| self.find_login(old) == Some(user));
        self.free_login_of(user);
        self.ensure_lookup().take_login(login, user);
        self.addresses.drop_alias(login);
        if let Some(old) = held.filter(|_| self.vendor == Provider::Google) {
            self.addresses.add_alias(&old, Member::User(user));
        }
    }

    pub(in crate::tenant) fn log_user(&mut self, user: u32, fields: u32, at_ms: i64) {
        self.user_log.push(UserChange { at_ms, user, fields });
        self.users[user as usize].changed = self.user_log.len() as u32;
    }
}
