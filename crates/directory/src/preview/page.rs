//! Looking through a preview: by text, by what would happen, page by page.
//!
//! Invariant: pages follow each other without gaps, whatever is asked; memberships are named only for the lines of
//! the page.

use serde::{Deserialize, Serialize};

use super::{Effect, Line, Preview};
use crate::{decisions::Node, id::GroupNo, name::fold};

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// Part of a name, of what the provider calls it, or the id; any, when this is empty.
    pub text: String,
    /// `user` or `group`; both otherwise.
    pub kind: Option<String>,
    /// Only lines with this effect, such as `deactivated` or `waits`.
    pub effect: Option<String>,
    /// Lines that are left out at the beginning.
    pub offset: usize,
    /// Lines at the most; all, when this is 0.
    pub limit: usize,
}

/// Some of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Page {
    /// How many lines there are in all for what was looked for.
    pub total: usize,
    /// Those of the page.
    pub lines: Vec<PageLine>,
}

/// What would happen to one person or group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PageLine {
    /// `user` or `group`.
    pub kind: String,
    /// The provider's id.
    pub id: String,
    /// The name that products see, or would see.
    pub name: String,
    /// What the provider calls it.
    pub label: String,
    /// What would happen.
    pub effects: Vec<Effect>,
    /// Why, where the rules or names in use decided it.
    pub why: Option<String>,
    /// Groups that it would come into.
    pub joins: Vec<String>,
    /// Groups that it would leave.
    pub leaves: Vec<String>,
    /// Members that would come, of a group.
    pub members_added: u32,
    /// Members that would go, of a group.
    pub members_removed: u32,
}

impl Effect {
    /// The names of all effects.
    pub const NAMES: [&str; 11] = [
        "added",
        "removed",
        "deactivated",
        "reactivated",
        "anonymised",
        "renamed",
        "changed",
        "members",
        "set_aside",
        "keeps_name",
        "waits",
    ];

    /// The name of the effect: its serialised form.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Deactivated => "deactivated",
            Self::Reactivated => "reactivated",
            Self::Anonymised => "anonymised",
            Self::Renamed { .. } => "renamed",
            Self::Changed { .. } => "changed",
            Self::Members => "members",
            Self::SetAside => "set_aside",
            Self::KeepsName => "keeps_name",
            Self::Waits { .. } => "waits",
        }
    }
}

impl Preview {
    /// The lines that are looked for.
    pub fn page(&self, query: &Query) -> Page {
        let text = fold(query.text.trim());
        let fits = |line: &&Line| {
            let kind = query.kind.as_deref().is_none_or(|kind| kind == kind_of(line.node));
            let effect = query.effect.as_deref();
            kind && effect.is_none_or(|effect| line.effects.iter().any(|e| e.as_str() == effect))
                && (text.is_empty() || has_text(line, &text))
        };
        let found: Vec<&Line> = self.lines.iter().filter(fits).collect();
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let lines = found.iter().skip(query.offset).take(limit).map(|line| self.line(line));
        Page { total: found.len(), lines: lines.collect() }
    }

    fn line(&self, line: &Line) -> PageLine {
        let first = self.edges.partition_point(|(member, _, _)| *member < line.node);
        let own = self.edges[first..].iter().take_while(|(member, _, _)| *member == line.node);
        let (mut joins, mut leaves) = (Vec::new(), Vec::new());
        for (_, group, added) in own {
            if *added { &mut joins } else { &mut leaves }.push(self.group_name(*group));
        }
        joins.sort();
        leaves.sort();
        PageLine {
            kind: kind_of(line.node).to_owned(),
            id: line.id.to_string(),
            name: line.name.clone(),
            label: line.label.clone(),
            effects: line.effects.clone(),
            why: line.why.clone(),
            joins,
            leaves,
            members_added: line.members_added,
            members_removed: line.members_removed,
        }
    }

    fn group_name(&self, no: GroupNo) -> String {
        self.group_names.get(&no.0).cloned().unwrap_or_default()
    }
}

fn kind_of(node: Node) -> &'static str {
    match node {
        Node::User(_) => "user",
        Node::Group(_) => "group",
    }
}

fn has_text(line: &Line, text: &str) -> bool {
    fold(&line.name).contains(text)
        || fold(&line.label).contains(text)
        || line.id.with_str(|id| fold(id) == text)
}
