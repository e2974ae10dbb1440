//! What an edit means at Google: one address is both login and e-mail, groups have addresses, aliases stay behind.
//!
//! Invariant: a fitted edit passes the checks that all vendors share; what it needed beyond them was checked here.

use super::{
    ARCHIVED, ENABLED, GroupKind, Member, OtherKind, Tenant,
    edit::{Edit, EditError, GroupEdit, UserEdit},
    field,
};
use crate::Provider;

/// Longest local part of an address.
const LOCAL_BYTES_MAX: usize = 64;

impl Tenant {
    /// The edit of a user as this vendor means it; `user` is `None` for a new one.
    pub(super) fn fit_user(
        &self,
        edit: &UserEdit,
        user: Option<u32>,
    ) -> Result<UserEdit, EditError> {
        let mut fitted = edit.clone();
        if self.vendor != Provider::Google {
            for (name, given) in [
                ("archived", edit.archived.is_some()),
                ("admin", edit.admin.is_some()),
                ("aliases", edit.aliases.is_some()),
            ] {
                if given {
                    return Err(EditError::NotHere(name));
                }
            }
            return match self.vendor {
                Provider::Okta => self.fit_org_user(fitted, user),
                _ if edit.status.is_some() => Err(EditError::NotHere("status")),
                _ => Ok(fitted),
            };
        }
        if edit.status.is_some() {
            return Err(EditError::NotHere("status"));
        }
        if edit.email == Edit::Clear {
            return Err(EditError::NotNullable("email"));
        }
        // A guest's e-mail is elsewhere; everybody else has one address for both.
        if edit.guest != Edit::Set(true) {
            match (&edit.login, std::mem::take(&mut fitted.email)) {
                (Edit::Keep, Edit::Set(email)) => fitted.login = Edit::Set(email),
                (Edit::Set(login), Edit::Set(email)) if !login.eq_ignore_ascii_case(&email) => {
                    fitted.aliases.get_or_insert_default().push(email);
                }
                _ => {}
            }
        }
        if let Edit::Set(login) = &mut fitted.login {
            *login = login.to_lowercase();
            check_address("login", login)?;
        }
        for alias in fitted.aliases.iter().flatten() {
            check_address("aliases", alias)?;
            let held = self.find_login(alias).is_some_and(|holder| Some(holder) != user);
            if held || self.is_group_address(alias) {
                return Err(EditError::LoginTaken(alias.clone()));
            }
        }
        if edit.active == Edit::Set(true) && edit.archived.is_none() {
            fitted.archived = Some(false);
        }
        Ok(fitted)
    }

    /// What only Google's users have; the fields that changed.
    pub(super) fn write_workspace_user(&mut self, user: u32, edit: &UserEdit) -> u32 {
        let mut fields = 0;
        for (flag, wanted, bit) in
            [(ARCHIVED, edit.archived, field::ARCHIVED), (super::ADMIN, edit.admin, field::ADMIN)]
        {
            let row = &mut self.users[user as usize];
            if let Some(on) = wanted
                && row.has(flag) != on
            {
                row.set(flag, on);
                fields |= bit;
            }
        }
        if let Some(aliases) = &edit.aliases {
            self.addresses.set_aliases(Member::User(user), aliases);
            fields |= field::ALIASES;
        }
        fields
    }

    /// Whether a user counts as active: what `active` means in the control API.
    pub(crate) fn is_active(&self, user: u32) -> bool {
        let row = self.user(user);
        row.has(ENABLED) && !row.has(ARCHIVED)
    }

    /// The name that people see of a Google user: their own, or the full name, which is made of the other two.
    pub(crate) fn display_name(&self, user: u32) -> String {
        let row = self.user(user);
        match self.texts.get(row.display) {
            Some(own) => own.to_owned(),
            None => self.full_name(row),
        }
    }

    /// Given name and family name.
    pub(crate) fn full_name(&self, row: &super::User) -> String {
        let [first, last] = [row.first, row.last].map(|part| self.texts.get(part));
        match (first, last) {
            (Some(first), Some(last)) => format!("{first} {last}"),
            (one, other) => one.or(other).unwrap_or_default().to_owned(),
        }
    }

    /// Whether the whole organisation is a member of a group.
    pub(crate) fn holds_everybody(&self, group: u32) -> bool {
        let group = self.group(group);
        if group.card.kind == GroupKind::Everybody {
            return true;
        }
        group.others.iter().any(|at| self.others[*at as usize].kind == OtherKind::Organisation)
    }

    /// Whether the whole organisation is a member of a group or of any group below it.
    pub(crate) fn holds_everybody_below(&self, group: u32) -> bool {
        let mut seen = vec![group];
        let mut next = 0;
        while let Some(at) = seen.get(next).copied() {
            next += 1;
            if self.holds_everybody(at) {
                return true;
            }
            let below = self.group(at).groups.iter().copied();
            let live = below.filter(|one| self.member_is_live(Member::Group(*one)));
            let fresh: Vec<u32> = live.filter(|one| !seen.contains(one)).collect();
            seen.extend(fresh);
        }
        false
    }

    /// The edit of a group as this vendor means it; `group` is `None` for a new one.
    pub(super) fn fit_group(
        &self,
        edit: &GroupEdit,
        group: Option<u32>,
    ) -> Result<GroupEdit, EditError> {
        let mut fitted = edit.clone();
        if edit.hidden.is_some() && self.vendor != Provider::Entra {
            return Err(EditError::NotHere("hidden"));
        }
        if self.vendor != Provider::Google {
            return match edit.email {
                Edit::Keep if self.vendor == Provider::Okta => self.fit_org_group(fitted, group),
                Edit::Keep if edit.kind.is_some_and(GroupKind::is_oktas) => {
                    Err(EditError::NotHere("kind"))
                }
                Edit::Keep => Ok(fitted),
                _ => Err(EditError::NotHere("email")),
            };
        }
        if edit.kind.is_some() {
            return Err(EditError::NotHere("kind"));
        }
        let held = group.map(|at| self.texts.get(self.group(at).card.nickname).unwrap_or_default());
        match &edit.email {
            Edit::Clear => return Err(EditError::NotNullable("email")),
            Edit::Set(email) => {
                check_address("email", email)?;
                fitted.email = Edit::Set(email.to_lowercase());
            }
            Edit::Keep => fitted.email = self.derived_address(&edit.name, group, held),
        }
        if let Edit::Set(email) = &fitted.email
            && held != Some(email)
            && (self.find_login(email).is_some() || self.is_group_address(email))
        {
            return Err(EditError::LoginTaken(email.clone()));
        }
        Ok(fitted)
    }

    /// The address that goes with a name: a new group needs one, and a group whose address was made from its name
    /// moves along with it.
    fn derived_address(
        &self,
        name: &Edit<String>,
        group: Option<u32>,
        held: Option<&str>,
    ) -> Edit<String> {
        let at = group.unwrap_or(self.groups.len() as u32);
        let fallback = format!("group-{at}");
        let name = match name {
            Edit::Set(name) => name,
            _ if group.is_none() => &fallback,
            _ => return Edit::Keep,
        };
        let derived = group.zip(held).is_none_or(|(at, held)| {
            let old = self.texts.get(self.group(at).card.name).unwrap_or_default();
            held.split('@').next() == Some(&local_part(old, at))
        });
        if !derived {
            return Edit::Keep;
        }
        let local = local_part(name, at);
        let address = format!("{local}@{}", self.domain);
        let taken =
            self.find_address(&address).is_some_and(|one| Some(one) != group.map(Member::Group));
        Edit::Set(if taken { format!("{local}-{at}@{}", self.domain) } else { address })
    }

    /// Whether nesting this group would lead back to it.
    pub(super) fn would_cycle(&self, group: u32, member: Member) -> bool {
        self.vendor == Provider::Google
            && matches!(member, Member::Group(nested)
                if self.members_transitive(nested).contains(&Member::Group(group)))
    }
}

/// The local part of an address that is made from a name.
pub(crate) fn local_part(name: &str, at: u32) -> String {
    let mut local = String::with_capacity(name.len());
    for sign in name.trim().chars() {
        match sign {
            'a'..='z' | '0'..='9' | '-' | '_' | '.' | '\'' => local.push(sign),
            'A'..='Z' => local.push(sign.to_ascii_lowercase()),
            _ if local.ends_with('-') || local.is_empty() => {}
            _ => local.push('-'),
        }
    }
    local.truncate(LOCAL_BYTES_MAX);
    let local = local.trim_matches(['-', '.']);
    if local.is_empty() { format!("group-{at}") } else { local.to_owned() }
}

fn check_address(field: &'static str, address: &str) -> Result<(), EditError> {
    let good = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !address.contains(' ')
    });
    if good { Ok(()) } else { Err(EditError::NoAddress(field)) }
}
