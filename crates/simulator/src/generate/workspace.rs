//! What is different in a generated Google organisation: addresses in two domains, aliases, archived and suspended
//! people, administrators, a group of everybody without a list, and members from elsewhere.
//!
//! Invariant: addresses are unique and in lower case, as Google keeps them. The same local part in both domains is
//! frequent enough that a client which cuts the domain off must cope with it.

use super::people::{Coins, Naming, Words, display_name, employ, name_of, push_number, push_plain};
use crate::{
    chance::draw,
    tenant::{
        ADMIN, ARCHIVED, Card, ENABLED, GUEST, GroupKind, Member, Other, OtherKind, Tenant, User,
        text::Text, workspace::local_part,
    },
};

/// The group that holds the whole organisation and the members from elsewhere.
const OUTSIDERS: u32 = 15;

/// One person.
pub(super) fn person(
    tenant: &mut Tenant,
    words: &Words,
    (at, naming): (u32, &Naming),
    coins: &mut Coins,
) -> User {
    let mut row = User::blank(1_767_225_600 - coins.pick(315_000_000) as u32);
    row.first = words.given[naming.given].0;
    row.last = words.surnames[naming.surname].0;
    if let Some(awkward) = naming.awkward {
        (row.first, row.last, row.display) = words.awkward[awkward];
    } else if coins.per_mille(100) {
        row.display = display_name(&mut tenant.texts, words, naming, coins);
    }
    row.login = address(tenant, words, (at, naming), coins);
    if coins.per_mille(10) {
        row.set(GUEST, true);
        row.email = tenant.texts.add(&format!("guest.{at}@partner.example"));
    } else {
        if coins.per_mille(100) {
            let alias = format!("alias.{at}@{}", tenant.domain);
            tenant.addresses.add_alias(&alias, Member::User(at));
        }
        if coins.per_mille(900) {
            let texts = &mut tenant.texts;
            let start = texts.end();
            push_number(texts.buffer(), "E", 1_000_000 + at);
            row.employee = texts.since(start);
        }
        row.set(ADMIN, coins.per_mille(5));
    }
    row.set(ENABLED, !coins.per_mille(40));
    row.set(ARCHIVED, coins.per_mille(20));
    if coins.per_mille(5) {
        row.last = Text::NONE;
    }
    employ(&mut tenant.texts, words, &mut row, coins);
    row
}

/// `given.surname@domain`; one in fifty has the address of the person before, but in the second domain.
fn address(
    tenant: &mut Tenant,
    words: &Words,
    (at, naming): (u32, &Naming),
    coins: &mut Coins,
) -> Text {
    let second = at > 0 && coins.per_mille(20);
    let decorated = coins.per_mille(10);
    let start = tenant.texts.end();
    if second {
        let mut theirs = Coins::of(tenant.seed, at - 1);
        let before = name_of(tenant.seed, at - 1, &mut theirs);
        push_plain(tenant.texts.buffer(), words, (at - 1, &before));
        tenant.texts.buffer().push_str("@labs.");
    } else {
        push_plain(tenant.texts.buffer(), words, (at, naming));
        tenant.texts.buffer().push_str(if decorated { "_ext'1@" } else { "@" });
    }
    let domain = tenant.domain.clone();
    tenant.texts.buffer().push_str(&domain);
    tenant.texts.since(start)
}

/// Gives a group its address, made from its name; if that is taken, in the second domain, and then with a number.
pub(super) fn address_group(tenant: &mut Tenant, at: u32, card: &mut Card) {
    card.kind = GroupKind::Security;
    let local = local_part(tenant.texts.get(card.name).unwrap_or_default(), at);
    let domain = tenant.domain.clone();
    let candidates = [
        format!("{local}@{domain}"),
        format!("{local}@labs.{domain}"),
        format!("group-{at}@{domain}"),
    ];
    let free = candidates.iter().find(|address| !tenant.is_taken(address));
    let address = free.unwrap_or(&candidates[2]);
    card.nickname = tenant.texts.add(address);
    tenant.addresses.take(address, Member::Group(at));
    if draw(tenant.seed, 0xa1a5, u64::from(at)).is_multiple_of(10) {
        tenant.addresses.add_alias(&format!("list-{at}@{domain}"), Member::Group(at));
    }
}

/// The whole organisation, and members that are none of its accounts, in one group of their own.
pub(super) fn outsiders(tenant: &mut Tenant) {
    for (at, (kind, name)) in [
        (OtherKind::Organisation, ""),
        (OtherKind::ForeignUser, "Consultant@partner.example"),
        (OtherKind::ForeignGroup, "everyone@partner.example"),
        (OtherKind::Address, "press@newspaper.example"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = tenant.texts.add(name);
        tenant.others.push(Other { kind, name });
        tenant.link(OUTSIDERS, Member::Other(at as u32));
        if kind != OtherKind::Organisation {
            tenant.link(0, Member::Other(at as u32));
        }
    }
}
