//! The rules of a directory: as they are, and what others would do before they are saved.
//!
//! Invariant: what the form does not show stays as it was.

use askama::Template;
use axum::{Form, extract::Path, response::Response};
use directory::{
    id::{DAY_MS, DirectoryId},
    observation::Attribute,
    rules::{
        Disabled, GroupRenames, Guests, Joiners, NestedGroups, Rules, Vanished, Who,
        choice::GroupChoice, compiled::Compiled, expression::Expression, limits::Limits,
        names::TextRule,
    },
    snapshot::Size,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Head, choices, found, frame, outlook::Outlook, runs::applied};
use crate::{
    api::{actions, directory::is_held, product_names},
    audit,
    console::{
        page::{Flash, Frame, Refusal, Visit, sentence, show},
        words::counted,
    },
    task::commit::what_if::what_if,
};

/// The largest number of people, groups or memberships that can be typed as a limit.
const COUNT_MAX: u32 = 100_000_000;
/// The longest grace period, in days.
const GRACE_DAYS_MAX: u32 = 3_650;

/// What a user name can be made of, and what that is called.
const USER_NAMES: [(TextRule, &str); 8] = [
    (
        TextRule::Attribute(Attribute::Login),
        "sign-in name (user principal name, primary address, login)",
    ),
    (TextRule::LocalPart(Attribute::Login), "sign-in name up to the @"),
    (TextRule::Attribute(Attribute::Mail), "mail address"),
    (TextRule::LocalPart(Attribute::Mail), "mail address up to the @"),
    (TextRule::Attribute(Attribute::MailNickname), "mail nickname"),
    (TextRule::Attribute(Attribute::OnPremisesSamAccountName), "on-premises account name"),
    (
        TextRule::Attribute(Attribute::OnPremisesUserPrincipalName),
        "on-premises user principal name",
    ),
    (TextRule::Attribute(Attribute::EmployeeId), "employee id"),
];

/// What a group's name can be made of.
const GROUP_NAMES: [(TextRule, &str); 3] = [
    (TextRule::Attribute(Attribute::DisplayName), "its name"),
    (TextRule::Attribute(Attribute::MailNickname), "local part of its address"),
    (TextRule::Attribute(Attribute::Mail), "its address"),
];

/// What becomes of people who left, what that is called in the form, and in words.
const VANISHED: [(Vanished, &str, &str); 4] = [
    (Vanished::Removed, "removed", "are inactive at once, and removed after the days of grace"),
    (Vanished::KeptInactive, "kept_inactive", "are inactive at once, and kept for good"),
    (
        Vanished::Anonymised,
        "anonymised",
        "are inactive at once, and nameless after the days of grace; undone when they return",
    ),
    (Vanished::Kept, "kept", "are kept as they were"),
];

/// Whether people who come into groups with power wait, what that is called in the form, and in words.
const JOINERS: [(Joiners, &str, &str); 3] = [
    (Joiners::Wait, "wait", "wait for you, in protected groups too"),
    (
        Joiners::AdministratorsWait,
        "administrators_wait",
        "wait for you only where the group administers a product",
    ),
    (Joiners::Flow, "flow", "are served at once"),
];

/// What the form of rules sends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::console) struct RulesForm {
    /// The mark of the rules that the form was made of.
    #[serde(default)]
    seen: String,
    #[serde(default)]
    user_name: String,
    #[serde(default)]
    group_name: String,
    /// One choice a line.
    groups_only: Option<String>,
    /// One choice a line.
    groups_except: Option<String>,
    #[serde(default)]
    who: String,
    /// One choice a line.
    members_of: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    guests: String,
    #[serde(default)]
    disabled: String,
    #[serde(default)]
    vanished: String,
    #[serde(default)]
    nested_groups: String,
    #[serde(default)]
    group_renames: String,
    #[serde(default)]
    grace_days: String,
    #[serde(default)]
    leaving_percent: String,
    #[serde(default)]
    leaving_min: String,
    #[serde(default)]
    leaving_max: String,
    #[serde(default)]
    groups_percent: String,
    #[serde(default)]
    groups_min: String,
    #[serde(default)]
    groups_max: String,
    #[serde(default)]
    memberships_percent: String,
    #[serde(default)]
    memberships_min: String,
    #[serde(default)]
    memberships_max: String,
    #[serde(default)]
    emptied_group_min: String,
    #[serde(default)]
    renames_percent: String,
    #[serde(default)]
    joiners: String,
    /// `preview` or `save`.
    #[serde(default)]
    then: String,
}

impl RulesForm {
    /// These rules with what was typed; names the field that cannot be used.
    pub(in crate::console) fn on(&self, rules: &Rules) -> Result<Rules, String> {
        let mut rules = rules.clone();
        if let Some(rule) = known(&USER_NAMES, &self.user_name) {
            rules.user_name = rule;
        }
        if let Some(rule) = known(&GROUP_NAMES, &self.group_name) {
            rules.group_name = rule;
        }
        self.scope(&mut rules)?;
        match self.guests.as_str() {
            "included" => rules.guests = Guests::Included,
            "excluded" => rules.guests = Guests::Excluded,
            _ => {}
        }
        match self.disabled.as_str() {
            "inactive" => rules.disabled = Disabled::Inactive,
            "left_out" => rules.disabled = Disabled::LeftOut,
            _ => {}
        }
        if let Some((vanished, ..)) = VANISHED.iter().find(|(_, key, _)| *key == self.vanished) {
            rules.vanished = *vanished;
        }
        match self.nested_groups.as_str() {
            "kept" => rules.nested_groups = NestedGroups::Kept,
            "flattened" => rules.nested_groups = NestedGroups::Flattened,
            _ => {}
        }
        match self.group_renames.as_str() {
            "keep_accepted" => rules.group_renames = GroupRenames::KeepAccepted,
            "follow" => rules.group_renames = GroupRenames::Follow,
            _ => {}
        }
        if !self.grace_days.is_empty() {
            let days = number(&self.grace_days, "The days of grace", GRACE_DAYS_MAX)?;
            rules.grace_ms = i64::from(days) * DAY_MS;
        }
        if let Some((joiners, ..)) = JOINERS.iter().find(|(_, key, _)| *key == self.joiners) {
            rules.protected.joiners = *joiners;
        }
        let limits = &mut rules.limits;
        let shares = [
            (&self.leaving_percent, "People leaving", &mut limits.leaving_share),
            (&self.groups_percent, "Groups removed", &mut limits.groups_share),
            (&self.memberships_percent, "Memberships lost", &mut limits.memberships_share),
            (&self.renames_percent, "Renames", &mut limits.renames_share),
        ];
        for (text, what, share) in shares.into_iter().filter(|(text, ..)| !text.is_empty()) {
            *share = hundredths(text, what)?;
        }
        let counts = [
            (&self.leaving_min, "The smallest number of people leaving", &mut limits.leaving_min),
            (&self.leaving_max, "The largest number of people leaving", &mut limits.leaving_max),
            (&self.groups_min, "The smallest number of groups", &mut limits.groups_min),
            (&self.groups_max, "The largest number of groups", &mut limits.groups_max),
            (
                &self.memberships_min,
                "The smallest number of memberships",
                &mut limits.memberships_min,
            ),
            (
                &self.memberships_max,
                "The largest number of memberships",
                &mut limits.memberships_max,
            ),
            (&self.emptied_group_min, "The size of a group", &mut limits.emptied_group_min),
        ];
        for (text, what, least) in counts.into_iter().filter(|(text, ..)| !text.is_empty()) {
            // What the form shows and nobody touched may be larger than what may be typed.
            if text.trim() != least.to_string() {
                *least = number(text, what, COUNT_MAX)?;
            }
        }
        Ok(rules)
    }

    /// Which groups and people.
    fn scope(&self, rules: &mut Rules) -> Result<(), String> {
        if let Some(lines) = &self.groups_only {
            rules.groups.only = choices::read(lines)?;
        }
        if let Some(lines) = &self.groups_except {
            rules.groups.except = choices::read(lines)?;
        }
        let people = &mut rules.people;
        match self.who.as_str() {
            "everybody" => people.who = Who::Everybody,
            "members_of_served_groups" => people.who = Who::MembersOfServedGroups,
            "members_of" => {
                let groups = choices::read(self.members_of.as_deref().unwrap_or_default())?;
                if groups.is_empty() {
                    return Err("Which groups' members? One group a line, please.".to_owned());
                }
                people.who = Who::MembersOf(groups);
            }
            _ => {}
        }
        if let Some(filter) = &self.filter {
            let filter = filter.trim();
            people.filter = (!filter.is_empty()).then(|| Expression(filter.to_owned()));
        }
        Ok(())
    }
}

fn disabled(rule: Disabled) -> &'static str {
    match rule {
        Disabled::Inactive => "inactive",
        Disabled::LeftOut => "left_out",
    }
}

fn number(text: &str, what: &str, most: u32) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("{what}: a whole number from 0 to {most}, please."))
}

/// Percent with up to two decimals, in hundredths.
fn hundredths(text: &str, what: &str) -> Result<u32, String> {
    let (whole, part) = text.trim().split_once(['.', ',']).unwrap_or((text.trim(), ""));
    let digits = part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
    let share = (digits && !whole.starts_with('+')).then(|| {
        let part: u32 = format!("{part:0<2}").parse().ok()?;
        Some(whole.parse::<u32>().ok()?.checked_mul(100)? + part)
    });
    let share = share.flatten().filter(|share| *share <= 10_000);
    share.ok_or_else(|| {
        format!("{what}: percent from 0 to 100, with two decimals at the most, please.")
    })
}

/// Hundredths of a percent, as percent.
fn percent(share: u32) -> String {
    (f64::from(share) / 100.0).to_string()
}

/// What limits come to in a directory of this size.
pub(super) fn resulting(limits: &Limits, size: Size) -> String {
    format!(
        "More than {} leaving, {} removed or {} lost within a day wait for you.",
        counted(limits.leaving().passing(size.users), "person"),
        counted(limits.groups().passing(size.groups), "group"),
        counted(limits.memberships().passing(size.memberships + size.nestings), "membership")
    )
}

fn known(known: &[(TextRule, &str)], wanted: &str) -> Option<TextRule> {
    known.iter().map(|(rule, _)| rule).find(|rule| key(rule) == wanted).cloned()
}

/// What a rule is called in the form; none for one that the form cannot make.
fn key(rule: &TextRule) -> String {
    match rule {
        TextRule::Attribute(attribute) => attribute.as_str().to_owned(),
        TextRule::LocalPart(attribute) => format!("{}@", attribute.as_str()),
        TextRule::Expression(_) => String::new(),
    }
}

/// One of several.
#[derive(Debug, Clone)]
pub(in crate::console) struct Choice {
    pub(in crate::console) value: String,
    pub(in crate::console) label: String,
    pub(in crate::console) chosen: bool,
}

/// Where the form shows the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum LimitFields {
    /// Behind a heading.
    Folded,
    /// As a question, in the wizard.
    Asked,
}

/// Rules as the form shows them.
#[derive(Debug, Clone)]
pub(in crate::console) struct Shown {
    pub(in crate::console) user_names: Vec<Choice>,
    pub(in crate::console) group_names: Vec<Choice>,
    pub(in crate::console) groups_only: String,
    pub(in crate::console) groups_except: String,
    /// `everybody`, `members_of_served_groups` or `members_of`.
    pub(in crate::console) who: &'static str,
    pub(in crate::console) members_of: String,
    pub(in crate::console) filter: String,
    pub(in crate::console) guests: bool,
    /// `inactive` or `left_out`.
    pub(in crate::console) disabled: &'static str,
    pub(in crate::console) vanished: Vec<Choice>,
    pub(in crate::console) flattened: bool,
    pub(in crate::console) follows: bool,
    pub(in crate::console) grace_days: i64,
    pub(in crate::console) leaving_percent: String,
    pub(in crate::console) leaving_min: u32,
    pub(in crate::console) leaving_max: u32,
    pub(in crate::console) groups_percent: String,
    pub(in crate::console) groups_min: u32,
    pub(in crate::console) groups_max: u32,
    pub(in crate::console) memberships_percent: String,
    pub(in crate::console) memberships_min: u32,
    pub(in crate::console) memberships_max: u32,
    pub(in crate::console) emptied_group_min: u32,
    pub(in crate::console) renames_percent: String,
    pub(in crate::console) limits: LimitFields,
    pub(in crate::console) joiners: Vec<Choice>,
    /// All rules, those too that the form does not show.
    pub(in crate::console) text: String,
}

impl Shown {
    pub(in crate::console) fn of(rules: &Rules) -> Self {
        let of_texts = |known: &[(TextRule, &str)], now: &TextRule| -> Vec<Choice> {
            let choice = |(rule, label): &(TextRule, &str)| Choice {
                value: key(rule),
                label: (*label).to_owned(),
                chosen: rule == now,
            };
            let mut choices: Vec<Choice> = known.iter().map(choice).collect();
            if !choices.iter().any(|choice| choice.chosen) {
                // What this form cannot make stays, unless something else is chosen.
                let label = "as it is (see all rules below)".to_owned();
                choices.insert(0, Choice { value: String::new(), label, chosen: true });
            }
            choices
        };
        let (who, members_of): (_, &[GroupChoice]) = match &rules.people.who {
            Who::Everybody => ("everybody", &[]),
            Who::MembersOfServedGroups => ("members_of_served_groups", &[]),
            Who::MembersOf(groups) => ("members_of", groups),
        };
        let vanished = VANISHED.iter().map(|(vanished, value, label)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: *vanished == rules.vanished,
        });
        let joiners = JOINERS.iter().map(|(joiners, value, label)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: *joiners == rules.protected.joiners,
        });
        Self {
            user_names: of_texts(&USER_NAMES, &rules.user_name),
            group_names: of_texts(&GROUP_NAMES, &rules.group_name),
            groups_only: choices::write(&rules.groups.only),
            groups_except: choices::write(&rules.groups.except),
            who,
            members_of: choices::write(members_of),
            filter: rules
                .people
                .filter
                .as_ref()
                .map_or_else(String::new, |filter| filter.0.clone()),
            guests: rules.guests == Guests::Included,
            disabled: disabled(rules.disabled),
            vanished: vanished.collect(),
            flattened: rules.nested_groups == NestedGroups::Flattened,
            follows: rules.group_renames == GroupRenames::Follow,
            grace_days: rules.grace_ms / DAY_MS,
            leaving_percent: percent(rules.limits.leaving_share),
            leaving_min: rules.limits.leaving_min,
            leaving_max: rules.limits.leaving_max,
            groups_percent: percent(rules.limits.groups_share),
            groups_min: rules.limits.groups_min,
            groups_max: rules.limits.groups_max,
            memberships_percent: percent(rules.limits.memberships_share),
            memberships_min: rules.limits.memberships_min,
            memberships_max: rules.limits.memberships_max,
            emptied_group_min: rules.limits.emptied_group_min,
            renames_percent: percent(rules.limits.renames_share),
            limits: LimitFields::Folded,
            joiners: joiners.collect(),
            text: serde_json::to_string_pretty(rules).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "directory/rules.html")]
pub(in crate::console) struct RulesPage {
    frame: Frame,
    head: Head,
    rules: Shown,
    /// What tells the rules that the page was made of from others.
    seen: String,
    /// Says that the limits are an earlier version's defaults.
    limits_notice: Option<String>,
    outlook: Option<String>,
}

impl RulesPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            frame: Frame::sample(),
            head: Head::sample("rules"),
            rules: Shown::of(&Rules::default()),
            seen: "abc".to_owned(),
            limits_notice: Some("The limits are old.".to_owned()),
            outlook: Some(Outlook::sample().html()),
        }
    }
}

pub(in crate::console) async fn form(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "rules").await?;
    let rules = Shown::of(&detail.rules);
    let seen = mark(&detail.rules);
    let limits_notice = detail.limits_notice.as_deref().map(sentence);
    let frame = frame(&visit, &head, "Rules");
    show(&RulesPage { frame, head, rules, seen, limits_notice, outlook: None })
}

/// What the typed rules would do, as a piece of a page.
pub(in crate::console) async fn preview(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<RulesForm>,
) -> Result<Response, Refusal> {
    let (detail, _) = found(&visit, &name, "rules").await?;
    show(&outlook(&visit, DirectoryId(detail.summary.id), typed.on(&detail.rules)).await?)
}

/// All rules, as the text that the documentation describes.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct TextForm {
    text: String,
    #[serde(default)]
    seen: String,
    /// `preview` or `save`.
    #[serde(default)]
    then: String,
}

impl TextForm {
    fn rules(&self) -> Result<Rules, String> {
        let rules = serde_json::from_str(&self.text);
        rules.map_err(|problem| sentence(&format!("the text is not rules: {problem}")))
    }
}

/// What the rules in a text would do, as a piece of a page.
pub(in crate::console) async fn preview_text(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<TextForm>,
) -> Result<Response, Refusal> {
    let (detail, _) = found(&visit, &name, "rules").await?;
    show(&outlook(&visit, DirectoryId(detail.summary.id), typed.rules()).await?)
}

pub(in crate::console) async fn save_text(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<TextForm>,
) -> Result<Response, Refusal> {
    let save = typed.then == "save";
    let seen = typed.seen.clone();
    Box::pin(settle(&visit, &name, (typed.rules(), typed.text), save.then_some(seen))).await
}

async fn outlook(
    visit: &Visit,
    id: DirectoryId,
    rules: Result<Rules, String>,
) -> Result<Outlook, Refusal> {
    let rules = match rules {
        Ok(rules) => rules,
        Err(problem) => return Ok(Outlook::problem(problem)),
    };
    let Some(keeper) = visit.app().keeper(id) else {
        return Err(Refusal::not_found("directory of that name"));
    };
    match Compiled::new(rules) {
        Ok(rules) => {
            let seen = what_if(visit.app(), &keeper, rules).await?;
            let refused = product_names::then(visit.app(), id, &seen.preview).await?;
            Ok(Outlook::of(&seen, false).with_refused(&refused))
        }
        Err(problem) => Ok(Outlook::problem(sentence(&problem.to_string()))),
    }
}

pub(in crate::console) async fn save(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<RulesForm>,
) -> Result<Response, Refusal> {
    let (detail, _) = found(&visit, &name, "rules").await?;
    let rules = typed.on(&detail.rules);
    let text = Shown::of(rules.as_ref().unwrap_or(&detail.rules)).text;
    let save = typed.then == "save";
    Box::pin(settle(&visit, &name, (rules, text), save.then_some(typed.seen))).await
}

/// Replaces limits that are an earlier version's defaults by those of new directories.
pub(in crate::console) async fn usual_limits(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<Seen>,
) -> Result<Response, Refusal> {
    let (detail, _) = found(&visit, &name, "rules").await?;
    let limits = detail.rules.limits.without_former_defaults();
    let rules = Rules { limits, ..detail.rules };
    let text = Shown::of(&rules).text;
    Box::pin(settle(&visit, &name, (Ok(rules), text), Some(typed.seen))).await
}

/// The rules that a page was made of, by their mark.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Seen {
    #[serde(default)]
    seen: String,
}

/// What tells rules from others.
fn mark(rules: &Rules) -> String {
    let text = serde_json::to_string(rules).unwrap_or_default();
    let digest = crate::entropy::digest(&text);
    format!("{:016x}", u64::from_be_bytes(digest[..8].try_into().unwrap_or_default()))
}

/// Saves rules over those with the mark `save`, or shows what they would do; what was typed stands in the page either
/// way.
async fn settle(
    visit: &Visit,
    name: &str,
    (rules, text): (Result<Rules, String>, String),
    save: Option<String>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(visit, name, "rules").await?;
    let seen = mark(&detail.rules);
    let refused = match &rules {
        Ok(rules) => {
            Compiled::new(rules.clone()).err().map(|problem| sentence(&problem.to_string()))
        }
        Err(problem) => Some(problem.clone()),
    };
    let changed = save.as_ref().is_some_and(|save| !save.is_empty() && *save != seen);
    let rules = match (rules, refused) {
        (Ok(rules), None) if save.is_some() && !changed => rules,
        (rules, refused) => {
            let shown = Shown { text, ..Shown::of(rules.as_ref().unwrap_or(&detail.rules)) };
            let looked = refused.map_or(rules, Err);
            let outlook = Box::pin(outlook(visit, DirectoryId(detail.summary.id), looked)).await?;
            let outlook = Some(outlook.html());
            let mut frame = frame(visit, &head, "Rules");
            if changed {
                let text = "Somebody saved other rules since this page was opened. What you chose stands here still: look \
                            at what it would do now, and save again if that is what you want.";
                frame.flash = Some(Flash { good: false, text: text.to_owned() });
            }
            let limits_notice = detail.limits_notice.as_deref().map(sentence);
            return show(&RulesPage { frame, head, rules: shown, seen, limits_notice, outlook });
        }
    };
    let report = actions::set_rules(visit.app(), name, rules.clone()).await?;
    let change = json!({"before": detail.rules, "after": rules});
    audit::record(visit.app(), &visit.actor(), "directory.rules", &head.name, change).await;
    if head.pin.is_some() {
        let text = "The rules are saved. They wait until the directory follows its provider again.";
        return Ok(visit.done(&format!("{}/rules", head.path), text));
    }
    let done = applied(&report.applied);
    if is_held(&report) {
        let kinds = counted(report.held.len() as u64, "kind");
        let text = format!("The rules are saved. {done}; {kinds} of change wait for an approval.");
        return Ok(visit.done(&format!("{}/waiting", head.path), text));
    }
    Ok(visit.done(&format!("{}/rules", head.path), format!("The rules are saved: {done}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_rules() {
        let form = RulesForm {
            user_name: "mail".to_owned(),
            guests: "included".to_owned(),
            grace_days: "3".to_owned(),
            leaving_percent: "5".to_owned(),
            leaving_max: "0".to_owned(),
            groups_percent: "2,5".to_owned(),
            memberships_percent: "0.07".to_owned(),
            memberships_max: "12".to_owned(),
            ..RulesForm::default()
        };
        let rules = form.on(&Rules::default()).unwrap();
        assert_eq!(rules.user_name, TextRule::Attribute(Attribute::Mail));
        assert_eq!((rules.guests, rules.grace_ms), (Guests::Included, 3 * DAY_MS));
        assert_eq!((rules.limits.leaving_share, rules.limits.leaving_max), (500, 0));
        assert_eq!((rules.limits.groups_share, rules.limits.memberships_share), (250, 7));
        assert_eq!((rules.limits.leaving_min, rules.limits.memberships_max), (10, 12));
        for wrong in ["101", "1.234", "-1", "many", "1.x", ""] {
            assert!(hundredths(wrong, "Share").is_err(), "{wrong}");
        }
        // What stands in the form is what it makes, whatever the limits are.
        let odd = Limits { leaving_share: 233, groups_min: u32::MAX, ..Limits::default() };
        let shown = Shown::of(&Rules { limits: odd.clone(), ..Rules::default() });
        let form_again = RulesForm {
            leaving_percent: shown.leaving_percent,
            groups_min: shown.groups_min.to_string(),
            ..RulesForm::default()
        };
        let again = form_again.on(&Rules { limits: odd.clone(), ..Rules::default() }).unwrap();
        assert_eq!(again.limits, odd);
        assert_eq!(rules.nested_groups, NestedGroups::Kept, "what is not shown stays");
        let wrong = RulesForm { grace_days: "soon".to_owned(), ..form };
        assert!(wrong.on(&Rules::default()).unwrap_err().contains("days of grace"));
    }
}
