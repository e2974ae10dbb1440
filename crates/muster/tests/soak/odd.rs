//! Seeded chance, and texts: of every category of Unicode, of no length and of much, and those that have broken something.
//!
//! Invariant: the seed decides everything.

use serde_json::{Value, json};
use simulator::Provider;

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
/// Texts that have broken something somewhere, and names that give power.
const KNOWN: [&str; 40] = [
    "",
    " ",
    "\t",
    "\u{200b}",
    "\u{feff}",
    "İ",
    "ß",
    "ﬃ",
    "ΐ",
    "\u{fdfa}",
    "e\u{301}",
    "é",
    "\u{202e}abc",
    "a\u{200b}b",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a?b#c%2F",
    "<b>&amp;",
    "]]>",
    "<![CDATA[",
    "\"'",
    "%00",
    "null",
    "-1",
    "Ann\r\nBen",
    "\u{feff}x",
    "\u{0}",
    "\u{85}x\u{a0}",
    "\u{fffe}\u{10ffff}",
    "\u{fffd}",
    "{{x}}${x}",
    "=cmd|' /C calc'!A0",
    "jira-administrators",
    "Confluence-Administrators",
    "jira-аdministrators",
    "crowd-administrators\u{200b}",
    "stash-users ",
    "bamboo-admin",
];
/// Pairs that one reader takes for one name and another for two.
const PAIRS: [(&str, &str); 12] = [
    ("José", "Jose\u{301}"),
    ("STRASSE", "straße"),
    ("ﬁnance", "finance"),
    ("İzmir", "i\u{307}zmir"),
    ("K2", "\u{212a}2"),
    ("Ångström", "\u{212b}ngström"),
    ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ("paypal", "pаypаl"),
    ("Staff", "staff"),
    ("Staff", "Staff "),
    ("Staff", "S\u{200b}taff"),
    ("\u{1e9b}\u{323}", "\u{1e61}\u{323}"),
];
/// How long a text gets, in pieces.
const LENGTHS: [usize; 10] = [1, 2, 5, 20, 64, 127, 200, 255, 256, 1_500];
/// A text that is too long for anything.
pub(crate) const HUGE: usize = 100_000;

/// Chance, with what came of it.
pub(crate) struct Odd {
    pub(crate) provider: Provider,
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

    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())].clone()
    }

    /// A text that nobody would type.
    pub(crate) fn text(&mut self) -> String {
        self.texts += 1;
        if self.once_in(3) {
            return self.one_of(&KNOWN).to_owned();
        }
        let length = self.one_of(&LENGTHS);
        self.of_length(length)
    }

    fn of_length(&mut self, length: usize) -> String {
        // Of one category, or of all.
        let category = self.once_in(2).then(|| self.one_of(&CATEGORIES));
        let mut text = String::new();
        for _ in 0..length {
            let (_, first, last) = category.unwrap_or_else(|| self.one_of(&CATEGORIES));
            let place = u32::try_from(self.roll((last - first + 1) as usize)).unwrap();
            text.extend(char::from_u32(first + place));
        }
        text
    }

    /// A text of a hundred thousand characters, now and then; an odd one otherwise.
    pub(crate) fn long_text(&mut self) -> String {
        if self.once_in(8) { self.of_length(HUGE) } else { self.text() }
    }

    /// Two names that are one to some readers.
    pub(crate) fn pair(&mut self) -> (String, String) {
        if self.once_in(3) {
            let text = self.text();
            return (text.to_lowercase(), text.to_uppercase());
        }
        let (one, other) = self.one_of(&PAIRS);
        (one.to_owned(), other.to_owned())
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
            "office",
            "mobile",
        ] {
            if self.once_in(4) {
                body.insert(field.to_owned(), json!(self.text()));
            }
        }
        for field in ["email", "login"] {
            if self.once_in(4) {
                body.insert(field.to_owned(), json!(format!("{}@x.example", self.text())));
            }
        }
        for field in ["active", "guest"] {
            if self.once_in(4) {
                body.insert(field.to_owned(), json!(self.once_in(2)));
            }
        }
        Value::Object(body)
    }

    /// The edit of one group.
    pub(crate) fn group(&mut self) -> Value {
        json!({"name": self.text(), "description": self.text()})
    }
}
