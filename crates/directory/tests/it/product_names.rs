//! What is proposed to mend names does mend them: rules with the proposed lines make names that the product takes.

use directory::{
    id::{GroupNo, UserNo},
    product_names::{NameRule, Product, RULES, RefusedNames, Subject, survey},
};
use serde_json::{Value, json};

use crate::house::settle;

const USERS: [&str; 16] = [
    "ann",
    "Ann.Other",
    "a<b",
    "a>b",
    "r&d",
    "a+b",
    "a,b",
    "a\\b",
    "o'hara",
    "a\"b",
    "a#b",
    "a b",
    "a/b;c",
    "50%?",
    "-dash",
    "x.git",
];
const GROUPS: [&str; 8] = ["team", "Team X", "R&D", "<x>", "a,b", "a/b\\c", "50% #1?", "Été;"];

/// The proposed lines as the rules' JSON.
fn mended(rules: &str, mend: &str) -> String {
    let mut all: Value = serde_json::from_str(rules).unwrap();
    let text =
        |line: &str| -> Value { serde_json::from_str(line.split_once(" = ").unwrap().1).unwrap() };
    let lines: Vec<&str> = mend.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        match lines[at] {
            "[[replace.user_name]]" => {
                let one = json!({"pattern": text(lines[at + 1]), "with": text(lines[at + 2])});
                push(&mut all["replace"]["user_name"], one);
                at += 3;
            }
            "[[group_names.renames]]" => {
                let one = json!({"from": text(lines[at + 1]), "to": text(lines[at + 2])});
                push(&mut all["group_names"]["renames"], one);
                at += 3;
            }
            "[[group_names.replace]]" => {
                let one = json!({"pattern": text(lines[at + 1]), "with": text(lines[at + 2])});
                push(&mut all["group_names"]["replace"], one);
                at += 3;
            }
            line => {
                let (key, _) = line.split_once(" = ").unwrap();
                all[key] = text(line);
                at += 1;
            }
        }
    }
    all.to_string()
}

fn push(list: &mut Value, one: Value) {
    match list {
        Value::Array(all) => all.push(one),
        other => *other = json!([one]),
    }
}

fn found(rules: &str, product: Product) -> Vec<RefusedNames> {
    let people = USERS.iter().enumerate().map(|(no, name)| format!("u{no} | login {name}"));
    let groups = GROUPS.iter().enumerate().map(|(no, name)| format!("[g{no}] | name {name}"));
    let text: Vec<String> = people.chain(groups).collect();
    let bench = settle(rules, &text.join("\n"));
    let users: Vec<(UserNo, String)> =
        bench.served.users_from(0).map(|(no, user)| (no, user.name().to_owned())).collect();
    let groups: Vec<(GroupNo, String)> =
        bench.served.groups_from(0).map(|(no, group)| (no, group.name().to_string())).collect();
    survey(
        &[product],
        users.iter().map(|(_, name)| name.as_str()),
        groups.iter().map(|(_, name)| name.as_str()),
    )
}

fn rule_of(one: &RefusedNames) -> &'static NameRule {
    let of = |rule: &&NameRule| {
        rule.subject == one.subject
            && one.effect.ends_with(rule.effect)
            && rule.source == one.source
    };
    RULES.iter().find(of).unwrap()
}

#[test]
fn rules_with_the_proposed_lines_make_names_that_products_take() {
    let mut mended_rules = 0;
    for rules in [
        r#"{"user_name_case":"kept"}"#,
        r#"{"user_name":{"local_part":"login"},"user_name_case":"kept"}"#,
        r#"{"user_name":{"expression":"user.login + ''"},"user_name_case":"kept"}"#,
    ] {
        for product in Product::ALL {
            for one in found(rules, product) {
                let (rule, mend) = (rule_of(&one), one.mend.clone().unwrap());
                let rules = mended(rules, &mend);
                let left: Vec<String> = found(&rules, product)
                    .into_iter()
                    .filter(|left| rule_of(left) == rule)
                    .flat_map(|left| left.names)
                    .collect();
                assert!(left.is_empty(), "{product:?} {rule:?}\n{mend}\nleaves {left:?}");
                mended_rules += 1;
            }
        }
    }
    assert!(mended_rules > 30, "{mended_rules}");
    assert!(found("{}", Product::Bamboo).iter().any(|one| one.subject == Subject::Group));
}
