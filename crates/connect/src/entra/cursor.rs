//! Our position in the tenant's changes: two delta links, and what they were made for.

use directory::observation::{Cursor, Unread};
use serde::{Deserialize, Serialize};

use super::{
    settings::Settings,
    wire::{GROUP_SELECT, USER_SELECT},
};
use crate::unreadable::{ToDo, Unreads};

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
}

impl Position {
    pub(super) fn new(
        settings: &Settings,
        users: String,
        groups: String,
        unread: &Unreads,
    ) -> Self {
        let to_do = ToDo::of(unread);
        Self { users, groups, selected: selected(), of: of(settings), to_do }
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
