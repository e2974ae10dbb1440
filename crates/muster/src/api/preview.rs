//! What the next run would do, or what other rules would: counts, what waits, and person by person.
//!
//! Invariant: who looks changes nothing, and sees exactly what would be done now.

use axum::extract::State;
use directory::{
    decisions::{Digest, Node},
    figures::{Count, Exceptions},
    observation::Attribute,
    plan::{Issue, Reason, guard::Held},
    preview::{self, Effect, Page},
    product_names::RefusedNames,
    report::{Applied, GuardKind},
    rules::{Rules, compiled::Compiled, named::RuleName},
    snapshot::Size,
    text::visible,
};
use serde::{Deserialize, Serialize};
use store::Pin;
use utoipa::{IntoParams, ToSchema};

use super::{
    Problem,
    directory::refused,
    extract::{Json, Path, Query},
    product_names,
};
use crate::{
    app::App,
    service::connection::{keeper, named},
    task::commit,
};

/// Items listed of each kind that waits.
const ITEMS_MAX: usize = 1_000;
/// Names that look alike in one answer.
const LOOK_ALIKES_MAX: usize = 50;
/// Lines in one answer, unless asked for another number.
const LINES: usize = 100;
/// Lines in one answer at the most.
const LINES_MAX: usize = 10_000;

/// Which lines.
#[derive(Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Part of a name, of what the provider calls it, or the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// `user` or `group`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only lines with this effect, such as `deactivated` or `waits`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Lines that are left out at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// Lines at the most: 100 unless asked for another number, 10,000 at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What would happen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// What an approval of all that waits names; none when nothing waits.
    pub digest: Option<Digest>,
    /// The kinds that wait, each with its objects.
    pub held: Vec<PreviewKind>,
    /// How many changes would flow without anybody's approval.
    pub flowing: usize,
    /// What would flow, counted.
    pub applied: Applied,
    /// How many people and groups cannot be served.
    pub set_aside: u64,
    /// How many people and groups the provider tells of.
    #[serde(default)]
    pub told: Count,
    /// What is served now.
    #[serde(default)]
    pub size_before: Size,
    /// What would be served.
    #[serde(default)]
    pub size_after: Size,
    /// What would be served once all that waits was approved too.
    #[serde(default)]
    pub size_approved: Size,
    /// Who would not be served as the provider and the rules would have it.
    #[serde(default)]
    pub exceptions: Exceptions,
    /// What in rules that were given can be used and may not be what was meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Attributes that the rules read and that are known only from the next complete read on.
    pub pending: Vec<Attribute>,
    /// Where the directory was put back to; nothing of this happens while it stays there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// Names that products would refuse or change then, for each product that an application was made for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_names: Vec<RefusedNames>,
    /// Names in the rules that mean nobody, or several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule_names: Vec<RuleName>,
    /// Names that would look alike once all that waits was approved, and do not now; the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look_alikes: Vec<LookAlike>,
    /// The number of all such names.
    #[serde(default)]
    pub look_alikes_total: usize,
    /// Person by person and group by group, those that were asked for.
    pub page: Page,
}

/// A name that people may take for another one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LookAlike {
    /// `user` or `group`.
    pub kind: String,
    /// The provider's id.
    pub id: String,
    /// The name that products would see.
    pub name: String,
    /// The other name.
    pub looks_like: String,
}

impl LookAlike {
    fn of(issue: &Issue) -> Option<Self> {
        let Reason::LooksLike { name } = &issue.reason else { return None };
        let kind = if matches!(issue.node, Node::User(_)) { "user" } else { "group" };
        Some(Self {
            kind: kind.to_owned(),
            id: issue.id.to_string(),
            name: issue.label.clone(),
            looks_like: name.clone(),
        })
    }

    /// One sentence, without a capital letter and a full stop; invisible characters are written out.
    pub fn words(&self) -> String {
        let (name, other) = (visible(&self.name), visible(&self.looks_like));
        format!(
            "the {} name `{name}` ({}) would look like `{other}`, which is another; people may take one for the other",
            self.kind, self.id
        )
    }
}

impl Preview {
    /// Says how many names look alike beside those that are listed.
    pub fn look_alikes_more(&self) -> Option<String> {
        let more = self.look_alikes_total.saturating_sub(self.look_alikes.len());
        (more > 0).then(|| format!("{more} more names would look like another one"))
    }
}

/// The first names that would look alike.
pub fn look_alikes(seen: &directory::preview::Preview) -> Vec<LookAlike> {
    seen.look_alikes.iter().filter_map(LookAlike::of).take(LOOK_ALIKES_MAX).collect()
}

/// One kind of change that waits.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PreviewKind {
    /// The kind.
    pub kind: GuardKind,
    /// How many objects or memberships wait.
    pub count: u64,
    /// Why.
    pub why: String,
    /// What an approval of this kind names.
    pub digest: Digest,
    /// Whether it can be approved.
    pub approvable: bool,
    /// Some of the objects.
    pub items: Vec<PreviewItem>,
}

/// One object that waits.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PreviewItem {
    /// The provider's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What would happen to it.
    pub what: String,
}

impl PreviewKind {
    pub(super) fn of(held: &Held) -> Self {
        let items = held.items.iter().take(ITEMS_MAX).map(|item| PreviewItem {
            id: item.id.to_string(),
            name: item.name.clone(),
            what: item.what.clone(),
        });
        Self {
            kind: held.kind,
            count: held.count,
            why: held.why.clone(),
            digest: held.digest.clone(),
            approvable: held.approvable,
            items: items.collect(),
        }
    }
}

impl Wanted {
    fn query(self) -> Result<preview::Query, Problem> {
        if let Some(kind) = self.kind.as_deref()
            && !matches!(kind, "user" | "group")
        {
            let detail = format!("`{kind}` is no kind of line; `user` and `group` are");
            return Err(Problem::bad_request(detail));
        }
        if let Some(effect) = self.effect.as_deref()
            && !Effect::NAMES.contains(&effect)
        {
            let known = Effect::NAMES.join(", ");
            return Err(Problem::bad_request(format!(
                "`{effect}` is no effect; there are {known}"
            )));
        }
        // A limit of 0 stands for all lines in the directory crate; here it asks for the counts alone.
        Ok(preview::Query {
            text: self.search.unwrap_or_default(),
            kind: self.kind,
            effect: self.effect,
            offset: if self.limit == Some(0) { usize::MAX } else { self.offset.unwrap_or(0) },
            limit: self.limit.unwrap_or(LINES).clamp(1, LINES_MAX),
        })
    }
}

/// What the next run would do.
#[utoipa::path(get, path = "/directories/{name}/preview", tag = "decisions", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Preview),
    (status = 409, description = "It is being removed."),
))]
pub(super) async fn pending(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Preview>, Problem> {
    Ok(Json(look(&app, &name, (None, wanted)).await?))
}

/// What other rules would do.
#[utoipa::path(post, path = "/directories/{name}/preview", tag = "decisions", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Preview),
    (status = 409, description = "It is being removed."),
    (status = 413, description = "The rules are longer than 16 MiB."),
))]
pub(super) async fn of_rules(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
    Json(rules): Json<Rules>,
) -> Result<Json<Preview>, Problem> {
    let rules = Compiled::new(rules).map_err(|problems| refused(&problems))?;
    Ok(Json(look(&app, &name, (Some(rules), wanted)).await?))
}

/// What in rules may not be what was meant, in words.
pub(crate) fn warnings(rules: &Compiled) -> Vec<String> {
    rules.warnings().iter().map(ToString::to_string).collect()
}

async fn look(
    app: &App,
    name: &str,
    (rules, wanted): (Option<Compiled>, Wanted),
) -> Result<Preview, Problem> {
    let query = wanted.query()?;
    let row = named(app, name).await?;
    let warnings = rules.as_ref().map(warnings).unwrap_or_default();
    let keeper = keeper(app, row.id)?;
    let looked_at = rules.as_ref().map(|rules| Compiled::new(rules.rules().clone()));
    let looked_at = looked_at.transpose().map_err(|problems| refused(&problems))?;
    let rule_names = commit::what_if::rule_names(app, &keeper, looked_at).await?;
    let seen = commit::foretell(app, &keeper, rules).await?;
    let product_names = product_names::then(app, row.id, &seen).await?;
    Ok(Preview {
        product_names,
        rule_names,
        look_alikes: look_alikes(&seen),
        look_alikes_total: seen.look_alikes.len(),
        held: seen.held.iter().map(PreviewKind::of).collect(),
        flowing: seen.flowing,
        applied: seen.applied,
        set_aside: seen.exceptions.set_aside.total(),
        told: seen.told,
        size_before: seen.before,
        size_after: seen.after,
        size_approved: seen.approved,
        exceptions: seen.exceptions,
        warnings,
        pending: seen.pending.clone(),
        pin: row.pin,
        page: seen.page(&query),
        digest: seen.digest,
    })
}
