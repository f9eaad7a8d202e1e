//! The features of the cluster (KIP-584): which levels are supported, which are in force, and how they change.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::ErrorCode;

use super::record::MetadataRecord;
use super::topics::Refused;

/// The feature that says whether the consumer protocol of KIP-848 is in use.
pub(super) const GROUP_VERSION: &str = "group.version";

/// The feature that says how transactions go (KIP-890).
pub(crate) const TRANSACTION_VERSION: &str = "transaction.version";

/// A feature.
#[derive(Debug)]
pub(crate) struct Feature {
    /// Its name.
    pub(crate) name: &'static str,
    /// The levels that are supported.
    pub(crate) supported: RangeInclusive<i16>,
    /// The level that a cluster has where nobody has changed it.
    initial: i16,
    /// Whether another supported level may be chosen.
    can_change: bool,
}

/// What Kafka 4.4 finalizes, as far as we serve it. As in Kafka, what 4.4 has in its metadata and its quorum cannot be taken
/// back.
pub(crate) const FEATURES: &[Feature] = &[
    Feature { name: "metadata.version", supported: 7..=33, initial: 33, can_change: false },
    Feature { name: "kraft.version", supported: 0..=1, initial: 1, can_change: false },
    Feature { name: GROUP_VERSION, supported: 0..=1, initial: 1, can_change: true },
    Feature { name: TRANSACTION_VERSION, supported: 0..=2, initial: 2, can_change: true },
];

/// The levels that are in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FeatureLevels {
    /// Those that were changed.
    changed: BTreeMap<String, i16>,
}

/// A level that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeatureUpdate {
    /// The feature.
    pub(crate) feature: String,
    /// The level.
    pub(crate) level: i16,
    /// Which way it is to go; `None` for a way that is not known.
    pub(crate) direction: Option<Direction>,
}

/// Which way a level is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Up.
    Upgrade,
    /// Down, safely or not: nothing here is lost by it.
    Downgrade,
}

impl FeatureLevels {
    /// The level of a feature that is in force; 0 for one that is off, or not known.
    pub(crate) fn level(&self, name: &str) -> i16 {
        let initial = || find(name).map_or(0, |feature| feature.initial);
        self.changed.get(name).copied().unwrap_or_else(initial)
    }

    /// Every level that was changed.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&str, i16)> {
        self.changed.iter().map(|(name, level)| (name.as_str(), *level))
    }

    pub(super) fn set(&mut self, name: String, level: i16) {
        self.changed.insert(name, level);
    }
}

fn find(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.name == name)
}

/// Decides about levels: all of them, or none.
///
/// # Errors
/// [`Refused`] for the first that cannot be.
pub(super) fn decide(levels: &FeatureLevels, updates: &[FeatureUpdate]) -> Result<Vec<MetadataRecord>, Refused> {
    let mut records = Vec::new();
    for FeatureUpdate { feature, level, direction } in updates {
        let refused = |why: String| {
            let message = format!("no feature was changed: level {level} for feature '{feature}': {why}");
            Err(Refused::new(ErrorCode::InvalidUpdateVersion, message))
        };
        let (known, now) = (find(feature), levels.level(feature));
        match (known, direction) {
            (None, _) => return refused("the feature is not known here".to_owned()),
            (_, None) => return refused("the way of the change is not known".to_owned()),
            (Some(known), _) if !known.supported.contains(level) => {
                let (from, upto) = (known.supported.start(), known.supported.end());
                return refused(format!("the levels from {from} to {upto} are supported"));
            }
            (_, Some(Direction::Upgrade)) if *level < now => {
                return refused(format!("it is at {now}, and this is an upgrade"));
            }
            (_, Some(Direction::Downgrade)) if *level > now => {
                return refused(format!("it is at {now}, and this is a downgrade"));
            }
            (Some(known), _) if *level != now && !known.can_change => {
                return refused(format!("it is at {now}, where it stays: what was written at this level needs it"));
            }
            (Some(_), Some(_)) if *level == now => {}
            (Some(_), Some(_)) => {
                records.push(MetadataRecord::FeatureLevelChanged { feature: feature.clone(), level: *level });
            }
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(feature: &str, level: i16, direction: Direction) -> FeatureUpdate {
        FeatureUpdate { feature: feature.to_owned(), level, direction: Some(direction) }
    }

    #[test]
    fn a_level_changes_only_the_way_that_was_said_and_only_where_it_can() {
        let levels = FeatureLevels::default();
        let records = |updates: &[FeatureUpdate]| decide(&levels, updates).map(|records| records.len());
        assert_eq!(records(&[update(GROUP_VERSION, 0, Direction::Downgrade)]), Ok(1));
        assert_eq!(records(&[update(GROUP_VERSION, 1, Direction::Upgrade)]), Ok(0));
        assert_eq!(records(&[update("metadata.version", 33, Direction::Downgrade)]), Ok(0));
        for (feature, level, direction) in [
            (GROUP_VERSION, 0, Direction::Upgrade),
            (GROUP_VERSION, 2, Direction::Upgrade),
            (GROUP_VERSION, -1, Direction::Downgrade),
            ("metadata.version", 32, Direction::Downgrade),
            ("kraft.version", 0, Direction::Downgrade),
            ("no.such.feature", 1, Direction::Upgrade),
        ] {
            let all = [update(GROUP_VERSION, 0, Direction::Downgrade), update(feature, level, direction)];
            assert_eq!(records(&all).map_err(|refused| refused.code), Err(ErrorCode::InvalidUpdateVersion), "{all:?}");
        }
        let odd = FeatureUpdate { direction: None, ..update(GROUP_VERSION, 1, Direction::Upgrade) };
        assert!(decide(&levels, &[odd]).is_err());
    }

    #[test]
    fn a_feature_that_was_switched_off_can_be_switched_on_again() {
        let mut levels = FeatureLevels::default();
        levels.set(GROUP_VERSION.to_owned(), 0);
        assert_eq!((levels.level(GROUP_VERSION), levels.level("kraft.version")), (0, 1));
        assert!(decide(&levels, &[update(GROUP_VERSION, 1, Direction::Downgrade)]).is_err());
        assert_eq!(
            decide(&levels, &[update(GROUP_VERSION, 1, Direction::Upgrade)]).map(|records| records.len()),
            Ok(1)
        );
    }
}
