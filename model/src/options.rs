//! Wire enums, parsed once at the edge.

use crate::ErrorCode;

/// When a produce request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Never: the client does not read an answer.
    None,
    /// After the write to the leader's log.
    Leader,
    /// When the records are as durable as their topic promises.
    All,
}

impl Acks {
    /// Reads the wire's 0, 1 or -1.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidRequiredAcks`] for any other number.
    pub const fn from_wire(raw: i16) -> Result<Self, ErrorCode> {
        match raw {
            0 => Ok(Self::None),
            1 => Ok(Self::Leader),
            -1 => Ok(Self::All),
            _ => Err(ErrorCode::InvalidRequiredAcks),
        }
    }
}

/// What a reader may see (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IsolationLevel {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// Everything below the last stable offset; aborted records are named for the client to skip.
    ReadCommitted,
}

impl IsolationLevel {
    /// Reads the wire's 0 or 1.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidRequest`] for any other number.
    pub const fn from_wire(raw: i8) -> Result<Self, ErrorCode> {
        match raw {
            0 => Ok(Self::ReadUncommitted),
            1 => Ok(Self::ReadCommitted),
            _ => Err(ErrorCode::InvalidRequest),
        }
    }
}
