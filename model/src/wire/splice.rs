//! A place in a message for bytes that are not in its buffer.

/// Bytes that are sent from elsewhere: `size` of them, after `position` bytes of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Head bytes that come before it.
    pub position: usize,
    /// Bytes of it, never 0.
    pub size: u32,
}
