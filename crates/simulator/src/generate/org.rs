//! What is different in a generated Okta organisation: statuses, people who left, no sign beyond the basic plane, the
//! group of everybody, groups imported from Active Directory with repeated names, and assignments of an application.
//!
//! Invariant: the names of Okta's own groups are unique whatever their case; only imported groups share names.

use super::{
    Size,
    names::{DEPARTMENTS, THINGS},
    people::{Coins, Naming, Words, display_name, employ, login, push_number, push_plain},
};
use crate::{
    chance::draw,
    tenant::{Card, ENABLED, GroupKind, Life, Tenant, User, org::Status, text::Text},
};

/// One deprovisioned person for so many others.
const FORMER_OF: u32 = 50;
/// Groups at these positions collide with others by name, so they are imported.
const COLLIDING: [u32; 2] = [17, 19];
/// The group of administrators.
const ADMINISTRATORS: u32 = 15;
/// The first ordinary group.
const ORDINARY: u32 = 28;
/// Longest name of a group.
const NAME_MAX: usize = 255;

/// How many people have left, on top of so many who are there.
pub(super) fn former(count: u32) -> u32 {
    count / FORMER_OF
}

/// A text without signs that Okta cannot store.
pub(super) fn plain_signs(text: &str) -> String {
    text.chars().map(|sign| if u32::from(sign) > 0xffff { '☆' } else { sign }).collect()
}

/// One person.
pub(super) fn person(
    tenant: &mut Tenant,
    words: &Words,
    (at, naming): (u32, &Naming),
    coins: &mut Coins,
) -> User {
    let domain = tenant.domain.clone();
    let texts = &mut tenant.texts;
    let mut row = User::blank(1_767_225_600 - coins.pick(315_000_000) as u32);
    row.first = words.given[naming.given].0;
    row.last = words.surnames[naming.surname].0;
    if let Some(awkward) = naming.awkward {
        (row.first, row.last, row.display) = words.awkward[awkward];
    } else if coins.per_mille(400) {
        row.display = display_name(texts, words, naming, coins);
    }
    row.login = login(texts, words, &domain, (at, naming), coins);
    row.email = row.login;
    if coins.per_mille(50) {
        let start = texts.end();
        push_plain(texts.buffer(), words, (at, naming));
        texts.buffer().push_str("@mail.");
        texts.buffer().push_str(&domain);
        row.email = texts.since(start);
    }
    if coins.per_mille(800) {
        let start = texts.end();
        push_number(texts.buffer(), "E", 1_000_000 + at);
        row.employee = texts.since(start);
    }
    row.status = match coins.pick(1000) {
        0..10 => Status::Staged,
        10..30 => Status::Provisioned,
        30..35 => Status::Recovery,
        35..50 => Status::PasswordExpired,
        50..60 => Status::LockedOut,
        60..95 => Status::Suspended,
        _ => Status::Active,
    };
    row.set(ENABLED, row.status.is_active());
    if coins.per_mille(5) {
        row.first = Text::NONE;
    }
    if coins.per_mille(5) {
        row.last = Text::NONE;
    }
    employ(texts, words, &mut row, coins);
    row
}

/// Makes somebody one who left; where that puts them.
pub(super) fn deprovision(row: &mut User) -> Life {
    row.status = Status::Deprovisioned;
    row.set(ENABLED, false);
    Life::Binned
}

/// Gives a group its kind, and the names that kind may have.
pub(super) fn dress_group(tenant: &mut Tenant, at: u32, card: &mut Card) {
    let word = draw(tenant.seed, 0x0a9, u64::from(at));
    card.kind = match at {
        0 => GroupKind::Everybody,
        ADMINISTRATORS => GroupKind::BuiltIn,
        at if COLLIDING.contains(&at) => GroupKind::App,
        at if at >= ORDINARY && word.is_multiple_of(4) => GroupKind::App,
        _ => GroupKind::Okta,
    };
    let name = tenant.texts.get(card.name).unwrap_or_default();
    let name = match card.kind {
        GroupKind::Everybody => "Everyone".to_owned(),
        GroupKind::BuiltIn => "Okta Administrators".to_owned(),
        // Without the number that tells others apart.
        GroupKind::App if at >= ORDINARY && word & 4 == 0 => {
            let department = DEPARTMENTS[(word >> 8) as usize % DEPARTMENTS.len()];
            format!("{department} {}", THINGS[(word >> 24) as usize % THINGS.len()])
        }
        _ => plain_signs(name).chars().take(NAME_MAX).collect(),
    };
    card.name = tenant.texts.add(&name);
    if card.kind == GroupKind::Everybody {
        card.description = tenant.texts.add("All users in your organization");
    }
}

/// Assigns the application to some groups and to some people.
pub(super) fn assign(tenant: &mut Tenant, size: Size) {
    for group in ORDINARY..size.groups {
        if draw(tenant.seed, 0xa551, u64::from(group)).is_multiple_of(20) {
            tenant.org.app_groups.insert(group);
        }
    }
    if size.groups > 4 {
        tenant.org.app_groups.insert(4);
    }
    for user in 0..size.users {
        if draw(tenant.seed, 0xa552, u64::from(user)).is_multiple_of(50) {
            tenant.org.app_users.insert(user);
        }
    }
}
