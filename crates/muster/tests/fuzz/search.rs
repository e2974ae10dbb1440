//! Searches as trees, written in all three ways, and judged without the server's code.
//!
//! Invariant: [`Search::admits`] follows `protocols/crowd.md` 3.7 and shares nothing with the server;
//! `None` is a search that has to be refused.

use crate::{
    chance::Chance,
    server::{Known, START},
};

const USER_TEXTS: &[&str] =
    &["name", "email", "firstName", "lastName", "displayName", "externalId"];
const GROUP_TEXTS: &[&str] = &["name", "description", "externalId"];
const ODD: &[&str] =
    &["active", "active", "createdDate", "updatedDate", "shoe", "local", "email", "description"];
/// How restrictions in bodies compare.
pub(crate) const MODES: &[&str] = &[
    "EXACTLY_MATCHES",
    "STARTS_WITH",
    "ENDS_WITH",
    "CONTAINS",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
    "NULL",
    "SOUNDS_LIKE",
];
/// How CQL compares.
pub(crate) const CQL_MODES: &[&str] =
    &["EXACTLY_MATCHES", "STARTS_WITH", "CONTAINS", "LESS_THAN", "GREATER_THAN"];
/// Texts some of which somebody has.
const TEXTS: &[&str] = &[
    "ann 0",
    "ANN",
    "a",
    "é",
    "ß",
    "İ",
    "i̇pek",
    "οδυσσευς",
    "Σ",
    "a&b 5",
    "\"q\"",
    "x\\y",
    "😀",
    "@example.org",
    "P1@EXAMPLE.ORG",
    "lee",
    "o'hara",
    "<cruz>",
    "*star*",
    "a=b",
    "(p)",
    "",
    " ",
    "team",
    "Team of Lee",
    "1:u3",
    "u3",
    "U3",
    "1:",
    "9",
    "or",
    "and",
    "a\tb\r\nc",
    "]]>",
    "<!--",
    "true",
    "2024",
];
const FLAGS: &[&str] = &["true", "false", "TRUE", " False ", "maybe", ""];
/// Dates and what they are, before or after [`START`].
const DATES: &[(&str, Option<i64>)] = &[
    ("2024-01-01T00:00:00.000+0000", Some(0)),
    ("2024-01-01T05:30:05.000+0530", Some(5_000)),
    ("2023-12-31T13:00:07.000-1100", Some(7_000)),
    ("2024", Some(0)),
    ("2024-01-03", Some(2 * 86_400_000)),
    ("2024-01-04T12", Some(3 * 86_400_000 + 43_200_000)),
    ("2023-12", Some(-31 * 86_400_000)),
    ("2024-02-30", None),
    ("yesterday", None),
    ("", None),
];

/// What is sought.
#[derive(Clone, Debug)]
pub(crate) enum Search {
    Everything,
    Leaf {
        property: &'static str,
        mode: &'static str,
        value: String,
    },
    /// All of these, or one of these.
    Many {
        all: bool,
        parts: Vec<Search>,
    },
}

/// The value of a mode as CQL has it.
pub(crate) fn pattern(mode: &str, value: &str) -> String {
    match mode {
        "STARTS_WITH" => format!("{value}*"),
        "CONTAINS" => format!("*{value}**"),
        _ => value.to_owned(),
    }
}

/// How a leaf judges.
type Judgement = Option<bool>;

impl Search {
    /// A search of some size; `modes` are those that the language to write it in has.
    pub(crate) fn any(
        chance: &mut Chance,
        groups: bool,
        modes: &[&'static str],
        deep: usize,
    ) -> Self {
        if deep == 0 || chance.once_in(3) {
            let texts = if groups { GROUP_TEXTS } else { USER_TEXTS };
            let property = if chance.once_in(3) { chance.pick(ODD) } else { chance.pick(texts) };
            let value = match property {
                "active" | "local" => chance.pick(FLAGS).to_owned(),
                "createdDate" | "updatedDate" => DATES[chance.below(DATES.len())].0.to_owned(),
                _ => chance.pick(TEXTS).to_owned(),
            };
            return Self::Leaf { property, mode: chance.pick(modes), value };
        }
        let parts = (0..=chance.below(3)).map(|_| Self::any(chance, groups, modes, deep - 1));
        let parts = parts.collect();
        Self::Many { all: chance.once_in(2), parts }
    }

    /// The same below so many levels more.
    pub(crate) fn wrapped(self, levels: usize) -> Self {
        (0..levels).fold(self, |inner, no| Self::Many { all: no % 2 == 0, parts: vec![inner] })
    }

    /// What it means once it is written as CQL: stars make patterns, unknown properties are refused.
    pub(crate) fn in_cql(&self, groups: bool) -> Self {
        let (property, mode, value) = match self {
            Self::Everything => return Self::Everything,
            Self::Many { all, parts } => {
                let parts = parts.iter().map(|part| part.in_cql(groups)).collect();
                return Self::Many { all: *all, parts };
            }
            Self::Leaf { property, mode, value } => (*property, *mode, value),
        };
        let flags = if groups { ["active", "local"] } else { ["active", "active"] };
        let texts = if groups { GROUP_TEXTS } else { USER_TEXTS };
        let refused = Self::Leaf { property, mode: "SOUNDS_LIKE", value: String::new() };
        let with = |mode, value: &str| Self::Leaf { property, mode, value: value.to_owned() };
        let pattern = pattern(mode, value);
        if flags.contains(&property) || matches!(property, "createdDate" | "updatedDate") {
            let compares = matches!(mode, "LESS_THAN" | "GREATER_THAN");
            return with(if compares { mode } else { "EXACTLY_MATCHES" }, &pattern);
        }
        if !texts.contains(&property) {
            return refused;
        }
        let stripped = pattern.trim_matches('*');
        match mode {
            "LESS_THAN" | "GREATER_THAN" => with(mode, &pattern),
            _ if stripped.is_empty() && !pattern.is_empty() => Self::Everything,
            _ if pattern.starts_with('*') && pattern.ends_with('*') => with("CONTAINS", stripped),
            _ if pattern.ends_with('*') => with("STARTS_WITH", stripped),
            _ => with("EXACTLY_MATCHES", stripped),
        }
    }

    /// How deep the elements of its body nest.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Everything => 1,
            Self::Leaf { .. } => 3,
            Self::Many { parts, .. } => 2 + parts.iter().map(Self::depth).max().unwrap_or(0),
        }
    }

    /// Whether it admits somebody; `None` when it must be refused.
    pub(crate) fn admits(&self, known: &Known, groups: bool) -> Judgement {
        match self {
            Self::Everything => Some(true),
            Self::Leaf { property, mode, value } => leaf(known, groups, property, mode, value),
            Self::Many { all, parts } => {
                let judged: Option<Vec<bool>> =
                    parts.iter().map(|part| part.admits(known, groups)).collect();
                let judged = judged?;
                Some(if *all { !judged.contains(&false) } else { judged.contains(&true) })
            }
        }
    }
}

fn leaf(known: &Known, groups: bool, property: &str, mode: &str, value: &str) -> Judgement {
    if mode == "SOUNDS_LIKE" {
        return None;
    }
    let display = known.display();
    let (short, long) = (known.id.clone(), format!("1:{}", known.id));
    let texts: Vec<&str> = match (property, groups) {
        ("name", _) => vec![&known.name],
        ("externalId", _) => vec![&short, &long],
        ("email", false) => vec![&known.email],
        ("firstName", false) => vec![&known.first],
        ("lastName", false) => vec![&known.last],
        ("displayName", false) => vec![display.trim()],
        ("description", true) => vec![&known.description],
        ("active", _) => return flag(known.active, mode, value),
        ("local", true) => return flag(false, mode, value),
        ("createdDate", _) => return date(known.created, mode, value),
        ("updatedDate", _) => return date(known.updated, mode, value),
        _ => vec![""],
    };
    let sought = value.to_lowercase();
    let judge = |text: &&str| {
        let text = text.to_lowercase();
        match mode {
            "NULL" => text.is_empty(),
            _ if text.is_empty() => false,
            "EXACTLY_MATCHES" => text == sought,
            "STARTS_WITH" => text.starts_with(&sought),
            "ENDS_WITH" => text.ends_with(&sought),
            "CONTAINS" => text.contains(&sought),
            "LESS_THAN" => text < sought,
            "LESS_THAN_OR_EQUAL" => text <= sought,
            "GREATER_THAN" => text > sought,
            _ => text >= sought,
        }
    };
    Some(texts.iter().any(judge))
}

fn flag(is: bool, mode: &str, value: &str) -> Judgement {
    let wanted = match value.trim().to_lowercase().as_str() {
        "true" => true,
        "false" => false,
        _ => return if mode == "NULL" { Some(false) } else { None },
    };
    match mode {
        "NULL" => Some(false),
        "EXACTLY_MATCHES" => Some(is == wanted),
        _ => None,
    }
}

fn date(at: i64, mode: &str, value: &str) -> Judgement {
    if mode == "NULL" {
        return Some(false);
    }
    let wanted = START + DATES.iter().find(|(text, _)| *text == value)?.1?;
    match mode {
        "EXACTLY_MATCHES" => Some(at == wanted),
        "LESS_THAN" => Some(at < wanted),
        "LESS_THAN_OR_EQUAL" => Some(at <= wanted),
        "GREATER_THAN" => Some(at > wanted),
        "GREATER_THAN_OR_EQUAL" => Some(at >= wanted),
        _ => None,
    }
}
