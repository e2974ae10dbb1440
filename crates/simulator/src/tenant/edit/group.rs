//! Edits of groups.

use super::{Edit, EditError, GroupEdit, check_text, seconds};
use crate::Provider;
use crate::tenant::journal::Happening;
use crate::tenant::text::Text;
use crate::tenant::{Card, Group, GroupChange, GroupKind, GroupTouch, Life, Member, Tenant, field};

impl Tenant {
    /// Creates a group, a security group unless said otherwise.
    pub(crate) fn create_group(&mut self, edit: &GroupEdit, at_ms: i64) -> Result<u32, EditError> {
        check_text("name", false, &edit.name)?;
        check_text("description", true, &edit.description)?;
        let edit = self.fit_group(edit, None)?;
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
            kind: edit.kind.unwrap_or(match self.vendor {
                Provider::Okta => GroupKind::Okta,
                _ => GroupKind::Security,
            }),
            life: Life::Live,
        };
        let (users, groups, others) = (Vec::new(), Vec::new(), Vec::new());
        self.groups.push(Group { card, users, groups, others });
        self.live_groups += 1;
        self.lag.keep_group(at, None, at_ms);
        self.write_group(at, &edit);
        self.log_group(at, field::WHOLE, at_ms);
        self.note(at_ms, Happening::GroupCreated(at));
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
        let edit = self.fit_group(edit, Some(group))?;
        self.lag.keep_group(group, Some(card), at_ms);
        let fields = self.write_group(group, &edit);
        if fields != 0 {
            self.log_group(group, fields, at_ms);
            self.note(at_ms, Happening::GroupChanged { group, fields, was: card.nickname });
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
        if card.kind.is_the_vendors() {
            return Err(EditError::BuiltIn);
        }
        self.org.app_groups.remove(&group);
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
        self.note(at_ms, Happening::GroupDeleted(group));
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

    fn write_group(&mut self, group: u32, edit: &GroupEdit) -> u32 {
        let mut fields = 0;
        for (bit, edit) in [
            (field::NAME, &edit.name),
            (field::DESCRIPTION, &edit.description),
            (field::ADDRESS, &edit.email),
        ] {
            let card = &self.groups[group as usize].card;
            let old = match bit {
                field::NAME => card.name,
                field::DESCRIPTION => card.description,
                _ => card.nickname,
            };
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
            if let Some(address) = new.filter(|_| bit == field::ADDRESS) {
                let holder = Member::Group(group);
                self.addresses.take(address, holder);
                if let Some(old) = self.texts.get(old).filter(|old| old.contains('@')) {
                    self.addresses.add_alias(old, holder);
                }
            }
            let card = &mut self.groups[group as usize].card;
            match bit {
                field::NAME => card.name = text,
                field::DESCRIPTION => card.description = text,
                _ => card.nickname = text,
            }
            fields |= bit;
        }
        let changed = match edit.hidden {
            Some(true) => self.hidden_groups.insert(group),
            Some(false) => self.hidden_groups.remove(&group),
            None => false,
        };
        if changed { fields | field::VISIBILITY } else { fields }
    }

    pub(super) fn log_group(&mut self, group: u32, fields: u32, at_ms: i64) {
        self.group_log.push(GroupChange { at_ms, group, what: GroupTouch::Fields(fields) });
        self.groups[group as usize].card.changed = self.group_log.len() as u32;
    }
}
