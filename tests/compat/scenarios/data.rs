//! Records there and back.

use super::{Session, succeed, unused_name, writable};
use crate::client::{At, Codec, Limit, Partition, Start};
use crate::records::{Record, TIMES, assert_same, edges, noise, rows};

const MESSAGE_TOO_LARGE: i16 = 10;
const MB: usize = 1_000_000;

pub(crate) fn every_codec_carries_every_kind_of_record(session: &mut Session) {
    let topic = session.topic(5, &[]);
    let mut records = writable(session.abilities(), edges());
    records.extend(rows(300));
    for (index, codec) in (0..).zip(session.abilities().codecs) {
        let partition = Partition::new(&topic, index);
        let offsets = session.write(&partition, *codec, &records, 0);
        let read = succeed(session.consumer().fetch(&partition, Start::Offset(0), records.len()));
        assert_same(&records, &offsets, &read, !session.abilities().has(Limit::NoTimestamps));
    }
}

/// The broker's `auto.create.topics.enable` is on by default, as in Kafka, and so is every client's wish for it.
pub(crate) fn a_first_record_creates_its_topic(session: &mut Session) {
    let partition = Partition::new(&unused_name(session.abilities().name), 0);
    let records = rows(1);
    let offsets = session.write(&partition, Codec::None, &records, 0);
    let read = succeed(session.consumer().fetch(&partition, Start::Offset(0), 1));
    assert_same(&records, &offsets, &read, !session.abilities().has(Limit::NoTimestamps));
}

pub(crate) fn records_of_1_byte_to_10_mb(session: &mut Session) {
    let topic = session.topic(1, &[("max.message.bytes", "11000000")]);
    let partition = Partition::new(&topic, 0);
    let sizes = (1..).zip([1, 100, 10_000, MB, 10 * MB, 2]);
    let records: Vec<Record> = sizes.map(|(seed, size)| Record::new("size", noise(seed, size), TIMES)).collect();
    let mut offsets = Vec::new();
    for (offset, record) in (0..).zip(&records) {
        offsets.extend(session.write(&partition, Codec::None, std::slice::from_ref(record), offset));
    }
    let read = succeed(session.consumer().fetch(&partition, Start::Offset(0), records.len()));
    assert_same(&records, &offsets, &read, !session.abilities().has(Limit::NoTimestamps));
}

pub(crate) fn a_record_over_the_topics_limit_is_refused(session: &mut Session) {
    let topic = session.topic(1, &[]);
    let partition = Partition::new(&topic, 0);
    let large = Record::new("large", noise(9, 2 * MB), TIMES);
    let refusal =
        session.client.produce(&partition, Codec::None, &[large]).expect_err("2 MB is over the default limit");
    assert!(matches!(refusal.code, Some(MESSAGE_TOO_LARGE) | None), "{refusal}");
    assert_eq!(succeed(session.client.list_offset(&partition, At::Latest)), Some(0));
}

pub(crate) fn many_batches_in_flight_keep_their_order(session: &mut Session) {
    let topic = session.topic(1, &[]);
    let partition = Partition::new(&topic, 0);
    let records = rows(20_000);
    let offsets = session.write(&partition, Codec::None, &records, 0);
    let read = succeed(session.consumer().fetch(&partition, Start::Offset(0), records.len()));
    assert_same(&records, &offsets, &read, !session.abilities().has(Limit::NoTimestamps));
}

pub(crate) fn a_partition_assigned_by_hand_gives_its_own_records(session: &mut Session) {
    let topic = session.topic(3, &[]);
    let of = |index: i32| -> Vec<Record> {
        (0..20).map(|row| Record::new("partition", format!("{index}:{row}"), TIMES + row)).collect()
    };
    for index in 0..3 {
        session.write(&Partition::new(&topic, index), Codec::None, &of(index), 0);
    }
    for index in [1, 0, 2] {
        let read = succeed(session.consumer().fetch(&Partition::new(&topic, index), Start::Offset(0), 20));
        let offsets: Vec<i64> = (0..20).collect();
        assert_same(&of(index), &offsets, &read, !session.abilities().has(Limit::NoTimestamps));
    }
}

/// The reader waits in a fetch while the helper writes.
pub(crate) fn a_reader_at_the_end_gets_what_comes_next(session: &mut Session) {
    let topic = session.topic(1, &[]);
    let partition = Partition::new(&topic, 0);
    session.write(&partition, Codec::None, &rows(10), 0);
    let next = [Record::new("next", "after a wait", TIMES)];
    let Session { client, helper } = session;
    let Some(consumer) = client.consumer() else { return };
    let read = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Long enough for the reader's fetch to be waiting in the broker; too short a wait only tests less.
            std::thread::sleep(std::time::Duration::from_millis(700));
            crate::client::Client::produce(helper, &partition, Codec::None, &next)
        });
        let read = consumer.fetch(&partition, Start::Offset(10), 1);
        assert_eq!(succeed(writer.join().unwrap()), [10]);
        succeed(read)
    });
    assert_same(&next, &[10], &read, true);
}
