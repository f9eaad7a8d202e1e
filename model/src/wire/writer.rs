//! The writer: values into a growing buffer, big-endian, in the forms that [`Reader`](super::Reader) reads.

/// A buffer that values are written to.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// A buffer that goes on after `bytes`.
    #[must_use]
    pub const fn after(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Bytes written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was written.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the buffer away.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Overwrites four bytes that were written before, at `position`: a size that is known only afterwards. A position
    /// that was not written is ignored, because it can only be our own mistake; debug builds stop at it.
    pub fn patch_i32(&mut self, position: usize, value: i32) {
        let place = position.checked_add(4).and_then(|end| self.bytes.get_mut(position..end));
        debug_assert!(place.is_some(), "patched past the end");
        if let Some(place) = place {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// An unsigned varint of up to five bytes.
    pub fn unsigned_varint(&mut self, mut value: u32) {
        loop {
            let [low, ..] = (value & 0x7f).to_le_bytes();
            value >>= 7;
            if value == 0 {
                return self.bytes.push(low);
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// Puts an unsigned varint before the bytes from `position` on, which move. A position past the end is the end.
    pub fn insert_unsigned_varint(&mut self, position: usize, value: u32) {
        let before = self.bytes.len();
        self.unsigned_varint(value);
        let width = self.bytes.len() - before;
        if let Some(moved) = self.bytes.get_mut(position..) {
            moved.rotate_right(width);
        }
    }

    /// A zig-zag varint of 32 bits.
    pub fn varint(&mut self, value: i32) {
        self.unsigned_varint((value << 1 ^ value >> 31).cast_unsigned());
    }

    /// A zig-zag varint of 64 bits.
    pub fn varlong(&mut self, value: i64) {
        let mut raw = (value << 1 ^ value >> 63).cast_unsigned();
        loop {
            let [low, ..] = (raw & 0x7f).to_le_bytes();
            raw >>= 7;
            if raw == 0 {
                return self.bytes.push(low);
            }
            self.bytes.push(low | 0x80);
        }
    }
}

macro_rules! fixed_width {
    ($($name:ident: $type:ty, $doc:literal;)*) => {
        impl Writer {
            $(
                #[doc = $doc]
                #[inline]
                pub fn $name(&mut self, value: $type) {
                    self.bytes.extend_from_slice(&value.to_be_bytes());
                }
            )*
        }
    };
}

fixed_width! {
    u8: u8, "One byte.";
    i8: i8, "One signed byte.";
    i16: i16, "Two bytes, signed.";
    u16: u16, "Two bytes.";
    i32: i32, "Four bytes, signed.";
    u32: u32, "Four bytes.";
    i64: i64, "Eight bytes, signed.";
    u64: u64, "Eight bytes.";
    f64: f64, "Eight bytes, IEEE 754.";
}
