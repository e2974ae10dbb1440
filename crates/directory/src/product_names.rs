//! Names that products refuse or change: which rule of which product, and the rule of ours that mends it.
//!
//! Invariants: one table ([`RULES`]), each entry with its source; a name that a mend gives is refused by none of the rules
//! that it mends. Names are served all the same: this is what an administrator is told before somebody stumbles over it.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};

/// Names that are told of each rule; more are counted.
pub const NAMES_MAX: usize = 100;

/// A kind of product that reads directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// Jira, all of its editions.
    Jira,
    /// Confluence.
    Confluence,
    /// Bitbucket Server and Data Center.
    Bitbucket,
    /// Bamboo.
    Bamboo,
    /// Fisheye and Crucible.
    Fisheye,
    /// Atlassian Crowd itself.
    Crowd,
    /// Jenkins with the plug-in Crowd 2.
    Jenkins,
    /// GitLab.
    Gitlab,
    /// Nexus Repository.
    Nexus,
    /// Anything else.
    Other,
}

impl Product {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Jira,
        Self::Confluence,
        Self::Bitbucket,
        Self::Bamboo,
        Self::Fisheye,
        Self::Crowd,
        Self::Jenkins,
        Self::Gitlab,
        Self::Nexus,
        Self::Other,
    ];

    /// The key in settings and addresses: its serialised form.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Jira => "jira",
            Self::Confluence => "confluence",
            Self::Bitbucket => "bitbucket",
            Self::Bamboo => "bamboo",
            Self::Fisheye => "fisheye",
            Self::Crowd => "crowd",
            Self::Jenkins => "jenkins",
            Self::Gitlab => "gitlab",
            Self::Nexus => "nexus",
            Self::Other => "other",
        }
    }

    /// The product's own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jira => "Jira",
            Self::Confluence => "Confluence",
            Self::Bitbucket => "Bitbucket",
            Self::Bamboo => "Bamboo",
            Self::Fisheye => "Fisheye / Crucible",
            Self::Crowd => "Crowd",
            Self::Jenkins => "Jenkins",
            Self::Gitlab => "GitLab",
            Self::Nexus => "Nexus Repository",
            Self::Other => "another product",
        }
    }

    /// The product of a key, in any case.
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.key().eq_ignore_ascii_case(key.trim()))
    }
}

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A user's.
    User,
    /// A group's.
    Group,
}

/// What a product does not take in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// One of these characters.
    Characters(&'static str),
    /// Any character but small Latin letters, digits and these.
    AllBut(&'static str),
    /// A letter that is not small.
    UpperCase,
    /// More UTF-16 code units than this: the products are Java programs, which count so.
    LongerThan(usize),
    /// One of these at its beginning, or one of those at its end.
    Edges(&'static str, &'static [&'static str]),
}

/// A rule of one or more products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRule {
    /// The products.
    pub products: &'static [Product],
    /// Whose names.
    pub subject: Subject,
    /// What is not taken.
    pub refusal: Refusal,
    /// What comes of it, as the rest of a sentence that begins with the product.
    pub effect: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

const ATLASSIAN: &[Product] = &[
    Product::Jira,
    Product::Confluence,
    Product::Bitbucket,
    Product::Bamboo,
    Product::Fisheye,
    Product::Crowd,
];

/// What products are known to refuse or to change.
pub const RULES: &[NameRule] = &[
    NameRule {
        products: &[Product::Jira],
        subject: Subject::User,
        refusal: Refusal::Characters("<>&"),
        effect: "refuses such a user name in its own forms, so that the account cannot be edited there",
        source: "https://community.atlassian.com/forums/Confluence-questions/Usernames-synched-from-Active-Directory-Jira-and-Confluence/qaq-p/1117016",
    },
    NameRule {
        products: &[Product::Jira],
        subject: Subject::Group,
        refusal: Refusal::Characters("<>&,"),
        effect: "does not show or synchronise such a group reliably, and takes a comma as the end of a name where several groups are given",
        source: "https://support.atlassian.com/jira/kb/groups-and-users-maintained-in-microsoft-windows-active-directory-are-not-properly-being-added-to-jira/ and https://confluence.atlassian.com/spaces/JIRA050/pages/284367760/Group+Name+Guidelines+for+JIRA",
    },
    NameRule {
        products: &[Product::Confluence],
        subject: Subject::User,
        refusal: Refusal::Characters("+,\\<>'\"# "),
        effect: "refuses such a user name, and people who come with it from a directory cannot create pages",
        source: "https://community.atlassian.com/forums/Confluence-questions/Usernames-synched-from-Active-Directory-Jira-and-Confluence/qaq-p/1117016 and https://wiki.resolution.de/doc/usersync/latest/knowledge-base/problems-with-special-characters-like-in-usernames",
    },
    NameRule {
        products: &[Product::Confluence],
        subject: Subject::User,
        refusal: Refusal::Characters("/;?%&"),
        effect: "cannot open the profile and the personal space, whose address holds the user name",
        source: "https://tomcat.apache.org/tomcat-9.0-doc/config/http.html (encodedSolidusHandling), and RFC 3986, section 2.2",
    },
    NameRule {
        products: &[Product::Confluence, Product::Bamboo],
        subject: Subject::User,
        refusal: Refusal::UpperCase,
        effect: "takes user names in lower case only, and shows others in lower case or not at all",
        source: "https://community.atlassian.com/t5/Confluence-questions/username-in-uppercase-is-not-allowing-in-confluence/qaq-p/162897 and https://confluence.atlassian.com/bamkb/bamboo-users-lose-permissions-on-projects-after-migrating-from-one-external-directory-to-another-1108094399.html",
    },
    NameRule {
        products: &[Product::Confluence],
        subject: Subject::Group,
        refusal: Refusal::UpperCase,
        effect: "takes group names in lower case only; permissions given to another spelling are lost",
        source: "https://confluence.atlassian.com/docm/latest/confluence-groups-for-administrators-990544236.html",
    },
    NameRule {
        products: &[Product::Bamboo],
        subject: Subject::Group,
        refusal: Refusal::AllBut("@._-"),
        effect: "fails to import such a group: it takes small letters, digits and @ . _ - only",
        source: "https://confluence.atlassian.com/display/BAMBOO0900/Creating+a+group and https://jira.atlassian.com/browse/BAM-19956",
    },
    NameRule {
        products: &[Product::Bamboo, Product::Bitbucket, Product::Fisheye, Product::Crowd],
        subject: Subject::User,
        refusal: Refusal::Characters("/\\?#%;"),
        effect: "cannot address such a user in its REST API and in the pages that use it",
        source: "https://jira.atlassian.com/browse/BAM-19956 and https://support.atlassian.com/crowd/kb/using-reserved-characters-in-crowd-api/",
    },
    NameRule {
        products: &[Product::Bitbucket, Product::Fisheye, Product::Crowd, Product::Confluence],
        subject: Subject::Group,
        refusal: Refusal::Characters("/\\?#%;"),
        effect: "cannot address such a group in its REST API and in the pages that use it",
        source: "https://support.atlassian.com/crowd/kb/using-reserved-characters-in-crowd-api/",
    },
    NameRule {
        products: ATLASSIAN,
        subject: Subject::User,
        refusal: Refusal::LongerThan(255),
        effect: "breaks its synchronisation off at a longer user name",
        source: "https://confluence.atlassian.com/bitbucketserverkb/user-directory-synchronization-fails-with-the-exception-java-lang-illegalargumentexception-value-string-exceeds-maximum-allowed-length-of-255-characters-in-bitbucket-data-center-1223821015.html",
    },
    NameRule {
        products: ATLASSIAN,
        subject: Subject::Group,
        refusal: Refusal::LongerThan(255),
        effect: "breaks its synchronisation off at a longer group name",
        source: "https://confluence.atlassian.com/bitbucketserverkb/user-directory-synchronization-fails-with-the-exception-java-lang-illegalargumentexception-value-string-exceeds-maximum-allowed-length-of-255-characters-in-bitbucket-data-center-1223821015.html",
    },
    NameRule {
        products: &[Product::Gitlab],
        subject: Subject::User,
        refusal: Refusal::AllBut("ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-"),
        effect: "makes another user name of it: it takes letters, digits and _ . - only",
        source: "https://gitlab.com/gitlab-org/gitlab/-/work_items/325099",
    },
    NameRule {
        products: &[Product::Gitlab],
        subject: Subject::User,
        refusal: Refusal::Edges("-", &[".git", ".atom"]),
        effect: "makes another user name of it: none may begin with - or end in .git or .atom",
        source: "https://gitlab.com/gitlab-org/gitlab/-/work_items/325099",
    },
];

impl NameRule {
    /// Whether a name is refused or changed by it.
    pub fn refuses(&self, name: &str) -> bool {
        match self.refusal {
            Refusal::Characters(refused) => name.contains(|c| refused.contains(c)),
            Refusal::AllBut(taken) => name.contains(|c| !is_taken(c, taken)),
            Refusal::UpperCase => name.chars().any(is_large),
            Refusal::LongerThan(most) => name.encode_utf16().count() > most,
            Refusal::Edges(begins, ends) => {
                name.starts_with(|c| begins.contains(c))
                    || ends.iter().any(|end| name.to_lowercase().ends_with(end))
            }
        }
    }

    /// What of the names is replaced to mend them, as a regular expression.
    fn pattern(&self) -> Option<String> {
        Some(match self.refusal {
            Refusal::Characters(refused) => format!("[{}]", escaped(refused)),
            Refusal::AllBut(taken) => format!("[^a-z0-9{}]", escaped(taken)),
            Refusal::Edges(begins, ends) => {
                let ends: Vec<String> = ends.iter().map(|end| regex::escape(end)).collect();
                format!("(?i)^[{}]|({})$", escaped(begins), ends.join("|"))
            }
            Refusal::UpperCase | Refusal::LongerThan(_) => return None,
        })
    }
}

fn is_taken(c: char, others: &str) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c)
}

/// Whether a letter has a small form that is another one.
fn is_large(c: char) -> bool {
    c.is_uppercase() && c.to_lowercase().next() != Some(c)
}

/// Characters as they stand inside the brackets of a regular expression.
fn escaped(characters: &str) -> String {
    let mut out = String::new();
    for c in characters.chars() {
        if !c.is_alphanumeric() && !matches!(c, ' ' | '<' | '>' | '\'' | '"' | '@' | '_') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The rules of a product that refuse or change a name.
pub fn refusals(
    product: Product,
    subject: Subject,
    name: &str,
) -> impl Iterator<Item = &'static NameRule> {
    RULES.iter().filter(move |rule| {
        rule.subject == subject && rule.products.contains(&product) && rule.refuses(name)
    })
}

/// Names that one rule of one product refuses or changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefusedNames {
    /// The product.
    pub product: Product,
    /// Whose names.
    pub subject: Subject,
    /// How many.
    pub count: usize,
    /// The first of them, in order; no more than 100.
    pub names: Vec<String>,
    /// What the product does with them.
    pub effect: String,
    /// Where that is written.
    pub source: String,
    /// Lines for the rules that give names the product takes; none when no rule can.
    pub mend: Option<String>,
}

/// The names that rules of some products refuse or change.
pub fn survey<'a>(
    products: &[Product],
    users: impl IntoIterator<Item = &'a str>,
    groups: impl IntoIterator<Item = &'a str>,
) -> Vec<RefusedNames> {
    let mut found: BTreeMap<(Product, usize), (usize, Vec<&str>)> = BTreeMap::new();
    let mut look = |subject: Subject, name: &'a str| {
        for (at, rule) in RULES.iter().enumerate().filter(|(_, rule)| rule.subject == subject) {
            let concerned = products.iter().filter(|product| rule.products.contains(product));
            let mut concerned = concerned.peekable();
            if concerned.peek().is_none() || !rule.refuses(name) {
                continue;
            }
            for product in concerned {
                let (count, names) = found.entry((*product, at)).or_default();
                *count += 1;
                names.push(name);
                if names.len() > 2 * NAMES_MAX {
                    names.sort_unstable();
                    names.truncate(NAMES_MAX);
                }
            }
        }
    };
    users.into_iter().for_each(|name| look(Subject::User, name));
    groups.into_iter().for_each(|name| look(Subject::Group, name));
    let told = found.into_iter().map(|((product, at), (count, mut names))| {
        let rule = &RULES[at];
        names.sort_unstable();
        names.truncate(NAMES_MAX);
        RefusedNames {
            product,
            subject: rule.subject,
            count,
            mend: mend(rule, &names),
            names: names.into_iter().map(str::to_owned).collect(),
            effect: format!("{} {}", product.name(), rule.effect),
            source: rule.source.to_owned(),
        }
    });
    told.collect()
}

/// Lines for the rules, as TOML, that mend these names.
fn mend(rule: &NameRule, names: &[&str]) -> Option<String> {
    match (rule.subject, rule.refusal) {
        (_, Refusal::LongerThan(_)) => None,
        (Subject::User, Refusal::UpperCase) => Some("user_name_case = \"lower\"".to_owned()),
        (Subject::User, _) => {
            let pattern = toml_text(&rule.pattern()?);
            Some(format!("[[replace.user_name]]\npattern = {pattern}\nwith = \"_\""))
        }
        // Patterns change no case: each name with a capital is written out, and what is written out is final.
        (Subject::Group, Refusal::UpperCase) => Some(renames(names, |_| true)),
        (Subject::Group, refusal) => {
            let mut lines = String::new();
            if let Refusal::AllBut(taken) = refusal {
                let large = names.iter().filter(|name| name.contains(is_large)).copied();
                let large: Vec<&str> = large.collect();
                lines = renames(&large, |c| is_taken(c, taken));
                lines.push_str(if large.is_empty() { "" } else { "\n" });
            }
            let pattern = toml_text(&rule.pattern()?);
            let _ = write!(lines, "[[group_names.replace]]\npattern = {pattern}\nwith = \"_\"");
            Some(lines)
        }
    }
}

/// Names in lower case, with `_` for what is not taken, as a table of renames.
fn renames(names: &[&str], taken: impl Fn(char) -> bool) -> String {
    let lines = names.iter().map(|name| {
        let small = name.to_lowercase();
        let to: String = small.chars().map(|c| if taken(c) { c } else { '_' }).collect();
        let (from, to) = (toml_text(name), toml_text(&to));
        format!("[[group_names.renames]]\nfrom = {from}\nto = {to}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A text as TOML writes it.
fn toml_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Product, whose name, names that it refuses or changes, names that it takes.
    type Case = (Product, Subject, &'static [&'static str], &'static [&'static str]);

    const CASES: &[Case] = &[
        (
            Product::Jira,
            Subject::User,
            &["a<b", "a>b", "r&d"],
            &["ann", "ann.o'hara", "a+b@x.org", "Ann", "a b", "é"],
        ),
        (
            Product::Jira,
            Subject::Group,
            &["R&D", "<x>", "a,b"],
            &["jira-users", "Team X", "a/b", "été"],
        ),
        (
            Product::Confluence,
            Subject::User,
            &[
                "a+b", "a,b", "a\\b", "a<b", "a>b", "o'hara", "a\"b", "a#b", "a b", "a/b", "a;b",
                "a?b", "a%b", "a&b", "Ann", "É",
            ],
            &["ann@x.org", "a.b-c_d", "é", "1"],
        ),
        (
            Product::Confluence,
            Subject::Group,
            &["Team", "a/b", "ÉTÉ", "a%b"],
            &["confluence-users", "a b", "été", "a+b"],
        ),
        (
            Product::Bitbucket,
            Subject::User,
            &["a/b", "a\\b", "a?b", "a#b", "a%b", "a;b"],
            &["ann@x.org", "Ann", "a b", "a+b"],
        ),
        (Product::Bitbucket, Subject::Group, &["a/b", "50%"], &["Team X", "a&b", "stash-users"]),
        (Product::Bamboo, Subject::User, &["Ann", "a/b", "a#b"], &["ann@x.org", "a b"]),
        (
            Product::Bamboo,
            Subject::Group,
            &["Team", "a b", "a+b", "é", "a/b", "#a"],
            &["bamboo-admin", "a@b.c_d-1"],
        ),
        (Product::Fisheye, Subject::User, &["a/b", "a?b"], &["ann@x.org", "Ann"]),
        (Product::Crowd, Subject::Group, &["a/b", "a;b"], &["Team", "a b"]),
        (
            Product::Gitlab,
            Subject::User,
            &["ann@x.org", "-ann", "ann.git", "a b", "é"],
            &["ann", "Ann", "a.b_c-d"],
        ),
        (Product::Gitlab, Subject::Group, &[], &["a/b", "Team"]),
        (Product::Jenkins, Subject::User, &[], &["a<b", "a/b"]),
        (Product::Nexus, Subject::User, &[], &["a<b"]),
        (Product::Other, Subject::User, &[], &["a<b", "Ann"]),
    ];

    #[test]
    fn each_product_refuses_what_its_sources_say() {
        for (product, subject, refused, taken) in CASES {
            let names = |name: &&&str| refusals(*product, *subject, name).next().is_some();
            let wrong: Vec<_> = refused.iter().filter(|name| !names(name)).collect();
            assert!(wrong.is_empty(), "{product:?} {subject:?} should refuse {wrong:?}");
            let wrong: Vec<_> = taken.iter().filter(names).collect();
            assert!(wrong.is_empty(), "{product:?} {subject:?} should take {wrong:?}");
        }
        for rule in RULES {
            assert!(rule.source.starts_with("https://"), "{rule:?}");
            assert!(!rule.products.is_empty(), "{rule:?}");
        }
    }

    #[test]
    fn names_of_255_units_are_taken_and_longer_ones_break_the_synchronisation() {
        for (name, refused) in [
            ("a".repeat(255), false),
            ("a".repeat(256), true),
            ("😀".repeat(127), false),
            ("😀".repeat(128), true),
        ] {
            for product in ATLASSIAN {
                for subject in [Subject::User, Subject::Group] {
                    let found = refusals(*product, subject, &name)
                        .any(|rule| matches!(rule.refusal, Refusal::LongerThan(_)));
                    assert_eq!(found, refused, "{product:?} {subject:?}");
                }
            }
        }
    }

    #[test]
    fn a_survey_counts_for_each_product_that_is_read_from() {
        let users = ["ann", "r&d", "a+b"];
        let groups = ["Team", "jira-users"];
        assert_eq!(survey(&[], users, groups), []);
        assert_eq!(survey(&[Product::Other, Product::Nexus], users, groups), []);
        let found = survey(&[Product::Jira, Product::Confluence], users, groups);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.product.key(), one.subject, one.count, one.names.join(" ")))
            .collect();
        let expected = [
            ("jira", Subject::User, 1, "r&d".to_owned()),
            ("confluence", Subject::User, 1, "a+b".to_owned()),
            ("confluence", Subject::User, 1, "r&d".to_owned()),
            ("confluence", Subject::Group, 1, "Team".to_owned()),
        ];
        assert_eq!(told, expected);
        let many: Vec<String> = (0..1_000).map(|no| format!("a&{no:04}")).collect();
        let found = survey(&[Product::Jira], many.iter().rev().map(String::as_str), []);
        assert_eq!((found[0].count, found[0].names.len()), (1_000, NAMES_MAX));
        assert_eq!(found[0].names[0], "a&0000");
    }

    #[test]
    fn keys_are_what_is_serialised() {
        for product in Product::ALL {
            let json = serde_json::to_string(&product).unwrap();
            assert_eq!(json, format!("\"{}\"", product.key()));
            assert_eq!(Product::of_key(&product.key().to_uppercase()), Some(product));
        }
        assert_eq!(Product::of_key("sharepoint"), None);
    }
}
