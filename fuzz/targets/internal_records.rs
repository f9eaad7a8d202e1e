//! Records of `__consumer_offsets` and `__transaction_state`: replayed into a shard, which then looks at itself and at the time.
//! A record that cannot be read is an error of its group or transactional id, never a panic.
#![no_main]

use arbitrary::Arbitrary;
use coordinator::group::{Context, GroupSettings, GroupShard, Topics};
use coordinator::shard::Now;
use coordinator::transaction::{TransactionContext, TransactionSettings, TransactionShard};
use libfuzzer_sys::fuzz_target;
use model::{LeaderEpoch, Tick, Timestamp, TopicId};

/// A record: its kind and versions are numbers near those that there are.
#[derive(Arbitrary, Debug)]
struct Record {
    kind: u8,
    key: Vec<u8>,
    version: u8,
    value: Option<Vec<u8>>,
}

/// A topic is there, the others are not.
struct OneTopic;

impl Topics for OneTopic {
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        (name == "t").then_some((TopicId::from_bytes([7; 16]), 3))
    }

    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        (id == TopicId::from_bytes([7; 16])).then_some(("t", 3))
    }

    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        each("t");
    }

    fn version(&self) -> u64 {
        1
    }
}

fuzz_target!(|input: (bool, Vec<Record>)| {
    let (is_groups, records) = input;
    let records: Vec<_> = records.iter().map(bytes).collect();
    if is_groups { replay_groups(&records) } else { replay_transactions(&records) }
});

fn bytes(record: &Record) -> (Vec<u8>, Option<Vec<u8>>) {
    let with = |number: u8, rest: &[u8]| [&i16::from(number % 24).to_be_bytes()[..], rest].concat();
    (with(record.kind, &record.key), record.value.as_ref().map(|value| with(record.version % 6, value)))
}

fn at(tick: u64) -> Now {
    Now { time: Timestamp::new(1_700_000_000_000), tick: Tick::from_ms(tick) }
}

fn replay_groups(records: &[(Vec<u8>, Option<Vec<u8>>)]) {
    let mut shard = GroupShard::new();
    for (key, value) in records {
        let _replayed = shard.replay(key, value.as_deref()).is_ok();
    }
    let settings = GroupSettings::default();
    let context = |tick| Context { now: at(tick), settings: &settings, topics: &OneTopic };
    drop(shard.loaded(&context(0)));
    for tick in [1, 60_000, 100_000_000] {
        drop(shard.on_time(&context(tick)));
    }
}

fn replay_transactions(records: &[(Vec<u8>, Option<Vec<u8>>)]) {
    let mut shard = TransactionShard::new(LeaderEpoch::ZERO);
    for (key, value) in records {
        let _replayed = shard.replay(key, value.as_deref()).is_ok();
    }
    let settings = TransactionSettings::default();
    let context = |tick| TransactionContext { now: at(tick), settings: &settings };
    shard.loaded(&context(0));
    for tick in [1, 60_000, 100_000_000] {
        drop(shard.on_time(&context(tick)));
    }
}
