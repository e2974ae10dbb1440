//! Settings, rules and reports as JSON.
//!
//! Invariant: what is written is read back first; what would come back otherwise is not written.

use serde::{Serialize, de::DeserializeOwned};

use crate::StoreError;

/// The JSON of a value.
///
/// # Errors
/// [`StoreError::NotReadable`] when reading it would not give the value again.
pub(crate) fn write<T: Serialize + DeserializeOwned + PartialEq>(
    what: &str,
    value: &T,
) -> Result<String, StoreError> {
    let not_readable = || StoreError::NotReadable(what.to_owned());
    let json = serde_json::to_string(value).map_err(|_| not_readable())?;
    let read: T = serde_json::from_str(&json).map_err(|_| not_readable())?;
    if read == *value { Ok(json) } else { Err(not_readable()) }
}

/// The value of a JSON.
///
/// # Errors
/// When it is none.
pub(crate) fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Damaged(format!("{what}: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use directory::{
        id::Millis,
        report::{Outcome, RunReport},
        rules::{
            Rules,
            names::{Rename, Replacement},
        },
    };
    use proptest::prelude::*;

    use super::*;
    use crate::odd_text::odd_text;

    fn same<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
        value: &T,
    ) -> Result<(), TestCaseError> {
        let json = write("a value", value).unwrap();
        prop_assert_eq!(&read::<T>("a value", &json).unwrap(), value);
        Ok(())
    }

    proptest! {
        #[test]
        fn rules_settings_and_reports_are_read_as_they_were_written(
            texts in prop::array::uniform5(odd_text(60)), at: i64,
        ) {
            let [from, to, prefix, everyone, error] = texts;
            let mut rules = Rules::default();
            rules.user_names.push(Rename { from: from.clone(), to: to.clone() });
            rules.group_names.renames.push(Rename { from: to.clone(), to: from.clone() });
            rules.group_names.replace.push(Replacement { pattern: from.clone(), with: to.clone() });
            rules.group_names.prefix = prefix.clone();
            rules.everyone.push(everyone.clone());
            rules.people.always.push(from.clone());
            rules.people.units.push(to.clone());
            same(&rules)?;
            same(&BTreeMap::from([(from.clone(), to), (prefix, everyone.clone())]))?;
            same(&RunReport {
                started: Millis(at),
                outcome: Outcome::Failed { error, code: Some(from) },
                notes: vec![everyone],
                ..RunReport::default()
            })?;
        }
    }
}
