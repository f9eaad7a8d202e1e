//! The same requests to our broker and to the real Kafka 4.4, and their answers compared field by field.
//!
//! A script is a function that makes calls on a [`Peer`]; it is run once against each broker, and every answer it got is
//! compared. What cannot be equal (ids, ports, times, texts of errors) is masked by `normal`; what is meant to differ stands in
//! `known`, with its reason. A new probe is one more `peer.call`.

mod known;
mod normal;
mod peer;

mod administration;
mod clusters;
mod configs;
mod consumer_groups;
mod fetches;
mod group_directory;
mod group_offsets;
mod groups;
mod offsets;
mod produces;
mod records;
mod resources;
mod telemetry;
mod topics;
mod transactions;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::brokers::Kind;
use peer::{Peer, Step};

/// Differences that a failing comparison shows at most.
const SHOWN_MAX: usize = 60;

/// Runs a script against both brokers and fails unless they agree.
#[track_caller]
fn compare(script: impl Fn(&mut Peer) + Sync) {
    let run = |kind| {
        let mut peer = Peer::connect(kind);
        script(&mut peer);
        peer.into_steps()
    };
    let (ours, kafkas) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| run(Kind::Tidelog));
        let kafkas = run(Kind::Kafka);
        (ours.join(), kafkas)
    });
    let ours = ours.unwrap();
    assert_eq!(ours.len(), kafkas.len(), "the script took another way");
    let different = differences(&ours, &kafkas);
    let shown = different.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("\n");
    assert!(different.is_empty(), "{} differences:\n{shown}", different.len());
}

/// What differs, each difference once for all versions that have it.
fn differences(ours: &[Step], kafkas: &[Step]) -> Vec<String> {
    let mut versions_of: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    let mut first_of = BTreeMap::new();
    for (index, (our, kafka)) in ours.iter().zip(kafkas).enumerate() {
        assert_eq!(our.api, kafka.api, "the script took another way");
        let mut found = Vec::new();
        walk(String::new(), &our.answer, &kafka.answer, &mut found);
        found.retain(|(path, _)| !known::is_meant(&our.api, path));
        for (path, what) in found {
            let text = format!("{} {}\n    {path}: {what}", kafka.api, kafka.asked);
            let first = *first_of.entry(text.clone()).or_insert(index);
            versions_of.entry((first, text)).or_default().push(kafka.version.to_string());
        }
    }
    versions_of.into_iter().map(|((_, text), versions)| format!("v{} {text}", versions.join(","))).collect()
}

/// Collects the paths at which two answers differ.
fn walk(path: String, ours: &Value, kafkas: &Value, found: &mut Vec<(String, String)>) {
    match (ours, kafkas) {
        (Value::Object(ours), Value::Object(kafkas)) => {
            let names: std::collections::BTreeSet<_> = ours.keys().chain(kafkas.keys()).collect();
            for name in names {
                let member =
                    |of: &serde_json::Map<String, Value>| of.get(name).cloned().unwrap_or(Value::from("absent"));
                walk(format!("{path}/{name}"), &member(ours), &member(kafkas), found);
            }
        }
        (Value::Array(ours), Value::Array(kafkas)) if ours.len() == kafkas.len() => {
            for (index, (our, kafka)) in ours.iter().zip(kafkas).enumerate() {
                walk(format!("{path}/{index}"), our, kafka, found);
            }
        }
        _ if ours == kafkas => {}
        _ => found.push((path, format!("ours {ours}, Kafka's {kafkas}"))),
    }
}
