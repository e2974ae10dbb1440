//! Damaged rows of the database in the report of a run.

use store::Damage;

/// Damaged rows that a report names.
const NOTES_MAX: usize = 10;

/// Notes for the report: one for each damaged row up to a limit, and the number of the others.
pub(super) fn notes(damage: &[Damage]) -> Vec<String> {
    let mut notes: Vec<String> = damage
        .iter()
        .take(NOTES_MAX)
        .map(|damage| format!("the database is damaged: {damage}"))
        .collect();
    let more = damage.len().saturating_sub(NOTES_MAX);
    notes.extend((more > 0).then(|| format!("the database is damaged: {more} more rows")));
    notes
}
