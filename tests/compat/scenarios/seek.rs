//! Finding a place in a partition.

use super::{Session, succeed};
use crate::client::{At, Client as _, Codec, Limit, Partition, Start};
use crate::records::{TIMES, assert_same, rows};

const COUNT: usize = 200;

/// A partition with [`rows`], a second apart, in several batches, of which one is compressed. They come from the helper, so
/// that the timestamps are known also for a client that cannot set them.
fn filled(session: &mut Session) -> Partition {
    let topic = session.topic(1, &[]);
    let partition = Partition::new(&topic, 0);
    for (batch, codec) in rows(COUNT).chunks(50).zip([Codec::None, Codec::Zstd, Codec::None, Codec::None]) {
        succeed(session.helper.produce(&partition, codec, batch));
    }
    partition
}

pub(crate) fn by_offset(session: &mut Session) {
    let partition = filled(session);
    let records = rows(COUNT);
    // Inside, at the start and at the end of batches.
    for (start, offset) in [(0, 0), (1, 1), (49, 49), (50, 50), (77, 77), (199, 199)] {
        let count = (COUNT - start).min(60);
        let read = succeed(session.consumer().fetch(&partition, Start::Offset(offset), count));
        let offsets: Vec<i64> = (offset..).take(count).collect();
        assert_same(&records[start..start + count], &offsets, &read, true);
    }
}

pub(crate) fn by_time(session: &mut Session) {
    let partition = filled(session);
    // On a record's own time, between two, before all; in a batch that is compressed, and in one that is not.
    for (time, offset) in [(TIMES + 70_000, 70), (TIMES + 70_001, 71), (TIMES - 5, 0), (TIMES + 120_500, 121)] {
        let read = succeed(session.consumer().fetch(&partition, Start::Timestamp(time), 1));
        assert_eq!(read[0].offset, offset, "the first record from {time} on");
    }
}

pub(crate) fn offsets_are_listed(session: &mut Session) {
    let partition = filled(session);
    let abilities = session.abilities();
    let mut list = |at| succeed(session.client.list_offset(&partition, at));
    assert_eq!(list(At::Earliest), Some(0));
    assert_eq!(list(At::Latest), Some(200));
    assert_eq!(list(At::Timestamp(TIMES + 60_000)), Some(60));
    assert_eq!(list(At::Timestamp(TIMES + 199_000)), Some(199));
    let none = if abilities.has(Limit::NoOffsetIsTheEnd) { Some(200) } else { None };
    assert_eq!(list(At::Timestamp(TIMES + 199_001)), none, "no record is as late");
    if !abilities.has(Limit::NoMaxTimestamp) {
        assert_eq!(list(At::MaxTimestamp), Some(199));
    }
}
