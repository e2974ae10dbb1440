//! Drafts of what each person would become, before the guard speaks.
//!
//! Invariant: a draft's `before` is what is served; an object that is served and not in scope has none.

use std::sync::Arc;

use super::{
    Draft, Notes, Reason,
    issue::issue,
    names::{self, Claimant},
    scope::Scope,
};
use crate::{
    anonymous::{self, Anonymous, is_anonymous},
    decisions::Node,
    derive::{Appearance, Derive, Out, PersonVerdict},
    id::{Millis, UserNo},
    name::Name,
    report::Applied,
    rules::names::Text,
    text::clean,
    user::{User, UserFields},
};

/// What a person is to be, beside the name.
struct Wish {
    active: bool,
    appearance: Appearance,
}

pub(super) fn draft_users(
    derive: &Derive<'_>,
    scope: &Scope,
    now: Millis,
    (notes, passing): (&mut Notes, bool),
) -> Vec<Draft<User>> {
    let mut drafts = Vec::new();
    let mut claimants = Vec::new();
    let mut wishes = Vec::new();
    for no in scope.users() {
        let node = Node::User(no);
        let before = derive.served.user(no);
        let Some(row) = derive.mirror.person(no) else {
            drafts.extend(before.map(|user| removal(no, user, Out::Unknown, notes)));
            continue;
        };
        let (claim, wish) = match derive.person(row) {
            PersonVerdict::Out(out) => {
                drafts.extend(before.map(|user| removal(no, user, out, notes)));
                continue;
            }
            PersonVerdict::Wanted { claim, active, appearance } => {
                (claim, Wish { active, appearance })
            }
        };
        if let Appearance::Served(out) = &wish.appearance {
            // When their time is over is found by looking at them, not by an index.
            notes.pending.insert(node);
            notes.left.insert(node, out.clone());
        }
        let keeps = match (&claim, before) {
            (Ok(name), Some(before)) => !passing && before.folded_name() == name.folded(),
            _ => false,
        };
        if let (true, Ok(name), Some(before)) = (keeps, &claim, before) {
            // Whoever has the name already keeps it, whoever else wants it.
            let after = user(derive, no, (name, &wish), now);
            let (id, before) = (before.id().clone(), Some(Arc::clone(before)));
            drafts.push(Draft { node, id, before, after });
        } else {
            let current = before.and_then(|user| Name::parse(user.name()).ok());
            claimants.push(Claimant { node, id: &row.record.id, claim, current });
            wishes.push(wish);
        }
    }
    let assigned = names::assign(derive, &claimants, passing);
    for ((claimant, wish), assigned) in claimants.iter().zip(&wishes).zip(assigned) {
        let node = claimant.node;
        let Node::User(no) = node else { continue };
        let trouble = assigned.trouble;
        notes.issues.extend(trouble.and_then(|trouble| issue(derive, node, Reason::Name(trouble))));
        let before = derive.served.user(no).cloned();
        let name = assigned.name.as_ref();
        let after = name.and_then(|name| user(derive, no, (name, wish), now));
        drafts.push(Draft { node, id: claimant.id.clone(), before, after });
    }
    drafts.sort_by_key(|draft| draft.node);
    drafts
}

/// Counts what became of a person.
pub(super) fn count_user(before: Option<&User>, after: Option<&User>, applied: &mut Applied) {
    match (before, after) {
        (None, _) => applied.users_added += 1,
        (Some(_), None) => applied.users_removed += 1,
        (Some(before), Some(after)) => {
            applied.users_changed += 1;
            applied.users_renamed += u64::from(renamed(before, after));
            applied.users_deactivated += u64::from(before.active() && !after.active());
            applied.users_reactivated += u64::from(!before.active() && after.active());
            applied.users_blanked += u64::from(blanked(before, after));
            applied.users_anonymised += u64::from(anonymised(before, after));
        }
    }
}

/// Whether somebody gets another name. To lose one's name altogether, and to get it back, is another matter.
pub(super) fn renamed(before: &User, after: &User) -> bool {
    before.folded_name() != after.folded_name() && !is_anonymous(before) && !is_anonymous(after)
}

pub(super) fn anonymised(before: &User, after: &User) -> bool {
    !is_anonymous(before) && is_anonymous(after)
}

pub(super) fn blanked(before: &User, after: &User) -> bool {
    // Blanks alone, as older versions served them, are nothing that could be lost.
    let gone = |before: &str, after: &str| !clean(before).is_empty() && after.is_empty();
    !is_anonymous(before)
        && (gone(before.email(), after.email())
            || gone(before.display_name(), after.display_name()))
}

fn removal(no: UserNo, user: &Arc<User>, out: Out, notes: &mut Notes) -> Draft<User> {
    let node = Node::User(no);
    notes.left.insert(node, out);
    Draft { node, id: user.id().clone(), before: Some(Arc::clone(user)), after: None }
}

/// The person as wanted; what is served already is taken as it is, times included.
fn user(
    derive: &Derive<'_>,
    no: UserNo,
    (name, wish): (&Name, &Wish),
    now: Millis,
) -> Option<Arc<User>> {
    let record = &derive.mirror.person(no)?.record;
    let before = derive.served.user(no);
    let (created, active) = (before.map_or(now, |user| user.created()), wish.active);
    let fields = UserFields {
        id: &record.id,
        name,
        first_name: "",
        last_name: "",
        display_name: "",
        email: "",
        active,
        created,
        updated: now,
    };
    // Of a record without any attribute nothing is known: it could not be read, and then the person left.
    let stays = matches!(wish.appearance, Appearance::Served(_)) || record.attributes.is_empty();
    let wanted = match (&wish.appearance, before) {
        (Appearance::Served(_) | Appearance::Record, Some(before)) if stays => {
            User::new(&UserFields {
                first_name: before.first_name(),
                last_name: before.last_name(),
                display_name: before.display_name(),
                email: before.email(),
                ..fields
            })
        }
        (Appearance::Anonymous, _) => {
            let nobody = Anonymous::of(&record.id);
            User::new(&UserFields {
                first_name: anonymous::FIRST_NAME,
                last_name: &nobody.last_name,
                display_name: &nobody.display_name,
                email: &nobody.email,
                ..fields
            })
        }
        _ => {
            let text = |rule: &Text| Derive::text(rule, record);
            let rules = derive.rules;
            User::new(&UserFields {
                first_name: &text(&rules.first_name),
                last_name: &text(&rules.last_name),
                display_name: &text(&rules.display_name),
                email: &text(&rules.mail),
                ..fields
            })
        }
    };
    match before {
        Some(before) if before.same_as(&wanted) => Some(Arc::clone(before)),
        _ => Some(Arc::new(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ProviderId;

    fn user(display_name: &str, email: &str) -> User {
        let (id, name) = (ProviderId::parse("u").unwrap(), Name::parse("ann").unwrap());
        User::new(&UserFields {
            id: &id,
            name: &name,
            first_name: "",
            last_name: "",
            display_name,
            email,
            active: true,
            created: Millis(0),
            updated: Millis(0),
        })
    }

    #[test]
    fn blanks_that_an_older_version_served_are_nothing_to_lose() {
        assert!(!blanked(&user("  \u{200b}", "a@x"), &user("", "a@x")));
        assert!(!blanked(&user("Ann ", "a@x "), &user("Ann", "a@x")));
        assert!(blanked(&user("Ann", "a@x"), &user("", "a@x")));
        assert!(blanked(&user("Ann", " a@x"), &user("Ann", "")));
    }
}
