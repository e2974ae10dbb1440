//! The guard's limits (DESIGN.md section 7 and 10.4).
//!
//! Invariants: shares are hundredths of a percent of the size 24 hours ago; what the defaults were before a release
//! changed them stands here, so that directories that keep those can be told of the new ones.

use serde::{Deserialize, Serialize};

/// How many active people a group may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SeatLimit {
    /// The group's name in the products, in any case.
    pub group: String,
    /// How many active people may be in it, directly or through groups.
    pub seats: u32,
}

/// The guard's limits. Shares are in hundredths of a percent of the size 24 hours ago. A limit trips from its minimum on
/// only, whatever the share; its maximum, unless that is 0, passes in a directory of any size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// People removed or deactivated.
    pub leaving_share: u32,
    /// The smallest number of people leaving that can trip the limit.
    pub leaving_min: u32,
    /// The largest number of people leaving that passes, whatever the share; 0 for none.
    pub leaving_max: u32,
    /// Groups removed.
    pub groups_share: u32,
    /// The smallest number of groups removed that can trip the limit.
    pub groups_min: u32,
    /// The largest number of groups removed that passes, whatever the share; 0 for none.
    pub groups_max: u32,
    /// Memberships taken away.
    pub memberships_share: u32,
    /// The smallest number of memberships lost that can trip the limit.
    pub memberships_min: u32,
    /// The largest number of memberships lost that passes, whatever the share; 0 for none.
    pub memberships_max: u32,
    /// A group with at least this many members may not be emptied.
    pub emptied_group_min: u32,
    /// People who change their user name, and groups that change their name.
    pub renames_share: u32,
    /// The smallest number of renames that can trip the limit.
    pub renames_min: u32,
    /// People reactivated.
    pub reactivated_share: u32,
    /// People whose mail address or display name becomes blank.
    pub blanked_share: u32,
    /// The smallest number of reactivations or blanked people that can trip the limit.
    pub other_min: u32,
    /// Groups with a limited number of seats, such as those that give access to a licensed product.
    pub seats: Vec<SeatLimit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leaving_share: 200,
            leaving_min: 10,
            leaving_max: 100,
            groups_share: 500,
            groups_min: 5,
            groups_max: 50,
            memberships_share: 1_000,
            memberships_min: 50,
            memberships_max: 0,
            emptied_group_min: 50,
            renames_share: 200,
            renames_min: 10,
            reactivated_share: 1_000,
            blanked_share: 1_000,
            other_min: 10,
            seats: Vec::new(),
        }
    }
}

/// One limit: a share of a size, between a smallest and a largest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Hundredths of a percent.
    pub share: u32,
    /// The smallest number that can trip it.
    pub min: u32,
    /// The largest number that passes; 0 for none.
    pub max: u32,
}

impl Threshold {
    /// The largest number that passes in a directory of this size. Where minimum and maximum contradict each other,
    /// the minimum stands.
    pub fn passing(self, size: usize) -> u64 {
        let share = u128::from(self.share) * size as u128 / 10_000;
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        let share = if self.max == 0 { share } else { share.min(self.max.into()) };
        share.max(u64::from(self.min).saturating_sub(1))
    }

    /// What was passed, in words: the share, or the largest number where that is less.
    pub fn told(self, size: usize) -> String {
        let of_share = u128::from(self.share) * size as u128 / 10_000;
        if self.max != 0 && u128::from(self.max) < of_share {
            return format!("more than {}, the most that may in a day", self.max);
        }
        format!("more than {} % of {size}", f64::from(self.share) / 100.0)
    }
}

/// The limits of directories that were connected before there was a largest number, as the migration of the database
/// wrote them out.
const FORMER: [Threshold; 3] = [
    Threshold { share: 1_000, min: 10, max: 0 },
    Threshold { share: 1_000, min: 10, max: 0 },
    Threshold { share: 3_000, min: 10, max: 0 },
];

impl Limits {
    /// People leaving.
    pub fn leaving(&self) -> Threshold {
        let Self { leaving_share: share, leaving_min: min, leaving_max: max, .. } = *self;
        Threshold { share, min, max }
    }

    /// Groups removed.
    pub fn groups(&self) -> Threshold {
        let Self { groups_share: share, groups_min: min, groups_max: max, .. } = *self;
        Threshold { share, min, max }
    }

    /// Memberships taken away.
    pub fn memberships(&self) -> Threshold {
        let Self { memberships_share: share, memberships_min: min, memberships_max: max, .. } =
            *self;
        Threshold { share, min, max }
    }

    /// People or groups renamed.
    pub fn renames(&self) -> Threshold {
        Threshold { share: self.renames_share, min: self.renames_min, max: 0 }
    }

    /// People reactivated.
    pub fn reactivated(&self) -> Threshold {
        Threshold { share: self.reactivated_share, min: self.other_min, max: 0 }
    }

    /// People whose mail address or display name becomes blank.
    pub fn blanked(&self) -> Threshold {
        Threshold { share: self.blanked_share, min: self.other_min, max: 0 }
    }

    fn thresholds(&self) -> [Threshold; 3] {
        [self.leaving(), self.groups(), self.memberships()]
    }

    /// Whether one of these limits is still what it was for new directories before there was a largest number.
    pub fn has_former_defaults(&self) -> bool {
        self.thresholds().iter().zip(&FORMER).any(|(now, former)| now == former)
    }

    /// These limits with the defaults of today in the place of those of earlier releases; what an administrator
    /// chose stays.
    #[must_use]
    pub fn without_former_defaults(&self) -> Self {
        let (mut limits, usual) = (self.clone(), Self::default());
        let [leaving, groups, memberships] = self.thresholds();
        if leaving == FORMER[0] {
            (limits.leaving_share, limits.leaving_min, limits.leaving_max) =
                (usual.leaving_share, usual.leaving_min, usual.leaving_max);
        }
        if groups == FORMER[1] {
            (limits.groups_share, limits.groups_min, limits.groups_max) =
                (usual.groups_share, usual.groups_min, usual.groups_max);
        }
        if memberships == FORMER[2] {
            (limits.memberships_share, limits.memberships_min, limits.memberships_max) =
                (usual.memberships_share, usual.memberships_min, usual.memberships_max);
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_limits_are_the_design_s() {
        let limits = Limits::default();
        let at = |size| limits.leaving().passing(size);
        // 2 %, at least 10, at most 100.
        assert_eq!(
            [0, 100, 500, 574, 2_000, 5_000, 20_000, 1_000_000].map(at),
            [9, 9, 10, 11, 40, 100, 100, 100]
        );
        let at = |size| limits.groups().passing(size);
        assert_eq!([0, 60, 100, 200, 1_000, 100_000].map(at), [4, 4, 5, 10, 50, 50]);
        let at = |size| limits.memberships().passing(size);
        assert_eq!([0, 400, 1_000, 1_000_000].map(at), [49, 49, 100, 100_000]);
    }

    #[test]
    fn a_minimum_above_the_maximum_stands() {
        assert_eq!(Threshold { share: 200, min: 501, max: 100 }.passing(1_000), 500);
        assert_eq!(Threshold { share: 10_000, min: 0, max: 0 }.passing(1_000), 1_000);
        assert_eq!(
            Threshold { share: u32::MAX, min: u32::MAX, max: 0 }.passing(usize::MAX),
            u64::MAX
        );
    }

    #[test]
    fn former_defaults_are_known_and_replaced_one_by_one() {
        assert!(!Limits::default().has_former_defaults());
        let chosen = Limits {
            leaving_share: 1_000,
            leaving_min: 10,
            leaving_max: 0,
            groups_share: 900,
            memberships_share: 3_000,
            memberships_min: 10,
            ..Limits::default()
        };
        assert!(chosen.has_former_defaults());
        let new = chosen.without_former_defaults();
        assert_eq!(new, Limits { groups_share: 900, ..Limits::default() });
        assert!(!new.has_former_defaults());
    }
}
