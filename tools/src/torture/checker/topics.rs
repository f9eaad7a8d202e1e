//! What became of topics that were created and deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use super::history::History;

/// Check 13: a topic whose creation was acknowledged, and whose deletion nobody asked for, is there; one whose deletion was
/// acknowledged is not.
pub(super) fn topics(history: &History, findings: &mut Findings<'_>) {
    let listed: BTreeSet<&str> =
        history.topics.iter().filter(|event| event.e == "topic").map(|event| event.topic.as_str()).collect();
    if !history.topics.iter().any(|event| event.e == "done") {
        findings.add(|| "nobody listed the topics in the end".to_owned());
        return;
    }
    // The last word on each.
    let mut last: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for event in history.topics.iter().filter(|event| event.e != "topic" && !event.topic.is_empty()) {
        last.insert(event.topic.as_str(), (event.e.as_str(), event.how.as_str()));
    }
    for (topic, (what, how)) in last {
        let is_listed = listed.contains(topic);
        if what == "created" && how == "ok" && !is_listed {
            findings.add(|| format!("{topic} was created and is gone"));
        }
        if what == "deleted" && how == "ok" && is_listed {
            findings.add(|| format!("{topic} was deleted and is there"));
        }
    }
}
