//! Generated groups: one of everyone, one of half, one of exactly a page (999), empty ones, a chain of five, a diamond,
//! a cycle, names that collide or are hard to read, and for the rest many small groups and few large ones.
//!
//! Invariant: the sum of all user memberships is exactly what was asked for, if there is room. The special groups come
//! first, in the order of [`Role`]; a small tenant has only the first of them.

use std::fmt::Write as _;

use super::names::{DEPARTMENTS, THINGS};
use super::{Size, org, workspace};
use crate::Provider;
use crate::chance::{Dice, below, draw, unit};
use crate::tenant::text::Text;
use crate::tenant::{Card, Group, GroupKind, Life, Member, Other, OtherKind, Tenant};

/// What the groups at the first positions are there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Ordinary,
    Everyone,
    Half,
    Empty,
    Page,
    Chain(u32),
    Diamond(u32),
    Cycle(u32),
    Awkward(usize),
    Devices,
}

/// Names that make trouble; the pairs collide, exactly or by case only.
const AWKWARD: [&str; 12] = [
    "Duplicate name",
    "Duplicate name",
    "Case Only",
    "case only",
    "  Leading and trailing  ",
    "مجموعة المطورين",
    "Entwickler & Prüfer <intern> \"A\"",
    "Rocket 🚀 crew",
    "개발팀",
    "back\\slash/slash, comma; semicolon",
    "LONG",
    "50% + more?=#",
];

/// Positions from here on are ordinary groups.
const SPECIAL: u32 = 15 + 1 + AWKWARD.len() as u32;

fn role(at: u32) -> Role {
    match at {
        0 => Role::Everyone,
        1 => Role::Empty,
        2 => Role::Half,
        3 => Role::Page,
        4..=8 => Role::Chain(at - 4),
        9..=12 => Role::Diamond(at - 9),
        13..=14 => Role::Cycle(at - 13),
        15 => Role::Devices,
        16..SPECIAL => Role::Awkward(at as usize - 16),
        _ => Role::Ordinary,
    }
}

/// How many memberships of users fit: the group that is to stay empty takes none.
#[cfg(test)]
pub(super) fn room(users: u32, groups: u32) -> u64 {
    u64::from(users) * (u64::from(groups) - u64::from(groups > 1))
}

/// Makes the groups and their members.
pub(super) fn generate(tenant: &mut Tenant, size: Size) {
    tenant.groups.reserve_exact(size.groups as usize);
    for at in 0..size.groups {
        let mut card = card(tenant, at);
        if tenant.vendor == Provider::Google {
            workspace::address_group(tenant, at, &mut card);
        }
        if tenant.vendor == Provider::Okta {
            org::dress_group(tenant, at, &mut card);
        }
        let (users, groups, others) = (Vec::new(), Vec::new(), Vec::new());
        tenant.groups.push(Group { card, users, groups, others });
    }
    tenant.live_groups = size.groups as usize;
    let sizes = sizes(tenant.vendor, tenant.seed, size);
    for (at, count) in sizes.into_iter().enumerate() {
        tenant.groups[at].users = choose(tenant.seed, at as u64, size.users, count);
    }
    if tenant.vendor == Provider::Okta {
        org::assign(tenant, size);
        return;
    }
    nest(tenant, size.groups);
    if size.groups > 15 {
        match tenant.vendor {
            Provider::Entra => devices(tenant),
            Provider::Google => workspace::outsiders(tenant),
            Provider::Okta => {}
        }
    }
}

fn card(tenant: &mut Tenant, at: u32) -> Card {
    let word = draw(tenant.seed, 0x60, u64::from(at));
    let kind = match (role(at), below(word, 100)) {
        (
            Role::Everyone
            | Role::Half
            | Role::Page
            | Role::Devices
            | Role::Chain(_)
            | Role::Diamond(_)
            | Role::Cycle(_),
            _,
        )
        | (_, 0..55) => GroupKind::Security,
        (_, 55..85) => GroupKind::M365,
        (_, 85..95) => GroupKind::MailSecurity,
        _ => GroupKind::Distribution,
    };
    let texts = &mut tenant.texts;
    let start = texts.end();
    group_name(texts.buffer(), at, word);
    let name = texts.since(start);
    let start = texts.end();
    write!(texts.buffer(), "group-{at}").expect("writing to memory does not fail");
    let nickname = texts.since(start);
    let mut description = Text::NONE;
    if word & 3 != 0 {
        let department = DEPARTMENTS[(word >> 8) as usize % DEPARTMENTS.len()];
        description = texts.add(&format!("Group {at} of {department}"));
    }
    Card {
        name,
        description,
        nickname,
        created_s: 1_767_225_600 - below(word.rotate_left(17), 315_000_000) as u32,
        deleted_s: 0,
        changed: 0,
        kind,
        life: Life::Live,
    }
}

fn group_name(out: &mut String, at: u32, word: u64) {
    let name = match role(at) {
        Role::Everyone => "All people".to_owned(),
        Role::Half => "Half of the people".to_owned(),
        Role::Empty => "Nobody yet".to_owned(),
        Role::Page => "Exactly one page".to_owned(),
        Role::Chain(link) => format!("Chain level {}", link + 1),
        Role::Diamond(corner) => {
            format!("Diamond {}", ["top", "left", "right", "bottom"][corner as usize])
        }
        Role::Cycle(half) => format!("Cycle {}", ["A", "B"][half as usize]),
        Role::Devices => "Rooms and devices".to_owned(),
        Role::Awkward(which) if AWKWARD[which] == "LONG" => {
            "Very long name ".repeat(18)[..256].to_owned()
        }
        Role::Awkward(which) => AWKWARD[which].to_owned(),
        Role::Ordinary => {
            let department = DEPARTMENTS[(word >> 8) as usize % DEPARTMENTS.len()];
            let thing = THINGS[(word >> 24) as usize % THINGS.len()];
            format!("{department} {thing} {at}")
        }
    };
    out.push_str(&name);
}

/// How many users each group gets: the special sizes first, the rest by weights with a long tail, then one by one
/// until the sum is exact.
fn sizes(vendor: Provider, seed: u64, size: Size) -> Vec<u32> {
    // Okta's group of everybody has no list.
    let listless = |at: u32| {
        let role = role(at);
        role == Role::Everyone && vendor == Provider::Okta || role == Role::Empty && size.groups > 1
    };
    let (users, groups) = (u64::from(size.users), size.groups as usize);
    let mut sizes = vec![0_u64; groups];
    let mut open: Vec<usize> = Vec::with_capacity(groups);
    let mut left = size.memberships;
    for (at, slot) in sizes.iter_mut().enumerate() {
        let wish = match role(at as u32) {
            _ if listless(at as u32) => continue,
            Role::Everyone => users,
            Role::Half => users / 2,
            Role::Page => 999,
            _ => 0,
        };
        // A special size must leave as much again for the others, and it must fit.
        if wish > 0 && wish <= users && wish * 2 <= left {
            *slot = wish;
            left -= wish;
        } else {
            open.push(at);
        }
    }
    let weight = |at: usize| unit(draw(seed, 0x515e, at as u64)).max(1e-6).powf(-0.7);
    let total: f64 = open.iter().map(|at| weight(*at)).sum();
    let budget = left;
    for at in &open {
        let share = whole(budget as f64 * weight(*at) / total);
        sizes[*at] = share.min(users).min(left);
        left -= sizes[*at];
    }
    // What rounding and full groups left over, evenly; then into the special groups if all others are full.
    while left > 0 {
        let before = left;
        let candidates = open.iter().filter(|at| sizes[**at] < users).count() as u64;
        let step = left.div_ceil(candidates.max(1));
        for at in &open {
            let more = step.min(users - sizes[*at]).min(left);
            sizes[*at] += more;
            left -= more;
        }
        if left == before {
            let closed = (0..groups).filter(|at| !listless(*at as u32));
            for at in closed {
                let more = (users - sizes[at]).min(left);
                sizes[at] += more;
                left -= more;
            }
            break;
        }
    }
    sizes.into_iter().map(|size| size as u32).collect()
}

#[expect(clippy::cast_sign_loss, reason = "shares of a budget are not negative")]
fn whole(share: f64) -> u64 {
    share as u64
}

/// `count` different positions out of `0..users`, sorted.
fn choose(seed: u64, group: u64, users: u32, count: u32) -> Vec<u32> {
    if count >= users {
        return (0..users).collect();
    }
    let mut dice = Dice::new(seed ^ 0x3e3, group);
    let mut chosen = Vec::with_capacity(count as usize);
    if count > users / 4 {
        // Take each with the probability that is still needed: exact and already sorted.
        for user in 0..users {
            let needed = count - chosen.len() as u32;
            if dice.below(u64::from(users - user)) < u64::from(needed) {
                chosen.push(user);
            }
        }
        return chosen;
    }
    while chosen.len() < count as usize {
        while chosen.len() < count as usize {
            chosen.push(dice.below(u64::from(users)) as u32);
        }
        chosen.sort_unstable();
        chosen.dedup();
    }
    chosen
}

/// Nests groups: chain, diamond, cycle, and a few ordinary security groups, always downwards so that there is only the
/// one cycle.
fn nest(tenant: &mut Tenant, groups: u32) {
    let mut edges = vec![(4, 5), (5, 6), (6, 7), (7, 8), (9, 10), (9, 11), (10, 12), (11, 12)];
    edges.push((13, 14));
    if tenant.vendor == Provider::Entra {
        // Google refuses circles.
        edges.push((14, 13));
    }
    let ordinary = u64::from(groups.saturating_sub(SPECIAL + 1));
    for at in SPECIAL..groups {
        let word = draw(tenant.seed, 0x4e57, u64::from(at));
        let below_at = u64::from(groups - at - 1);
        if ordinary > 0 && word.is_multiple_of(50) && below_at > 0 {
            edges.push((at, at + 1 + below(word, below_at) as u32));
        }
    }
    for (parent, nested) in edges {
        let fits = parent.max(nested) < groups;
        if fits && tenant.groups[parent as usize].card.kind == GroupKind::Security {
            tenant.link(parent, Member::Group(nested));
        }
    }
}

/// Members that are neither people nor groups, in one group of their own and in the group of everyone.
fn devices(tenant: &mut Tenant) {
    let kinds = [OtherKind::Device, OtherKind::Contact, OtherKind::ServicePrincipal];
    for (at, kind) in kinds.into_iter().enumerate() {
        let name = tenant.texts.add(["Meeting room 1", "Print shop", "Backup job"][at]);
        tenant.others.push(Other { kind, name });
        for group in [0, 15] {
            tenant.link(group, Member::Other(at as u32));
        }
    }
}
