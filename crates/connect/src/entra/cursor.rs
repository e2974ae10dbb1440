//! Our position in the tenant's changes: two delta links, and what they were made for.

use std::collections::BTreeSet;

use directory::{
    id::ProviderId,
    observation::{Cursor, Unread},
};
use serde::{Deserialize, Serialize};

use super::{
    settings::Settings,
    wire::{GROUP_SELECT, USER_SELECT},
};
use crate::{
    odd::Mirrored,
    progress::Progress,
    unreadable::{ToDo, Unreads},
};

/// Most groups whose members are read again at each pull; the others wait for the next complete read.
const GROUPS_MAX: usize = 200;

/// The two lists of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// Where changes of people go on.
    pub(super) users: String,
    /// Where changes of groups and members go on.
    pub(super) groups: String,
    /// What was selected: a link freezes it, so another selection needs another full read.
    selected: String,
    /// Tenant and Graph host: a link belongs to them.
    of: String,
    /// What could not be read, which no later change need tell of again.
    #[serde(default, skip_serializing_if = "ToDo::is_empty")]
    to_do: ToDo,
    /// What was not read whole so far.
    #[serde(default)]
    pub(super) gaps: Gaps,
}

/// What lists held that was nobody's: no change will tell it, once the provider tells it well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gaps {
    /// People or groups were overlooked.
    pub(super) overlooked: bool,
    /// Groups whose lists of members are to be read again, until they are whole.
    pub(super) groups: BTreeSet<ProviderId>,
}

impl Gaps {
    /// The gaps of a read.
    pub(super) fn of(progress: &Progress) -> Self {
        let odd = progress.odd();
        let overlooked = odd.overlooked(Mirrored::People) || odd.overlooked(Mirrored::Groups);
        Self { overlooked, groups: odd.in_part().iter().take(GROUPS_MAX).cloned().collect() }
    }
}

impl Position {
    pub(super) fn new(
        settings: &Settings,
        (users, groups): (String, String),
        unread: &Unreads,
        gaps: Gaps,
    ) -> Self {
        let to_do = ToDo::of(unread);
        Self { users, groups, selected: selected(), of: of(settings), to_do, gaps }
    }

    /// What could not be read before.
    pub(super) fn unread(&self) -> impl Iterator<Item = Unread> {
        self.to_do.all()
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("texts can be written"))
    }

    /// Reads a stored cursor; `None` when it was made for something else.
    pub(super) fn read(settings: &Settings, cursor: &Cursor) -> Option<Self> {
        let position: Self = serde_json::from_str(&cursor.0).ok()?;
        (position.selected == selected() && position.of == of(settings)).then_some(position)
    }
}

fn selected() -> String {
    format!("{USER_SELECT};{GROUP_SELECT}")
}

fn of(settings: &Settings) -> String {
    format!("{} {}", settings.tenant, settings.graph)
}
