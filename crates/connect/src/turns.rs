//! Members that are read in turns, where the provider has no list of their changes.

use std::{collections::BTreeMap, ops::Bound};

use directory::id::ProviderId;

/// Between two pulls so much time passes at the most that counts for the budget.
const PAUSE_MAX_MS: i64 = 3_600_000;
/// Groups of which members are read at the least, however short the time was.
const AT_LEAST: usize = 20;

/// The groups that have their turn after `after`, round and round, and the last of them.
pub(crate) fn next(
    ids: &BTreeMap<String, ProviderId>,
    after: &str,
    budget: usize,
) -> (Vec<ProviderId>, String) {
    let later = ids.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
    let earlier = ids.range::<str, _>((Bound::Unbounded, Bound::Included(after)));
    let mut last = after.to_owned();
    let turn = later.chain(earlier).take(budget).map(|(text, id)| {
        last.clone_from(text);
        id.clone()
    });
    (turn.collect(), last)
}

/// How many groups may have their turn after a pause: a share (in percent) of the requests that the time allows.
pub(crate) fn budget(per_minute: u32, share: u32, pause_ms: i64) -> usize {
    let pause_ms = pause_ms.clamp(0, PAUSE_MAX_MS).unsigned_abs();
    let requests = u64::from(per_minute) * u64::from(share) * pause_ms;
    usize::try_from(requests / 100 / 60_000).unwrap_or(usize::MAX).max(AT_LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_a_turn_and_nobody_two_at_once() {
        let ids: BTreeMap<String, ProviderId> =
            ["a", "b", "c"].map(|id| (id.to_owned(), ProviderId::parse(id).unwrap())).into();
        let turn = |after: &str, budget| {
            let (turn, last) = next(&ids, after, budget);
            (turn.iter().map(ToString::to_string).collect::<String>(), last)
        };
        assert_eq!(turn("", 2), ("ab".to_owned(), "b".to_owned()));
        assert_eq!(turn("b", 2), ("ca".to_owned(), "a".to_owned()));
        assert_eq!(turn("a", 9), ("bca".to_owned(), "a".to_owned()));
        assert_eq!(turn("zz", 1), ("a".to_owned(), "a".to_owned()));
        assert_eq!(budget(2_200, 30, 300_000), 3_300);
        assert_eq!(budget(2_200, 30, -5), AT_LEAST);
    }
}
