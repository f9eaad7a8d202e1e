//! What cannot be equal on two brokers, masked: ids, ports, the time of day, texts of errors, the order of sets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::batch::stored;
use crate::support::message::unhex;
use crate::support::now_ms;

#[derive(Debug)]
pub(super) struct Masks {
    /// What makes this run's names unique.
    pub(super) salt: String,
    pub(super) port: i64,
    pub(super) texts: BTreeMap<String, String>,
}

/// Times in the scripts are older than this, so that what is younger was read from a clock.
const HOUR_MS: u64 = 3_600_000;

/// Lists that the real one returns in the order of a hash table, by their name; their elements are put in the order of their
/// text. The partitions and topics of Fetch and Produce are in none of them.
const SETS: [&str; 1] = ["results"];

impl Masks {
    pub(super) fn apply(&self, value: &Value) -> Value {
        self.member("", value)
    }

    /// What was asked, as a label that reads the same on both sides.
    pub(super) fn label(&self, body: &Value) -> String {
        let mut text = body.to_string().replace(&self.salt, "");
        for (from, to) in &self.texts {
            text = text.replace(from, to);
        }
        text
    }

    fn member(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::Object(object) => Value::Object(self.object(object)),
            Value::Array(list) => {
                let mut list: Vec<_> = list.iter().map(|item| self.member(name, item)).collect();
                if SETS.contains(&name) {
                    list.sort_by_key(Value::to_string);
                }
                Value::Array(list)
            }
            Value::String(_) if name == "records" => records(&unhex(value)),
            Value::String(text) => self.text(name, text),
            Value::Number(number) => number.as_i64().map_or_else(|| value.clone(), |number| self.number(name, number)),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    fn object(&self, object: &Map<String, Value>) -> Map<String, Value> {
        let said = object.iter().filter(|(name, _)| !name.ends_with("error_message"));
        said.map(|(name, value)| (name.clone(), self.member(name, value))).collect()
    }

    fn text(&self, name: &str, text: &str) -> Value {
        if let Some(stands_for) = self.texts.get(text) {
            return json!(stands_for);
        }
        match name {
            "cluster_id" => json!("a cluster's id"),
            "topic_id" if text.bytes().any(|byte| byte != b'0') => json!("a topic's id"),
            "documentation" => json!("what it does"),
            _ => json!(text.replace(&self.salt, "")),
        }
    }

    fn number(&self, name: &str, number: i64) -> Value {
        match name {
            "port" if number == self.port => json!("the broker's port"),
            "session_id" if number > 0 => json!("a session"),
            "producer_id" if number >= 0 => json!("a producer"),
            "finalized_features_epoch" if number >= 0 => json!("an epoch"),
            _ if number.abs_diff(now_ms()) < HOUR_MS => json!("now"),
            _ => json!(number),
        }
    }
}

/// The headers of whole batches. What follows of a cut one is left out: Kafka cuts at the limit, ours at a batch.
fn records(bytes: &[u8]) -> Value {
    let batches = stored(bytes).0.into_iter().map(|batch| {
        let time = |time: i64| if time.abs_diff(now_ms()) < HOUR_MS { json!("now") } else { json!(time) };
        json!({
            "base_offset": batch.base_offset,
            "leader_epoch": batch.leader_epoch,
            "attributes": batch.attributes,
            "last_offset_delta": batch.last_offset_delta,
            "base_timestamp": time(batch.base_timestamp),
            "max_timestamp": time(batch.max_timestamp),
            "sequence": [i32::from(batch.producer.1), batch.producer.2],
            "record_count": batch.record_count,
            "bytes": batch.body.len(),
        })
    });
    batches.collect()
}
