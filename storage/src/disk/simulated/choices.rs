//! What a crash of the simulated disk leaves, chosen by a seed.

/// Choices of a seed: splitmix64, because it needs no state but a number and is the same everywhere.
#[derive(Debug)]
pub(super) struct Choices(pub(super) u64);

impl Choices {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(super) fn next(&mut self) -> bool {
        self.number() & 1 == 1
    }

    /// A number from 0 up to and with `max`.
    pub(super) fn upto(&mut self, max: u64) -> u64 {
        self.number() % max.saturating_add(1)
    }
}
