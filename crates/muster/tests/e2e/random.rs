//! Random edits of a simulated tenant, and the comparison of what products have with what they should have.

use serde_json::{Value, json};

use crate::expected::{Copy, Truth};

/// SplitMix64, seeded.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below another.
    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((x ^ (x >> 31)) % below as u64).unwrap()
    }
}

/// How many of each kind the limits of 24 hours still allow, and how many names there are.
pub(crate) struct Budget {
    pub(crate) leaving: u32,
    pub(crate) renames: u32,
    pub(crate) groups_removed: u32,
    pub(crate) reactivations: u32,
    pub(crate) names: usize,
    pub(crate) domain: &'static str,
}

impl Budget {
    /// Everything goes, with few names, so that they meet.
    pub(crate) fn unlimited(names: usize) -> Self {
        let all = u32::MAX;
        Self {
            leaving: all,
            renames: all,
            groups_removed: all,
            reactivations: all,
            names,
            domain: "contoso.example",
        }
    }

    fn take(count: &mut u32) -> bool {
        let left = *count > 0;
        *count = count.saturating_sub(1);
        left
    }
}

/// One random edit as method, path and body; `None` when its budget is used up.
pub(crate) fn edit(
    dice: &mut Dice,
    truth: &Truth,
    budget: &mut Budget,
    bin: &mut Vec<String>,
) -> Option<(&'static str, String, Value)> {
    let user = truth.users[dice.roll(truth.users.len())].clone();
    let group = truth.groups[dice.roll(truth.groups.len())].clone();
    let other = truth.groups[dice.roll(truth.groups.len())].clone();
    let number = dice.roll(budget.names);
    let person = format!("users/{}", user.id);
    let domain = budget.domain;
    Some(match dice.roll(16) {
        0 => {
            let body = json!({"login": format!("New.{number}@{domain}"), "display_name": format!("Né {number}"),
                "first_name": "Né", "last_name": "<&\">", "email": format!("n{number}@{domain}")});
            ("POST", "users".to_owned(), body)
        }
        1 if Budget::take(&mut budget.renames) => {
            ("PATCH", person, json!({"login": format!("renamed.{number}@{domain}")}))
        }
        2 => (
            "PATCH",
            person,
            json!({"display_name": format!("Changed {number}"), "last_name": "Ōhara"}),
        ),
        3 => ("PATCH", person, json!({"email": format!("other{number}@{domain}")})),
        4 if user.active && !user.guest && Budget::take(&mut budget.leaving) => {
            ("PATCH", person, json!({"active": false}))
        }
        5 if !user.active && !user.guest && Budget::take(&mut budget.reactivations) => {
            ("PATCH", person, json!({"active": true}))
        }
        6 if Budget::take(&mut budget.leaving) => {
            bin.push(user.id.clone());
            ("DELETE", person, Value::Null)
        }
        7 if !bin.is_empty() && Budget::take(&mut budget.reactivations) => {
            let id = bin.swap_remove(dice.roll(bin.len()));
            ("POST", format!("users/{id}/restore"), Value::Null)
        }
        8 => (
            "POST",
            "groups".to_owned(),
            json!({"name": format!("Group {number}"), "description": "made <now>"}),
        ),
        9 => {
            ("PATCH", format!("groups/{}", group.id), json!({"name": format!("Renamed {number}")}))
        }
        10 => (
            "PATCH",
            format!("groups/{}", group.id),
            json!({"description": format!("text {number}")}),
        ),
        11 if Budget::take(&mut budget.groups_removed) && group.users.len() < 20 => {
            ("DELETE", format!("groups/{}", group.id), Value::Null)
        }
        12 | 13 => ("PUT", format!("groups/{}/users/{}", group.id, user.id), Value::Null),
        14 if !group.users.is_empty() => {
            let member = &group.users[dice.roll(group.users.len())];
            ("DELETE", format!("groups/{}/users/{member}", group.id), Value::Null)
        }
        15 if group.id != other.id => {
            ("PUT", format!("groups/{}/groups/{}", group.id, other.id), Value::Null)
        }
        _ => return None,
    })
}

pub(crate) fn assert_same(found: &Copy, expected: &Copy, when: &str) {
    for (name, person) in &expected.users {
        assert_eq!(found.users.get(name), Some(person), "{when}: {name}");
    }
    let extra: Vec<&String> =
        found.users.keys().filter(|name| !expected.users.contains_key(*name)).collect();
    assert!(extra.is_empty(), "{when}: people too many: {extra:?}");
    assert_eq!(found.groups, expected.groups, "{when}");
    let missing: Vec<_> = expected.members.difference(&found.members).collect();
    let extra: Vec<_> = found.members.difference(&expected.members).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{when}: memberships missing {missing:?}, too many {extra:?}"
    );
    assert_eq!(found.nested, expected.nested, "{when}");
}
