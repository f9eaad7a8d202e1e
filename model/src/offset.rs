//! Positions in a partition: record offsets and leader epochs.

use crate::ErrorCode;

/// The position of a record in its partition; never negative. The wire's special negative values are parsed away at the
/// edge ([`Offset::from_wire`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Offset {
    /// The first offset of every partition.
    pub const ZERO: Self = Self(0);
    /// The largest offset that can be stored.
    pub const MAX: Self = Self(i64::MAX);

    /// An offset of `raw`, if it is not negative.
    #[must_use]
    pub const fn new(raw: i64) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// Reads a wire offset, where -1 means "none".
    ///
    /// # Errors
    /// [`ErrorCode::InvalidRequest`] for any other negative number.
    pub const fn from_wire(raw: i64) -> Result<Option<Self>, ErrorCode> {
        match raw {
            -1 => Ok(None),
            raw if raw < 0 => Err(ErrorCode::InvalidRequest),
            raw => Ok(Some(Self(raw))),
        }
    }

    /// The number as the wire and the disk carry it.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The offset `records` further on; `None` past the end of the number space.
    #[must_use]
    pub fn checked_add(self, records: u64) -> Option<Self> {
        i64::try_from(records).ok().and_then(|records| self.0.checked_add(records)).map(Self)
    }

    /// How many offsets lie from `earlier` up to this one; 0 if `earlier` is not earlier.
    #[must_use]
    pub fn distance_from(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The epoch of a partition's leader, which rises whenever records that a consumer may have seen could have been lost
/// or replaced (KIP-101). Never negative; the wire's -1 means "unknown" and is an `Option` here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(i32);

impl LeaderEpoch {
    /// The epoch of a partition that was just created.
    pub const ZERO: Self = Self(0);

    /// An epoch of `raw`, if it is not negative.
    #[must_use]
    pub const fn new(raw: i32) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// The number as the wire and the disk carry it.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl std::fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
