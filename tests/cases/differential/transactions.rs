//! The requests of transactional producers: each path of their coordinator, and random ones.

use std::time::Duration;

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;
use crate::support::groups::find_coordinator;
use crate::support::topics::Topic;

const COMMIT: bool = true;
const ABORT: bool = false;

/// What says "come again": the coordinator loads, or is not there yet; a transaction ends.
const COME_AGAIN: [i64; 4] = [14, 15, 16, 51];

const TRANSACTIONAL_ID_NOT_FOUND: i64 = 105;

/// A producer id and an epoch, as the broker of this side gave them out.
type Pair = (i64, i64);

/// One side's producer: what it knows, right or wrong.
struct Producer {
    id: String,
    now: Pair,
    /// What it had before; the newest last.
    before: Vec<Pair>,
}

impl Producer {
    #[track_caller]
    fn new(peer: &mut Peer, name: &str) -> Self {
        let id = peer.name(name);
        test_support::wait_until("a transaction coordinator", Duration::from_secs(20), || {
            let asked = json!({"key_type": 1, "coordinator_keys": [id]});
            if peer.client().call("FindCoordinator", 4, &asked)["coordinators"][0]["error_code"] != 0 {
                return false;
            }
            // It may still be loading.
            let answer = peer.client().call("DescribeTransactions", 0, &json!({"transactional_ids": [id]}));
            answer["transaction_states"][0]["error_code"] == TRANSACTIONAL_ID_NOT_FOUND
        });
        Self { id, now: (-1, -1), before: Vec::new() }
    }

    fn is_now(&mut self, answer: &Value) {
        if answer["error_code"] == 0 && answer["producer_id"].is_i64() {
            let pair = (answer["producer_id"].as_i64().unwrap(), answer["producer_epoch"].as_i64().unwrap());
            if pair != self.now {
                self.before.push(std::mem::replace(&mut self.now, pair));
            }
        }
    }

    /// Begins, or goes on from `expected`, and takes what it is given.
    #[track_caller]
    fn init(&mut self, peer: &mut Peer, expected: Pair) -> Value {
        let body = json!({
            "transactional_id": self.id, "transaction_timeout_ms": 60_000,
            "producer_id": expected.0, "producer_epoch": expected.1,
        });
        let answer = settled(peer, "InitProducerId", 5, &body, |answer| &answer["error_code"]);
        self.is_now(&answer);
        answer
    }

    #[track_caller]
    fn add(&self, peer: &mut Peer, version: i16, pair: Pair, partitions: &[(&Topic, i32)]) {
        let topics: Vec<_> =
            partitions.iter().map(|(topic, index)| json!({"name": topic.name, "partitions": [index]})).collect();
        let body = json!({
            "v3_and_below_transactional_id": self.id,
            "v3_and_below_producer_id": pair.0,
            "v3_and_below_producer_epoch": pair.1,
            "v3_and_below_topics": topics,
        });
        settled(peer, "AddPartitionsToTxn", version, &body, |answer| {
            &answer["results_by_topic_v3_and_below"][0]["results_by_partition"][0]["partition_error_code"]
        });
    }

    /// As a broker does it for its partitions: adds them by the rules of KIP-890, or only asks.
    #[track_caller]
    fn add_batched(&self, peer: &mut Peer, pair: Pair, partition: (&Topic, i32), verify_only: bool) {
        let body = json!({"transactions": [{
            "transactional_id": self.id,
            "producer_id": pair.0,
            "producer_epoch": pair.1,
            "verify_only": verify_only,
            "topics": [{"name": partition.0.name, "partitions": [partition.1]}],
        }]});
        settled(peer, "AddPartitionsToTxn", 5, &body, |answer| {
            let topic = &answer["results_by_transaction"][0]["topic_results"][0];
            &topic["results_by_partition"][0]["partition_error_code"]
        });
    }

    #[track_caller]
    fn add_offsets(&self, peer: &mut Peer, pair: Pair, group: &str) {
        let body = json!({
            "transactional_id": self.id, "producer_id": pair.0, "producer_epoch": pair.1, "group_id": group,
        });
        settled(peer, "AddOffsetsToTxn", 4, &body, |answer| &answer["error_code"]);
    }

    #[track_caller]
    fn end(&mut self, peer: &mut Peer, version: i16, pair: Pair, committed: bool) -> Value {
        let body = json!({
            "transactional_id": self.id, "producer_id": pair.0, "producer_epoch": pair.1, "committed": committed,
        });
        let answer = settled(peer, "EndTxn", version, &body, |answer| &answer["error_code"]);
        if version >= 5 {
            self.is_now(&answer);
        }
        answer
    }

    /// What is told of it once nothing is under way.
    #[track_caller]
    fn describe(&self, peer: &mut Peer) {
        let body = json!({"transactional_ids": [self.id]});
        let mut answer = json!(null);
        test_support::wait_until("the markers", Duration::from_secs(20), || {
            answer = peer.client().call("DescribeTransactions", 0, &body);
            let state = answer["transaction_states"][0]["transaction_state"].as_str().unwrap().to_owned();
            !state.starts_with("Prepare")
        });
        let topics = &mut answer["transaction_states"][0]["topics"];
        // Groups lie in other partitions on each side, as their names are others.
        let is_own = |topic: &Value| topic["topic"] != "__consumer_offsets";
        *topics = topics.as_array().unwrap().iter().filter(|topic| is_own(topic)).cloned().collect();
        for topic in topics.as_array_mut().unwrap() {
            peer.sort(&mut topic["partitions"]);
        }
        peer.sort(&mut answer["transaction_states"][0]["topics"]);
        peer.note("DescribeTransactions", 0, &body, &answer);
    }

    /// A pair that is right, was right, or never was.
    fn some_pair(&self, random: &mut Random) -> Pair {
        let (id, epoch) = self.now;
        match random.below(10) {
            0 => (id, epoch - 1),
            1 => (id, epoch + 1),
            2 => (id + 1_000_000, epoch),
            3 => self.before.iter().rev().nth(random.below(3)).copied().unwrap_or(self.now),
            _ => self.now,
        }
    }
}

/// Calls until the answer is none that says "come again", and compares the last.
#[track_caller]
fn settled(peer: &mut Peer, name: &str, version: i16, body: &Value, code: impl Fn(&Value) -> &Value) -> Value {
    let mut answer = json!(null);
    test_support::wait_until("an answer", Duration::from_secs(30), || {
        answer = peer.client().call(name, version, body);
        code(&answer).as_i64().is_none_or(|code| !COME_AGAIN.contains(&code))
    });
    peer.note(name, version, body, &answer);
    answer
}

/// Choices that a seed decides; the same on both sides.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[test]
fn requests_of_nobody_are_refused_in_every_version() {
    compare(|peer| {
        let topic = peer.topic("topic", 2, &[]);
        let producer = Producer::new(peer, "nobody");
        for id in ["", &producer.id] {
            peer.call_all(
                "EndTxn",
                &json!({"transactional_id": id, "producer_id": 1, "producer_epoch": 0, "committed": true}),
            );
            let offsets = json!({"transactional_id": id, "producer_id": 1, "producer_epoch": 0, "group_id": "g"});
            peer.call_all("AddOffsetsToTxn", &offsets);
            for name in [&topic.name, "there-is-none"] {
                for version in 0..=3 {
                    let body = json!({
                        "v3_and_below_transactional_id": id, "v3_and_below_producer_id": 1, "v3_and_below_producer_epoch": 0,
                        "v3_and_below_topics": [{"name": name, "partitions": [0, 1]}],
                    });
                    peer.call("AddPartitionsToTxn", version, &body);
                }
                // One partition: Kafka answers a question about several in the order of a hash.
                for (version, verify_only) in [(4, false), (4, true), (5, false), (5, true)] {
                    let body = json!({"transactions": [{
                        "transactional_id": id, "producer_id": 1, "producer_epoch": 0, "verify_only": verify_only,
                        "topics": [{"name": name, "partitions": [1]}],
                    }]});
                    peer.call("AddPartitionsToTxn", version, &body);
                }
            }
            peer.call("DescribeTransactions", 0, &json!({"transactional_ids": [id]}));
        }
        peer.call("DescribeTransactions", 0, &json!({"transactional_ids": []}));
    });
}

#[test]
fn beginnings_are_refused_in_every_version() {
    compare(|peer| {
        let producer = Producer::new(peer, "beginning");
        for timeout in [0, -1, 900_001] {
            let body = json!({"transactional_id": producer.id, "transaction_timeout_ms": timeout});
            peer.call_all("InitProducerId", &body);
        }
        for (id, epoch) in [(-1, 0), (0, -1), (-2, -2), (5, 5)] {
            for version in 3..=5 {
                let body = json!({
                    "transactional_id": producer.id, "transaction_timeout_ms": 60_000,
                    "producer_id": id, "producer_epoch": epoch,
                });
                settled(peer, "InitProducerId", version, &body, |answer| &answer["error_code"]);
            }
        }
    });
}

#[test]
fn the_life_of_a_producer_of_either_kind() {
    compare(|peer| {
        let topic = peer.topic("topic", 3, &[]);
        for end in [1, 4, 5] {
            let mut one = Producer::new(peer, &format!("life-{end}"));
            let first = one.init(peer, (-1, -1));
            assert_eq!(first["error_code"], 0);
            for committed in [COMMIT, ABORT] {
                one.describe(peer);
                let ended = one.now;
                if end == 5 {
                    one.add_batched(peer, ended, (&topic, 0), false);
                } else {
                    one.add(peer, 3, ended, &[(&topic, 0)]);
                }
                one.add_batched(peer, ended, (&topic, 0), true);
                one.add_batched(peer, ended, (&topic, 1), true);
                one.describe(peer);
                one.end(peer, end, ended, committed);
                // Again, and otherwise.
                one.end(peer, end, ended, committed);
                one.end(peer, end, ended, !committed);
                let next = one.now;
                one.end(peer, end, next, ABORT);
                one.end(peer, end, next, COMMIT);
            }
            let now = one.now;
            one.init(peer, now);
            one.init(peer, now);
            one.init(peer, (-1, -1));
            one.init(peer, now);
            one.describe(peer);
        }
    });
}

#[test]
fn random_producers_hear_the_same() {
    for seed in 0..4 {
        compare(|peer| {
            let mut random = Random(seed);
            let topics = [peer.topic("alpha", 3, &[]), peer.topic("beta", 2, &[])];
            let group = peer.name("group");
            find_coordinator(peer.client(), &group);
            let mut producers = [Producer::new(peer, "one"), Producer::new(peer, "two")];
            for _ in 0..100 {
                let producer = &mut producers[random.below(2)];
                let pair = producer.some_pair(&mut random);
                let topic = &topics[random.below(2)];
                let index = random.below(2) as i32;
                match random.below(12) {
                    0 => drop(producer.init(peer, (-1, -1))),
                    1 => drop(producer.init(peer, pair)),
                    2 | 3 => producer.add(peer, 3, pair, &[(topic, index)]),
                    4..=6 => producer.add_batched(peer, pair, (topic, index), random.one_in(3)),
                    7 => producer.add_offsets(peer, pair, &group),
                    8 | 9 => drop(producer.end(peer, 5, pair, random.one_in(2))),
                    10 => drop(producer.end(peer, 4, pair, random.one_in(2))),
                    _ => producer.describe(peer),
                }
            }
        });
    }
}

#[test]
fn transactions_are_listed_the_same() {
    compare(|peer| {
        let topic = peer.topic("topic", 1, &[]);
        let mut one = Producer::new(peer, "listed-1");
        let mut two = Producer::new(peer, "listed-2");
        one.init(peer, (-1, -1));
        two.init(peer, (-1, -1));
        let now = two.now;
        two.add(peer, 3, now, &[(&topic, 0)]);
        let pattern = format!("listed-.*{}", peer.name(""));
        for states in [json!([]), json!(["Ongoing"]), json!(["Empty", "nonsense"]), json!(["Dead"]), json!(["ongoing"])]
        {
            for duration in [-1_i64, 0, 3_600_000] {
                for producer_ids in [json!([]), json!([now.0]), json!([i64::MAX])] {
                    let body = json!({
                        "state_filters": states, "producer_id_filters": producer_ids, "duration_filter": duration,
                        "transactional_id_pattern": pattern,
                    });
                    peer.call_sorted("ListTransactions", 2, &body, "transaction_states");
                }
            }
        }
        for pattern in ["(", "a{2", "[z-a]", "(?=a)", "listed"] {
            let body = json!({"state_filters": [], "producer_id_filters": [], "duration_filter": -1, "transactional_id_pattern": pattern});
            peer.call("ListTransactions", 2, &body);
        }
    });
}
