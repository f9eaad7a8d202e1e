//! One number that stands for many things: for all that happened, of which two runs of a seed must have the same, or for the
//! content of a record.

/// A hash (FNV-1a) over what is noted, in its order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    pub(crate) fn add(&mut self, number: u64) {
        self.add_bytes(&number.to_be_bytes());
    }

    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) const fn hash(self) -> u64 {
        self.0
    }
}
