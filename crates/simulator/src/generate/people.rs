//! Generated people: mostly ordinary, about 5 % guests and 4 % disabled, and of every awkward kind some.
//!
//! Invariant: logins are unique whatever their case, by construction: the pair of names is a permutation of the
//! position, a number tells repeats apart, and decorations use signs that plain logins never have.

use super::names::{AWKWARD, DEPARTMENTS, GIVEN, JOBS, OFFICES, SURNAMES, fold};
use super::{org, workspace};
use crate::Provider;
use crate::chance::{below, draw, mix};
use crate::tenant::text::{Text, Texts};
use crate::tenant::{ENABLED, GUEST, Life, PENDING, SYNCED, Tenant, User};

/// Words stored once and shared by everybody.
pub(super) struct Words {
    pub(super) given: Vec<(Text, String)>,
    pub(super) surnames: Vec<(Text, String)>,
    pub(super) awkward: Vec<(Text, Text, Text)>,
    pub(super) departments: Vec<Text>,
    pub(super) jobs: Vec<Text>,
    pub(super) offices: Vec<Text>,
    pub(super) companies: [Text; 3],
}

impl Words {
    fn store(texts: &mut Texts, vendor: Provider) -> Self {
        let folded = |texts: &mut Texts, names: &[&str]| -> Vec<(Text, String)> {
            names.iter().map(|name| (texts.add(name), fold(name))).collect()
        };
        let plain = |texts: &mut Texts, words: &[&str]| -> Vec<Text> {
            words.iter().map(|word| texts.add(word)).collect()
        };
        Self {
            given: folded(texts, &GIVEN),
            surnames: folded(texts, &SURNAMES),
            awkward: AWKWARD
                .iter()
                .map(|names| {
                    let [given, last, all] = [names.0, names.1, names.2].map(|name| match vendor {
                        Provider::Okta => org::plain_signs(name),
                        _ => name.to_owned(),
                    });
                    (texts.add(&given), texts.add(&last), texts.add(&all))
                })
                .collect(),
            departments: plain(texts, &DEPARTMENTS),
            jobs: plain(texts, &JOBS),
            offices: plain(texts, &OFFICES),
            companies: ["Contoso GmbH", "Contoso Ltd.", "Contoso & Søn A/S"]
                .map(|name| texts.add(name)),
        }
    }
}

/// Names of one person while their row is made.
pub(super) struct Naming {
    pub(super) given: usize,
    pub(super) surname: usize,
    /// 0, or what tells this person from others of the same name.
    pub(super) repeat: u32,
    pub(super) awkward: Option<usize>,
}

/// One draw for several independent decisions: each takes its own bits.
pub(super) struct Coins(u64);

impl Coins {
    /// The coins of the person at that position.
    pub(super) fn of(seed: u64, at: u32) -> Self {
        Self(draw(seed, 0x9e0, u64::from(at)))
    }

    /// True with so many in a thousand.
    pub(super) fn per_mille(&mut self, share: u64) -> bool {
        self.0 = mix(self.0);
        below(self.0, 1000) < share
    }

    pub(super) fn pick(&mut self, count: usize) -> usize {
        self.0 = mix(self.0);
        below(self.0, count as u64) as usize
    }
}

/// Makes so many people.
pub(super) fn generate(tenant: &mut Tenant, count: u32) {
    let words = Words::store(&mut tenant.texts, tenant.vendor);
    let former = if tenant.vendor == Provider::Okta { org::former(count) } else { 0 };
    let seed = tenant.seed;
    let domain = tenant.domain.clone();
    tenant.users.reserve_exact((count + former) as usize);
    for at in 0..count + former {
        let mut coins = Coins::of(seed, at);
        let naming = name_of(seed, at, &mut coins);
        let row = match tenant.vendor {
            Provider::Entra => {
                person(&mut tenant.texts, &words, &domain, (at, &naming), &mut coins)
            }
            Provider::Google => workspace::person(tenant, &words, (at, &naming), &mut coins),
            Provider::Okta => org::person(tenant, &words, (at, &naming), &mut coins),
        };
        tenant.users.push(row);
    }
    tenant.lives = vec![Life::Live; count as usize];
    tenant.live_users = count as usize;
    for at in count..count + former {
        tenant.lives.push(org::deprovision(&mut tenant.users[at as usize]));
    }
}

pub(super) fn name_of(seed: u64, at: u32, coins: &mut Coins) -> Naming {
    let pairs = (GIVEN.len() * SURNAMES.len()) as u64;
    // An odd factor permutes the pairs, as their number is a power of two.
    let step = mix(seed ^ 0xa11) | 1;
    let pair = (u64::from(at).wrapping_mul(step).wrapping_add(mix(seed)) % pairs) as usize;
    let awkward = coins.per_mille(10).then(|| coins.pick(AWKWARD.len()));
    Naming {
        given: pair % GIVEN.len(),
        surname: pair / GIVEN.len(),
        repeat: at / pairs as u32,
        awkward,
    }
}

fn person(
    texts: &mut Texts,
    words: &Words,
    domain: &str,
    (at, naming): (u32, &Naming),
    coins: &mut Coins,
) -> User {
    // Spread over the ten years before 2026-01-01.
    let mut row = User::blank(1_767_225_600 - coins.pick(315_000_000) as u32);
    row.first = words.given[naming.given].0;
    row.last = words.surnames[naming.surname].0;
    if let Some(awkward) = naming.awkward {
        (row.first, row.last, row.display) = words.awkward[awkward];
    } else {
        row.display = display_name(texts, words, naming, coins);
    }
    if coins.per_mille(50) {
        row.set(GUEST, true);
        row.set(PENDING, coins.per_mille(250));
        (row.login, row.email) = guest_names(texts, words, domain, (at, naming));
    } else {
        row.login = login(texts, words, domain, (at, naming), coins);
        row.email = row.login;
        if coins.per_mille(50) {
            let start = texts.end();
            push_plain(texts.buffer(), words, (at, naming));
            texts.buffer().push_str("@mail.");
            texts.buffer().push_str(domain);
            row.email = texts.since(start);
        }
        row.set(SYNCED, coins.per_mille(300));
        if coins.per_mille(30) {
            row.email = Text::NONE;
        }
        if coins.per_mille(900) {
            let start = texts.end();
            push_number(texts.buffer(), "E", 1_000_000 + at);
            row.employee = texts.since(start);
        }
    }
    row.set(ENABLED, !coins.per_mille(40));
    if coins.per_mille(10) {
        row.first = Text::NONE;
    }
    if coins.per_mille(10) {
        row.last = Text::NONE;
    }
    employ(texts, words, &mut row, coins);
    row
}

/// Where somebody works, and as what.
pub(super) fn employ(texts: &mut Texts, words: &Words, row: &mut User, coins: &mut Coins) {
    row.department = words.departments[coins.pick(DEPARTMENTS.len())];
    row.job = words.jobs[coins.pick(JOBS.len())];
    row.office = words.offices[coins.pick(OFFICES.len())];
    if coins.per_mille(100) {
        row.department = Text::NONE;
    }
    if coins.per_mille(300) {
        row.company = words.companies[coins.pick(3)];
    }
    if coins.per_mille(200) {
        let start = texts.end();
        push_number(texts.buffer(), "+1 555 ", 1_000_000 + coins.pick(9_000_000) as u32);
        row.mobile = texts.since(start);
    }
}

/// `Given Surname`, `Surname, Given`, with spaces around it, or 256 signs long.
pub(super) fn display_name(
    texts: &mut Texts,
    words: &Words,
    naming: &Naming,
    coins: &mut Coins,
) -> Text {
    let (given, surname) = (GIVEN[naming.given], SURNAMES[naming.surname]);
    let start = texts.end();
    let spaced = coins.per_mille(5);
    let swapped = coins.per_mille(100);
    let long = coins.per_mille(1);
    debug_assert!(!words.given.is_empty(), "names are stored before people");
    let out = texts.buffer();
    if spaced {
        out.push_str("  ");
    }
    let (first, glue, second) =
        if swapped { (surname, ", ", given) } else { (given, " ", surname) };
    for part in [first, glue, second] {
        out.push_str(part);
    }
    if spaced {
        out.push(' ');
    }
    if long {
        let signs = out[start..].chars().count();
        out.extend(std::iter::repeat_n('x', 256 - signs.min(256)));
    }
    texts.since(start)
}

pub(super) fn push_plain(out: &mut String, words: &Words, (at, naming): (u32, &Naming)) {
    if naming.awkward.is_some() {
        return push_number(out, "intl.", at);
    }
    out.push_str(&words.given[naming.given].1);
    out.push('.');
    out.push_str(&words.surnames[naming.surname].1);
    if naming.repeat > 0 {
        push_number(out, "", naming.repeat + 1);
    }
}

pub(super) fn login(
    texts: &mut Texts,
    words: &Words,
    domain: &str,
    who: (u32, &Naming),
    coins: &mut Coins,
) -> Text {
    let start = texts.end();
    let out = texts.buffer();
    push_plain(out, words, who);
    out.push_str(match coins.pick(100) {
        0 => "+work",
        1 => ".x.ext",
        _ => "",
    });
    out.push('@');
    out.push_str(domain);
    if coins.per_mille(30) {
        // Mixed case, as people type it: the vendor keeps it and ignores it.
        let first = out[start..].chars().next().unwrap_or('x').to_ascii_uppercase();
        let mut sign = [0; 4];
        out.replace_range(start..=start, first.encode_utf8(&mut sign));
    }
    texts.since(start)
}

/// `ann.adams_partner.example#EXT#@contoso.onmicrosoft.com` and `ann.adams@partner.example`.
fn guest_names(
    texts: &mut Texts,
    words: &Words,
    domain: &str,
    who: (u32, &Naming),
) -> (Text, Text) {
    let label = domain.split('.').next().unwrap_or("contoso");
    let start = texts.end();
    let out = texts.buffer();
    push_plain(out, words, who);
    out.push_str("_partner.example#EXT#@");
    out.push_str(label);
    out.push_str(".onmicrosoft.com");
    let login = texts.since(start);
    let start = texts.end();
    push_plain(texts.buffer(), words, who);
    texts.buffer().push_str("@partner.example");
    (login, texts.since(start))
}

pub(super) fn push_number(out: &mut String, head: &str, mut number: u32) {
    out.push_str(head);
    let mut digits = [0_u8; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}
