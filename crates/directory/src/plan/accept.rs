//! Names of groups that change because the rules do: whoever saves a rule about names accepts what it makes.
//!
//! Invariant: a group whose served name is not what the old rules make keeps it, since that difference is the
//! provider's doing and waits for an administrator by itself.

use std::collections::BTreeMap;

use crate::{
    derive::{Basis, Derive},
    id::GroupNo,
    name::Name,
};

/// The names that served groups get by a change of the rules, from those of `before` to those of `after`.
pub fn accepted_by_rules(before: &Basis<'_>, after: &Basis<'_>) -> BTreeMap<GroupNo, Name> {
    let (old, new) = (Derive::new(*before), Derive::new(*after));
    let (a, b) = (before.rules.rules(), after.rules.rules());
    if a.group_name == b.group_name && a.group_names == b.group_names {
        return BTreeMap::new();
    }
    let renamed = before.served.groups_from(0).filter_map(|(no, group)| {
        let record = &before.mirror.group(no)?.record;
        let by_old = old.group_claim(record).ok()?;
        let by_new = new.group_claim(record).ok()?;
        (by_old == *group.name() && by_new != by_old).then_some((no, by_new))
    });
    renamed.collect()
}
