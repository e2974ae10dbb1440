//! Texts as they are served: clean, whatever the provider says; replaced by patterns; and what is said of mistakes.

use directory::{observation::Attribute, rules::compiled::Compiled, text::clean};
use proptest::prelude::*;

use crate::house::{House, rules_of, settle, settle_house, user};

const ODD: &str = "[a-zA-Z \t\r\n\u{0}\u{7}\u{1b}\u{85}\u{a0}\u{ad}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2069}\u{3000}\u{feff}\u{fffe}\u{fe0f}ä😀عی👩]{0,16}";

proptest! {
    #[test]
    fn every_text_is_served_clean_and_kept_as_it_was_said(texts in prop::collection::vec(ODD, 5)) {
        let mut house = House::of("ann \n [g] | ann");
        let attributes =
            [Attribute::DisplayName, Attribute::Mail, Attribute::GivenName, Attribute::Surname];
        let values: Vec<(Attribute, &str)> =
            attributes.into_iter().zip(texts.iter().map(String::as_str)).collect();
        house.set_person("ann", &values);
        house.set_description("g", &texts[4]);
        let bench = settle_house("{}", &house);
        let ann = user(&bench, "ann@example.org");
        let served = [ann.display_name(), ann.email(), ann.first_name(), ann.last_name()];
        for (served, said) in served.iter().zip(&texts) {
            prop_assert_eq!(*served, clean(said));
            prop_assert_eq!(clean(served), *served);
        }
        let (no, group) = bench.served.groups_from(0).next().unwrap();
        prop_assert_eq!(group.description(), clean(&texts[4]));
        let kept = &bench.mirror.group(no).unwrap().record;
        let mut said = House::of("ann \n [g] | ann");
        said.set_description("g", &texts[4]);
        prop_assert_eq!(kept, said.group_record("g"));
    }
}

#[test]
fn what_an_expression_makes_is_cleaned_too() {
    let rules = r#"{"display_name":{"expression":"' ' + user.given_name + '\\n' + user.surname + '\\u200b '"},
        "mail":{"expression":"'  '"}}"#;
    let bench = settle(rules, "ann | first Ann | last Lee");
    let ann = user(&bench, "ann@example.org");
    assert_eq!((ann.display_name(), ann.email()), ("Ann Lee", ""));
}

#[test]
fn patterns_are_replaced_in_every_text_of_a_person() {
    for (rules, name, texts) in [
        (
            r#"{"replace":{"display_name":[{"pattern":"\\s*\\((?i:external)\\)$","with":""}]}}"#,
            "ann@example.org",
            ["Lee, Ann", "Ann@X.example", "Ann", "Lee"],
        ),
        (
            r#"{"replace":{"display_name":[{"pattern":"^(\\w+), (\\w+).*","with":"$2 $1"}],
                "mail":[{"pattern":"@.*$","with":"@example.com"}],
                "first_name":[{"pattern":"n+","with":"N"}],"last_name":[{"pattern":"e","with":"é"},{"pattern":"é+","with":"i"}]}}"#,
            "ann@example.org",
            ["Ann Lee", "Ann@example.com", "AN", "Li"],
        ),
        (
            r#"{"replace":{"user_name":[{"pattern":"@example\\.org$","with":""},{"pattern":"[#+,]","with":"_"}]}}"#,
            "ann",
            ["Lee, Ann (External)", "Ann@X.example", "Ann", "Lee"],
        ),
        (
            r#"{"display_name":{"expression":"user.display_name.regexReplace('[(),]', '').regexReplace(' +', ' ')"}}"#,
            "ann@example.org",
            ["Lee Ann External", "Ann@X.example", "Ann", "Lee"],
        ),
        (
            r##"{"user_names":[{"from":"ann@example.org","to":"b#s"}],"replace":{"user_name":[{"pattern":"#","with":"_"}]}}"##,
            "b#s",
            ["Lee, Ann (External)", "Ann@X.example", "Ann", "Lee"],
        ),
        (
            r#"{"display_name":{"expression":"' ' + user.display_name + ' '"},
                "replace":{"display_name":[{"pattern":"^Lee","with":"L"},{"pattern":"\\)$","with":""}]}}"#,
            "ann@example.org",
            ["L, Ann (External", "Ann@X.example", "Ann", "Lee"],
        ),
    ] {
        let bench = settle(
            rules,
            "ann | name Lee, Ann (External) | mail Ann@X.example | first Ann | last Lee",
        );
        let ann = user(&bench, name);
        let served = [ann.display_name(), ann.email(), ann.first_name(), ann.last_name()];
        assert_eq!(served, texts, "{rules}");
    }
}

#[test]
fn a_pattern_that_cannot_be_used_is_told_with_its_rule() {
    let replacement = |rule: &str| {
        format!(
            r#"{{"replace":{{"{rule}":[{{"pattern":"ok","with":""}},{{"pattern":"(x","with":""}}]}}}}"#
        )
    };
    let mut all: Vec<(String, String)> =
        ["user_name", "display_name", "mail", "first_name", "last_name"]
            .iter()
            .map(|rule| (replacement(rule), format!("replace.{rule}")))
            .collect();
    for (json, rule) in [
        (r#"{"group_names":{"replace":[{"pattern":"(x","with":""}]}}"#, "group_names.replace"),
        (r#"{"groups":{"only":[{"regex":"ok"},{"regex":"(x"}]}}"#, "groups.only"),
        (r#"{"groups":{"except":[{"regex":"(x"}]}}"#, "groups.except"),
        (r#"{"people":{"filter":"user.mail.matches('(x')"}}"#, "people.filter"),
        (r#"{"user_name":{"expression":"user.mail.regexReplace('(x', '')"}}"#, "user_name"),
    ] {
        all.push((json.to_owned(), rule.to_owned()));
    }
    for (json, rule) in all {
        let problems = Compiled::new(rules_of(&json)).unwrap_err().to_string();
        assert!(problems.contains(&format!("`{rule}`")), "{json}: {problems}");
        assert!(problems.contains("unclosed group, in `(x`"), "{json}: {problems}");
    }
    let rules = rules_of(r#"{"display_name":{"expression":"user.mail.replace('[#+,]', '')"}}"#);
    let warning = Compiled::new(rules).unwrap().warnings()[0].to_string();
    assert!(warning.contains("`display_name`") && warning.contains("regexReplace"), "{warning}");
}
