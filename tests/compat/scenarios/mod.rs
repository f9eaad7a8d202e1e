//! What every client must find. A scenario is a function over a [`Session`]; the clients' abilities say where one asks a helper.

mod admin;
mod data;
pub(crate) mod exchange;
mod seek;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use test_support::{SOON, wait_until};

use crate::client::{Abilities, Admin, At, Client, Codec, Configs, Consumer, Limit, Outcome, Partition};
use crate::drivers::{Kind, Librdkafka};
use crate::records::{Hex, Record};

type Scenario = (&'static str, fn(&mut Session));

/// For the clients that manage topics.
const ADMIN_SCENARIOS: &[Scenario] = &[
    ("topics are created, grown and deleted", admin::topics_are_created_grown_and_deleted),
    ("a topic created twice is refused", admin::a_topic_created_twice_is_refused),
    ("a deleted topic comes back empty", admin::a_deleted_topic_comes_back_empty),
    ("configs are described and altered", admin::configs_are_described_and_altered),
    ("a config that makes no sense is refused", admin::a_config_that_makes_no_sense_is_refused),
];

const SCENARIOS: &[Scenario] = &[
    ("every codec carries every kind of record", data::every_codec_carries_every_kind_of_record),
    ("a first record creates its topic", data::a_first_record_creates_its_topic),
    ("records of 1 byte to 10 MB", data::records_of_1_byte_to_10_mb),
    ("a record over the topic's limit is refused", data::a_record_over_the_topics_limit_is_refused),
    ("many batches in flight keep their order", data::many_batches_in_flight_keep_their_order),
    ("a partition assigned by hand gives its own records", data::a_partition_assigned_by_hand_gives_its_own_records),
    ("a reader at the end gets what comes next", data::a_reader_at_the_end_gets_what_comes_next),
    ("seek by offset", seek::by_offset),
    ("seek by time", seek::by_time),
    ("offsets are listed", seek::offsets_are_listed),
];

/// So many failures are enough to look at, and each may have waited for its time limit.
const FAILURES_MAX: usize = 4;

/// Runs all scenarios and fails with the names of those that failed.
#[track_caller]
pub(crate) fn run_all(session: &mut Session) {
    let filter = std::env::var("TIDELOG_TEST_SCENARIO").unwrap_or_default();
    let mut failed = Vec::new();
    let administers = session.client.admin().is_some();
    let scenarios = ADMIN_SCENARIOS.iter().filter(|_| administers).chain(SCENARIOS);
    for (name, scenario) in scenarios.filter(|(name, _)| name.contains(&filter)) {
        if catch_unwind(AssertUnwindSafe(|| scenario(session))).is_err() {
            failed.push(*name);
        }
        if failed.len() == FAILURES_MAX {
            failed.push("and the others were not tried");
            break;
        }
    }
    assert!(failed.is_empty(), "{} failed at: {}", session.abilities().name, failed.join("; "));
}

/// A client under test, and a helper for what it cannot do itself.
pub(crate) struct Session {
    client: Box<dyn Client>,
    helper: Librdkafka,
}

impl Session {
    #[track_caller]
    pub(crate) fn open(kind: Kind, bootstrap: &str) -> Self {
        Self { client: kind.open(bootstrap), helper: Librdkafka::open(bootstrap) }
    }

    fn abilities(&self) -> &'static Abilities {
        self.client.abilities()
    }

    fn admin(&mut self) -> &mut dyn Admin {
        match self.client.admin() {
            Some(admin) => admin,
            None => &mut self.helper,
        }
    }

    fn consumer(&mut self) -> &mut dyn Consumer {
        match self.client.consumer() {
            Some(consumer) => consumer,
            None => &mut self.helper,
        }
    }

    /// Creates a topic with a name that no other scenario uses.
    #[track_caller]
    fn topic(&mut self, partitions: u32, set: &[(&str, &str)]) -> String {
        let topic = unused_name(self.abilities().name);
        let admin = self.admin();
        succeed(admin.create_topic(&topic, partitions, &configs(set)));
        wait_until("the new topic has configs", SOON, || admin.describe_configs(&topic).is_ok());
        wait_for_leaders(self.client.as_mut(), &topic, partitions);
        topic
    }

    /// Writes records and checks that they went to `first` and the offsets behind it.
    #[track_caller]
    fn write(&mut self, to: &Partition, codec: Codec, records: &[Record], first: i64) -> Vec<i64> {
        let offsets = succeed(self.client.produce(to, codec, records));
        let expected: Vec<i64> = (first..).take(records.len()).collect();
        assert_eq!(offsets, expected, "the offsets of {} records by {codec:?}", records.len());
        offsets
    }
}

/// Waits until a new topic's partitions have leaders. Kafka answers who creates a topic before it knows of it everywhere.
#[track_caller]
fn wait_for_leaders(client: &mut dyn Client, topic: &str, partitions: u32) {
    for index in 0..i32::try_from(partitions).unwrap() {
        let partition = Partition::new(topic, index);
        wait_until("the new partition has a leader", SOON, || {
            matches!(client.list_offset(&partition, At::Latest), Ok(Some(0)))
        });
    }
}

#[track_caller]
fn succeed<T>(outcome: Outcome<T>) -> T {
    outcome.unwrap_or_else(|refusal| panic!("refused: {refusal}"))
}

fn configs(set: &[(&str, &str)]) -> Configs {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
}

/// The tests may run against a broker that keeps its topics from one run to the next, hence the process id.
fn unused_name(client: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{client}-{}-{number}", std::process::id())
}

/// The records that a client is able to write.
fn writable(abilities: &Abilities, mut records: Vec<Record>) -> Vec<Record> {
    if abilities.has(Limit::SimpleHeaders) {
        records.retain(|record| {
            let names: std::collections::BTreeSet<&str> =
                record.headers.iter().map(|(name, _)| name.as_str()).collect();
            names.len() == record.headers.len() && record.headers.iter().all(|(_, value)| value.is_some())
        });
    }
    if abilities.has(Limit::NoNullHeaders) {
        records.retain(|record| record.headers.iter().all(|(_, value)| value.is_some()));
    }
    if abilities.has(Limit::NoNullBesideEmpty) {
        let is_empty = |field: &Option<Hex>| field.as_ref().is_some_and(|Hex(bytes)| bytes.is_empty());
        records.retain(|Record { key, value, .. }| {
            let null_beside_empty = key.is_none() && is_empty(value) || is_empty(key) && value.is_none();
            !null_beside_empty
        });
    }
    if abilities.has(Limit::NoNullRecords) {
        records.retain(|record| record.key.is_some() || record.value.is_some());
    }
    records
}
