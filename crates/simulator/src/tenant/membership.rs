//! Direct memberships of a tenant: reading them in both directions, adding and removing them.
//!
//! Invariant: the forward lists, the parents of nested groups and the reverse look-up always say the same.

use super::edit::EditError;
use super::journal::Happening;
use super::lookup::Lookup;
use super::{GroupChange, GroupKind, GroupTouch, Life, Member, Tenant};

impl Tenant {
    /// Whether a direct membership exists between two live objects.
    pub(crate) fn is_member(&self, group: u32, member: Member) -> bool {
        let row = self.group(group);
        row.card.life == Life::Live
            && self.member_is_live(member)
            && match member {
                Member::User(at) => {
                    row.card.kind == GroupKind::Everybody || row.users.binary_search(&at).is_ok()
                }
                Member::Group(at) => row.groups.binary_search(&at).is_ok(),
                Member::Other(at) => row.others.binary_search(&at).is_ok(),
            }
    }

    /// The live groups that have this object as a direct member, sorted.
    pub(crate) fn groups_of(&self, member: Member) -> Vec<u32> {
        let mut found: Vec<u32> = match (member, &self.lookup) {
            (Member::User(user), Some(lookup)) => lookup.groups_of(user).to_vec(),
            (Member::Group(group), _) => self.parents.get(&group).cloned().unwrap_or_default(),
            (member, _) => {
                let positions = 0..self.groups.len() as u32;
                positions.filter(|group| self.is_member(*group, member)).collect()
            }
        };
        found.retain(|group| self.group(*group).card.life == Life::Live);
        found
    }

    /// The live groups that have this object as a direct or nested member, sorted.
    pub(crate) fn groups_of_transitive(&self, member: Member) -> Vec<u32> {
        let mut found = self.groups_of(member);
        let mut next = 0;
        let mut seen: std::collections::HashSet<u32> = found.iter().copied().collect();
        while let Some(group) = found.get(next).copied() {
            next += 1;
            for parent in self.groups_of(Member::Group(group)) {
                if seen.insert(parent) {
                    found.push(parent);
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// All live objects below a group at any depth, sorted; the group itself only if a cycle leads back to it.
    pub(crate) fn members_transitive(&self, group: u32) -> Vec<Member> {
        let mut found = std::collections::BTreeSet::new();
        let mut open = vec![group];
        while let Some(at) = open.pop() {
            let row = self.group(at);
            found.extend(row.users.iter().map(|user| Member::User(*user)));
            found.extend(row.others.iter().map(|other| Member::Other(*other)));
            for nested in &row.groups {
                if self.member_is_live(Member::Group(*nested))
                    && found.insert(Member::Group(*nested))
                {
                    open.push(*nested);
                }
            }
        }
        found.into_iter().filter(|member| self.member_is_live(*member)).collect()
    }

    /// Adds a direct membership; whether it is new.
    pub(crate) fn add_member(
        &mut self,
        group: u32,
        member: Member,
        at_ms: i64,
    ) -> Result<bool, EditError> {
        if member == Member::Group(group) {
            return Err(EditError::SelfNesting);
        }
        self.check_org_member(group, member)?;
        let nests = matches!(member, Member::Group(_));
        if nests && self.group(group).card.kind == GroupKind::M365 {
            return Err(EditError::CannotNest);
        }
        if self.would_cycle(group, member) {
            return Err(EditError::Cycle);
        }
        if !self.link(group, member) {
            return Ok(false);
        }
        self.touch_member(group, member, at_ms, false);
        self.note(at_ms, Happening::Joined(group, member));
        Ok(true)
    }

    /// Removes a direct membership; whether there was one.
    pub(crate) fn remove_member(&mut self, group: u32, member: Member, at_ms: i64) -> bool {
        let was = self.unlink(group, member);
        if was {
            self.touch_member(group, member, at_ms, true);
            self.note(at_ms, Happening::Left(group, member));
        }
        was
    }

    /// Removes an edge without a log entry; whether there was one.
    pub(super) fn unlink(&mut self, group: u32, member: Member) -> bool {
        let row = &mut self.groups[group as usize];
        let (list, at) = match member {
            Member::User(at) => (&mut row.users, at),
            Member::Group(at) => (&mut row.groups, at),
            Member::Other(at) => (&mut row.others, at),
        };
        let Ok(place) = list.binary_search(&at) else {
            return false;
        };
        list.remove(place);
        match member {
            Member::User(user) => {
                if let Some(lookup) = &mut self.lookup {
                    lookup.leave(user, group);
                }
            }
            Member::Group(nested) => {
                if let Some(parents) = self.parents.get_mut(&nested) {
                    parents.retain(|parent| *parent != group);
                }
            }
            Member::Other(_) => {}
        }
        true
    }

    /// Records an edge without a log entry; whether it is new. For generation and [`Self::add_member`].
    pub(crate) fn link(&mut self, group: u32, member: Member) -> bool {
        let row = &mut self.groups[group as usize];
        let (list, at) = match member {
            Member::User(at) => (&mut row.users, at),
            Member::Group(at) => (&mut row.groups, at),
            Member::Other(at) => (&mut row.others, at),
        };
        let Err(place) = list.binary_search(&at) else {
            return false;
        };
        list.insert(place, at);
        match member {
            Member::User(user) => {
                if let Some(lookup) = &mut self.lookup {
                    lookup.join(user, group);
                }
            }
            Member::Group(nested) => {
                let parents = self.parents.entry(nested).or_default();
                if let Err(place) = parents.binary_search(&group) {
                    parents.insert(place, group);
                }
            }
            Member::Other(_) => {}
        }
        true
    }

    /// Says in the log that a membership came or went, and keeps how it was for lagging lists.
    pub(super) fn touch_member(&mut self, group: u32, member: Member, at_ms: i64, was: bool) {
        self.lag.keep_edge(group, member, was, at_ms);
        self.org_touched(group, at_ms);
        let what = GroupTouch::Member(member);
        self.group_log.push(GroupChange { at_ms, group, what });
    }

    /// Builds the look-ups by login and by member unless they exist. They cost time and memory, so they are built
    /// when first needed.
    pub(crate) fn ensure_lookup(&mut self) -> &mut Lookup {
        if self.lookup.is_none() {
            self.lookup = Some(Lookup::build(self));
        }
        self.lookup.as_mut().expect("it was just built")
    }

    /// Whether [`Self::ensure_lookup`] has nothing to do.
    pub(crate) fn has_lookup(&self) -> bool {
        self.lookup.is_some()
    }

    /// Whoever holds this login, in whatever life and case.
    pub(crate) fn login_holder(&mut self, login: &str) -> Option<u32> {
        self.ensure_lookup().by_login(login)
    }

    /// Whoever holds this login, if the look-ups exist.
    pub(crate) fn known_login_holder(&self, login: &str) -> Option<u32> {
        self.lookup.as_ref().and_then(|lookup| lookup.by_login(login))
    }

    /// The live user with this login, in any case.
    pub(crate) fn find_login(&self, login: &str) -> Option<u32> {
        if let Some(lookup) = &self.lookup {
            let user = lookup.by_login(login)?;
            return self.member_is_live(Member::User(user)).then_some(user);
        }
        let at = self.users.iter().enumerate().position(|(at, user)| {
            self.lives[at] == Life::Live
                && self.texts.get(user.login).is_some_and(|text| text.eq_ignore_ascii_case(login))
        });
        at.map(|at| at as u32)
    }
}
