//! The generator: texts of every Unicode category, of no length and of much, and records with fields of wrong types.
//!
//! Invariant: the seed decides everything.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulator::{Oddity, Provider};

/// Code points of each general category of Unicode but surrogates, which no text holds: as ranges with something of
/// each in them (`UnicodeData.txt`); unassigned and private ones are among them.
const CATEGORIES: [(&str, u32, u32); 29] = [
    ("Lu", 0x41, 0x5a),
    ("Ll", 0xdf, 0xf6),
    ("Lt", 0x1f88, 0x1f8f),
    ("Lm", 0x2b0, 0x2b8),
    ("Lo", 0x5d0, 0x5ea),
    ("Mn", 0x300, 0x36f),
    ("Mc", 0x93e, 0x940),
    ("Me", 0x488, 0x489),
    ("Nd", 0x660, 0x669),
    ("Nl", 0x2160, 0x2188),
    ("No", 0xb2, 0xb3),
    ("Pc", 0x203f, 0x2040),
    ("Pd", 0x2010, 0x2015),
    ("Ps", 0x28, 0x28),
    ("Pe", 0x29, 0x29),
    ("Pi", 0x2018, 0x2018),
    ("Pf", 0x2019, 0x2019),
    ("Po", 0x21, 0x2f),
    ("Sm", 0x3c, 0x3e),
    ("Sc", 0x20a0, 0x20bf),
    ("Sk", 0x5e, 0x60),
    ("So", 0x1f600, 0x1f64f),
    ("Zs", 0x2000, 0x200a),
    ("Zl", 0x2028, 0x2028),
    ("Zp", 0x2029, 0x2029),
    ("Cc", 0x0, 0x1f),
    ("Cf", 0x200b, 0x202e),
    ("Co", 0xe000, 0xf8ff),
    ("Cn", 0xfdd0, 0xffff),
];
/// Texts that have broken something somewhere.
const KNOWN: [&str; 20] = [
    "",
    " ",
    "\u{200b}",
    "İ",
    "ß",
    "e\u{301}",
    "é",
    "\u{202e}abc",
    ".",
    "..",
    "a/b",
    "<b>&amp;",
    "]]>",
    "\"'",
    "%00",
    "null",
    "Ann\r\nBen",
    "\u{feff}x",
    "jira-administrators",
    "\u{fffd}",
];
/// How long a text gets, in pieces.
const LENGTHS: [usize; 8] = [1, 2, 5, 20, 64, 255, 256, 3_000];
/// Raw JSON of any type but the one that a field should have.
const RAW: [&str; 16] = [
    "null",
    "true",
    "0",
    "-1",
    "1e99",
    "[]",
    "{}",
    "[null]",
    "[\"x\",7,{}]",
    "{\"a\":[1]}",
    "\"\"",
    "\" \"",
    "\"\\ud83d\"",
    "\"\\udc00x\"",
    "\"\\u0000\"",
    "\"\\u202e\"",
];

/// Chance, with what came of it.
pub(crate) struct Odd {
    provider: Provider,
    state: u64,
    pub(crate) texts: usize,
    pub(crate) records: usize,
}

impl Odd {
    pub(crate) fn new(provider: Provider, seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ provider as u64;
        Self { provider, state, texts: 0, records: 0 }
    }

    /// A number below another.
    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % below.max(1) as u64).unwrap()
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }

    /// A text that nobody would type.
    pub(crate) fn text(&mut self) -> String {
        self.texts += 1;
        if self.roll(3) == 0 {
            return self.one_of(&KNOWN).to_owned();
        }
        let length = self.one_of(&LENGTHS);
        // Of one category, or of all.
        let category = (self.roll(2) == 0).then(|| self.one_of(&CATEGORIES));
        let mut text = String::new();
        for _ in 0..length {
            let (_, first, last) = category.unwrap_or_else(|| self.one_of(&CATEGORIES));
            let place = u32::try_from(self.roll((last - first + 1) as usize)).unwrap();
            text.extend(char::from_u32(first + place));
        }
        text
    }

    /// The edit of one person.
    pub(crate) fn person(&mut self) -> Value {
        let mut body = serde_json::Map::new();
        for field in [
            "display_name",
            "first_name",
            "last_name",
            "department",
            "job_title",
            "company",
            "employee_id",
        ] {
            if self.roll(3) == 0 {
                body.insert(field.to_owned(), json!(self.text()));
            }
        }
        if self.roll(4) == 0 {
            body.insert("email".to_owned(), json!(format!("{}@x.example", self.text())));
        }
        if self.roll(4) == 0 {
            body.insert("active".to_owned(), json!(self.roll(2) == 0));
        }
        Value::Object(body)
    }

    /// The edit of one group.
    pub(crate) fn group(&mut self) -> Value {
        json!({"name": self.text(), "description": self.text()})
    }

    /// An object whose record is odd on the wire.
    pub(crate) fn record(&mut self, id: &str, is_user: bool) -> Oddity {
        self.records += 1;
        let fields = self.fields(is_user);
        let field = self.one_of(fields).to_owned();
        let raw = self.one_of(&RAW).to_owned();
        let one = BTreeMap::from([(field.clone(), raw)]);
        let mut oddity = Oddity { id: Some(id.to_owned()), ..Oddity::default() };
        match self.roll(6) {
            0 => oddity.remove = vec![field],
            1 => oddity.add = one,
            _ => oddity.set = one,
        }
        oddity
    }

    fn fields(&self, is_user: bool) -> &'static [&'static str] {
        match (self.provider, is_user) {
            (Provider::Entra, true) => &[
                "displayName",
                "givenName",
                "surname",
                "mail",
                "otherMails",
                "proxyAddresses",
                "userType",
                "department",
                "jobTitle",
                "employeeId",
                "createdDateTime",
            ],
            (Provider::Entra, false) => &[
                "displayName",
                "description",
                "mail",
                "groupTypes",
                "visibility",
                "securityEnabled",
            ],
            (Provider::Google, true) => &[
                "name.fullName",
                "name.givenName",
                "name",
                "aliases",
                "externalIds",
                "organizations",
                "phones",
                "orgUnitPath",
                "creationTime",
                "languages",
            ],
            (Provider::Google, false) => &["name", "description", "directMembersCount", "etag"],
            (Provider::Okta, true) => &[
                "profile.firstName",
                "profile.lastName",
                "profile.displayName",
                "profile.email",
                "profile.department",
                "profile.employeeNumber",
                "created",
                "profile.mobilePhone",
            ],
            (Provider::Okta, false) => &["profile.description", "lastUpdated", "created", "type"],
        }
    }
}
