//! The topics in a consumer's subscription. It is the client's blob: read as far as version 0 goes, which begins every
//! version, and never further than its own bytes.

use std::collections::BTreeSet;

use model::wire::{Form, Reader, WireError};

/// Bytes of the shortest topic name on the wire: its length.
const NAME_SIZE_MIN: usize = 2;

/// Why a subscription cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Its version is negative.
    Version,
    /// It is no subscription.
    Wire,
}

impl From<WireError> for Unreadable {
    fn from(_: WireError) -> Self {
        Self::Wire
    }
}

/// Adds the topics of this subscription to `topics`.
pub(super) fn add_topics(subscription: &[u8], topics: &mut BTreeSet<String>) -> Result<(), Unreadable> {
    let mut reader = Reader::new(subscription);
    if reader.i16()? < 0 {
        return Err(Unreadable::Version);
    }
    let names = reader.elements(Form::Classic, NAME_SIZE_MIN, |reader| reader.string(Form::Classic))?;
    // The user's data: nothing is known of it but that it must be there.
    reader.nullable_bytes(Form::Classic)?;
    topics.extend(names.into_iter().map(str::to_owned));
    Ok(())
}
