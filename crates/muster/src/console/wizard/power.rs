//! Groups whose names give power in products: the wizard asks of each before the first synchronisation.
//!
//! Invariants: what was not asked about waits; an answer holds for the group of that id and for no other.

use std::{collections::BTreeMap, sync::Arc};

use directory::{
    decisions::Node,
    id::{Millis, ProviderId},
    mirror::Mirror,
    plan::HeldItem,
    report::GuardKind,
    rules::{Rules, choice::GroupChoice, compiled::Compiled},
};

use super::reading::Read;
use crate::{
    app::App,
    console::page::sentence,
    task::{
        commit::{self, Choice, Decision, Step, what_if::afresh},
        keeper::Keeper,
    },
};

/// How the fields begin in which the answers are sent; the group's id follows.
pub(super) const FIELD: &str = "power:";
/// The answer that a group is meant to have the power.
pub(super) const OURS: &str = "ours";

/// By the group's id, whether it is meant to have the power; otherwise it is left out.
pub(super) type Answers = BTreeMap<String, bool>;

/// A group that would be served under a name that gives power.
#[derive(Debug, Clone)]
pub(in crate::console) struct Powerful {
    pub(in crate::console) id: String,
    pub(in crate::console) name: String,
    /// What it would be, and with whom.
    pub(in crate::console) what: String,
}

impl Powerful {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            id: "1".to_owned(),
            name: "jira-administrators".to_owned(),
            what: "Would be served as jira-administrators, with ann.".to_owned(),
        }
    }
}

/// The groups with power among those that were read.
pub(super) async fn groups(read: Arc<Read>, rules: Rules) -> Vec<Powerful> {
    let planning = tokio::task::spawn_blocking(move || {
        let rules = Compiled::new(rules).ok();
        rules.map(|rules| among(&read.mirror, &rules, read.at())).unwrap_or_default()
    });
    planning.await.unwrap_or_default()
}

fn among(mirror: &Mirror, rules: &Compiled, now: Millis) -> Vec<Powerful> {
    let held = afresh(mirror, rules, now).preview.held;
    let items = held.into_iter().filter(|held| held.kind == GuardKind::Privileged);
    let groups = items.flat_map(|held| held.items).filter(is_group);
    let powerful = |item: HeldItem| Powerful {
        id: item.id.to_string(),
        what: sentence(&item.what),
        name: item.name,
    };
    groups.map(powerful).collect()
}

fn is_group(item: &HeldItem) -> bool {
    matches!(item.node, Node::Group(_))
}

/// Rules that leave out the groups that are not meant to have the power.
pub(super) fn without_the_others(mut rules: Rules, answers: &Answers) -> Rules {
    let others = answers.iter().filter(|(_, ours)| !**ours);
    let ids = others.filter_map(|(id, _)| ProviderId::parse(id).ok()).map(GroupChoice::Id);
    rules.groups.except.extend(ids);
    rules
}

/// Approves the groups that are meant to have the power, if nothing else of the kind waits.
pub(super) async fn approve(app: &App, keeper: &Keeper, answers: &Answers) -> anyhow::Result<()> {
    if !answers.values().any(|ours| *ours) {
        return Ok(());
    }
    let preview = commit::foretell(app, keeper, None).await?;
    let Some(held) = preview.held.into_iter().find(|held| held.kind == GuardKind::Privileged)
    else {
        return Ok(());
    };
    if !held.items.iter().all(|item| answers.get(&item.id.to_string()) == Some(&true)) {
        return Ok(());
    }
    let choice = Choice { digest: held.digest, kind: Some(held.kind) };
    let decision = Decision { approve: Some(choice), ..Decision::default() };
    commit::commit(app, keeper, Step::Decision(decision)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use directory::observation::{
        Attribute, Attributes, GroupKind, GroupMembers, GroupRecord, Listing, MemberSet,
        MembersListing, Observation, PersonKind, PersonRecord,
    };

    use super::*;

    fn id(text: &str) -> ProviderId {
        ProviderId::parse(text).unwrap()
    }

    fn group(text: &str, name: &str) -> GroupRecord {
        GroupRecord {
            id: id(text),
            kind: GroupKind::Security,
            hidden_members: false,
            attributes: Attributes::pack([(Attribute::DisplayName, name)]),
        }
    }

    #[test]
    fn groups_with_power_are_asked_about_and_those_that_are_not_ours_left_out() {
        let ann = PersonRecord {
            id: id("ann"),
            kind: PersonKind::Member,
            enabled: Some(true),
            attributes: Attributes::pack([(Attribute::Login, "ann")]),
        };
        let members = |of: &str| GroupMembers {
            group: id(of),
            listing: MembersListing::Complete(MemberSet {
                users: vec![id("ann")],
                groups: Vec::new(),
            }),
        };
        let groups =
            vec![group("a", "jira-administrators"), group("b", "crowd-users"), group("c", "team")];
        let observation = Observation {
            people: Listing::Complete(vec![ann]),
            groups: Listing::Complete(groups),
            members: vec![members("a"), members("b"), members("c")],
            ..Observation::default()
        };
        let mut mirror = Mirror::default();
        mirror.merge(&observation, Millis(1));
        let asked = |rules: Rules| -> Vec<(String, String)> {
            let asked = among(&mirror, &Compiled::new(rules).unwrap(), Millis(1));
            asked.into_iter().map(|group| (group.id, group.what)).collect()
        };
        let told =
            |name: &str, what: &str| format!("Would be served as {name}, which {what}, with ann.");
        assert_eq!(
            asked(Rules::default()),
            [
                ("a".to_owned(), told("jira-administrators", "administers Jira")),
                ("b".to_owned(), told("crowd-users", "gives access to Crowd")),
            ]
        );
        let answers = Answers::from([("a".to_owned(), false), ("b".to_owned(), true)]);
        let rules = without_the_others(Rules::default(), &answers);
        assert_eq!(rules.groups.except, [GroupChoice::Id(id("a"))]);
        assert_eq!(asked(rules).len(), 1, "what is left out is not asked about");
    }
}
