//! Choices of a seed. What the driver does follows from it; when the broker does what it does, does not.

/// A generator: splitmix64.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number from `least` up to and with `most`.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.number().checked_rem(most.saturating_sub(least) + 1).unwrap_or(0)
    }

    /// One of them, with the same chance for each.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(of.len()).unwrap_or(0).checked_sub(1)?;
        of.get(usize::try_from(self.between(0, last)).unwrap_or(0))
    }
}
