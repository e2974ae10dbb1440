//! What was odd about what was read, for the run report and the mirror.
//!
//! Invariant: of everything a few examples are told, and how many more there are.

use directory::counted::counted;
use std::collections::{BTreeMap, BTreeSet};

use directory::{
    id::ProviderId,
    observation::{Kept, Member, Observation},
};
use serde_json::Value;

use super::{Mirrored, Record, reduce::shown};

/// Examples of one kind that are told.
const TOLD_MAX: usize = 10;
/// Distinct lines that are counted.
const LINES_MAX: usize = 10_000;

/// What was odd.
#[derive(Debug, Default)]
pub(crate) struct Odd {
    /// What was left out, one a line.
    left_out: BTreeSet<String>,
    /// Texts with characters that are none.
    repaired: BTreeSet<String>,
    /// Records that say nothing.
    unread: BTreeMap<Member, Kept>,
    /// Records that only said that something changed.
    partial: BTreeSet<String>,
    /// Records that are nobody's, by what they are: how many, and what they call themselves.
    lost: BTreeMap<&'static str, (usize, BTreeSet<String>)>,
    /// Groups whose members are to be read again.
    again: BTreeSet<ProviderId>,
    /// Lists held records of people, or of groups, that are nobody's.
    overlooked_people: bool,
    overlooked_groups: bool,
    /// Groups whose list of members held records that are nobody's.
    in_part: BTreeSet<ProviderId>,
}

fn keep(lines: &mut BTreeSet<String>, line: String) {
    if lines.len() < LINES_MAX {
        lines.insert(line);
    }
}

impl Odd {
    /// A record without a usable id.
    pub(super) fn lost(&mut self, record: &Record, label: Option<String>) {
        match record.mirrored {
            Some(Mirrored::People) => self.overlooked_people = true,
            Some(Mirrored::Groups) => self.overlooked_groups = true,
            None => {}
        }
        let (count, labels) = self.lost.entry(record.noun).or_default();
        *count += 1;
        if labels.len() < TOLD_MAX {
            labels.extend(label);
        }
    }

    /// A record that says nothing about somebody or something.
    pub(super) fn unread(
        &mut self,
        record: &Record,
        id: &ProviderId,
        label: Option<String>,
        why: &str,
    ) {
        let object = match record.mirrored {
            Some(Mirrored::People) => Member::User(id.clone()),
            Some(Mirrored::Groups) => Member::Group(id.clone()),
            None => return self.lost(record, Some(id.to_string())),
        };
        let why = format!("{why}, which says nothing");
        self.unread.insert(object.clone(), Kept { object, label, why });
    }

    /// A record among changes that says only that something changed.
    pub(super) fn partial(&mut self, record: &Record, id: &ProviderId, why: &str) {
        keep(&mut self.partial, format!("{} {id}: {why}", record.noun));
    }

    /// A field, or an item of a list, that is not of its type.
    pub(super) fn left_out(&mut self, record: &Record, who: Option<&str>, field: &str, kind: &str) {
        let who = who.map_or_else(String::new, |who| format!(" {who}"));
        keep(&mut self.left_out, format!("{}{who}: `{field}` holds {kind}", record.noun));
    }

    /// A group's members were told of in part only.
    pub(super) fn read_again(&mut self, group: &ProviderId) {
        self.again.insert(group.clone());
    }

    /// The answer was one record, which was asked for by its id: nobody else was overlooked in it.
    pub(super) fn was_asked_for(&mut self) {
        (self.overlooked_people, self.overlooked_groups) = (false, false);
    }

    /// Whether lists of these held records that are nobody's.
    pub(crate) fn overlooked(&self, kind: Mirrored) -> bool {
        match kind {
            Mirrored::People => self.overlooked_people,
            Mirrored::Groups => self.overlooked_groups,
        }
    }

    /// Groups that came, and of which nothing could be used but the id.
    pub(crate) fn unread_groups(&self) -> impl Iterator<Item = &ProviderId> {
        self.unread.keys().filter_map(|object| match object {
            Member::Group(id) => Some(id),
            Member::User(_) => None,
        })
    }

    /// A group's list of members held records that are nobody's.
    pub(crate) fn read_in_part(&mut self, group: &ProviderId) {
        self.in_part.insert(group.clone());
    }

    /// Groups whose list of members held records that are nobody's.
    pub(crate) fn in_part(&self) -> &BTreeSet<ProviderId> {
        &self.in_part
    }

    /// Notes which texts of a record hold characters that are none.
    pub(super) fn repaired(&mut self, record: &Record, value: &Value) {
        let Value::Object(fields) = value else { return };
        let who = record.id.and_then(|id| fields.get(id)?.as_str().map(str::to_owned));
        let who = who.or_else(|| shown(fields)).unwrap_or_default();
        for (name, value) in fields {
            if value.to_string().contains('\u{FFFD}') {
                keep(&mut self.repaired, format!("{} {who}: `{name}`", record.noun));
            }
        }
    }

    /// Whether nothing was odd.
    pub(crate) fn is_nothing(&self) -> bool {
        let Self {
            left_out,
            repaired,
            unread,
            partial,
            lost,
            again,
            overlooked_people,
            overlooked_groups,
            in_part,
        } = self;
        !overlooked_people
            && !overlooked_groups
            && in_part.is_empty()
            && left_out.is_empty()
            && repaired.is_empty()
            && unread.is_empty()
            && partial.is_empty()
            && lost.is_empty()
            && again.is_empty()
    }

    /// Whether there were records that were nobody's, or said nothing.
    pub(crate) fn lacks_some(&self) -> bool {
        !self.lost.is_empty() || !self.unread.is_empty()
    }

    /// Adds what another part of the read came upon.
    pub(crate) fn absorb(&mut self, other: Self) {
        let Self {
            left_out,
            repaired,
            unread,
            partial,
            lost,
            again,
            overlooked_people,
            overlooked_groups,
            in_part,
        } = other;
        self.overlooked_people |= overlooked_people;
        self.overlooked_groups |= overlooked_groups;
        self.in_part.extend(in_part);
        let own = [&mut self.left_out, &mut self.repaired, &mut self.partial];
        for (own, lines) in own.into_iter().zip([left_out, repaired, partial]) {
            for line in lines {
                keep(own, line);
            }
        }
        self.unread.extend(unread);
        self.again.extend(again);
        for (noun, (count, labels)) in lost {
            let (sum, all) = self.lost.entry(noun).or_default();
            *sum += count;
            all.extend(labels);
        }
    }

    /// Tells an observation.
    pub(crate) fn tell(self, observation: &mut Observation) {
        let notes = &mut observation.notes;
        for (noun, (count, labels)) in &self.lost {
            let such = if labels.is_empty() {
                String::new()
            } else {
                format!(": {}", listed(labels.iter(), *count))
            };
            notes.push(format!(
                "{count} × {noun} without a usable id or type{such}; left out, and nobody counts as gone because of that"
            ));
        }
        let unread = self.unread.values().map(|kept| {
            let (Member::User(id) | Member::Group(id)) = &kept.object;
            let label =
                kept.label.as_deref().map_or_else(String::new, |label| format!(" ({label})"));
            format!("{id}{label}: {}", kept.why)
        });
        let unread: Vec<String> = unread.collect();
        if !unread.is_empty() {
            notes.push(format!(
                "{} could not be used; what was known stays, and who was not known is set aside: {}",
                counted(unread.len(), "record"),
                listed(unread.iter(), unread.len())
            ));
        }
        let kinds = [
            (&self.partial, "change", "could not be used, so the objects were asked for by id"),
            (&self.left_out, "field", "of another type than it should be, left out"),
            (&self.repaired, "text", "held characters that are none, which are shown as U+FFFD"),
        ];
        for (lines, noun, say) in kinds.into_iter().filter(|(lines, ..)| !lines.is_empty()) {
            let count = counted(lines.len(), noun);
            notes.push(format!("{count} {say}: {}", listed(lines.iter(), lines.len())));
        }
        observation.kept.extend(self.unread.into_values());
        observation.reread.extend(self.again);
    }
}

/// A few examples, and how many more there are.
fn listed<'a>(lines: impl Iterator<Item = &'a String>, count: usize) -> String {
    let shown: Vec<&str> = lines.take(TOLD_MAX).map(String::as_str).collect();
    let more = count - shown.len().min(count);
    let shown = shown.join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}
