//! Each check finds what it is for, and nothing in a history that is well.

use super::{History, check};

/// A producer of each kind, a transaction of each fate, and readers who saw what they had to.
const WELL: [(&str, &str); 10] = [
    (
        "producer-1",
        r#"{"e":"producer","producer":1,"how":"idempotent"}
{"e":"send","topic":"keep","p":0,"seq":0,"n":10}
{"e":"ok","t":3000000000,"topic":"keep","p":0,"seq":0,"n":10,"off":0}
{"e":"send","topic":"keep","p":0,"seq":10,"n":5}
{"e":"unknown","topic":"keep","p":0,"seq":10,"n":5}"#,
    ),
    (
        "producer-2",
        r#"{"e":"producer","producer":2,"how":"transactional"}
{"e":"send","topic":"keep","p":0,"seq":0,"n":4,"txn":1}
{"e":"ok","topic":"keep","p":0,"seq":0,"n":4,"off":15,"txn":1}
{"e":"end","txn":1,"how":"commit"}
{"e":"ended","txn":1,"how":"ok"}
{"e":"send","topic":"keep","p":0,"seq":4,"n":2,"txn":2}
{"e":"ok","topic":"keep","p":0,"seq":4,"n":2,"off":20,"txn":2}
{"e":"end","txn":2,"how":"abort"}
{"e":"send","topic":"keep","p":0,"seq":6,"n":2,"txn":3}
{"e":"ok","topic":"keep","p":0,"seq":6,"n":2,"off":23,"txn":3}
{"e":"end","txn":3,"how":"commit"}"#,
    ),
    (
        "reading-first-all",
        r#"{"e":"offsets","topic":"keep","p":0,"start":0,"last":26,"end":26}
{"e":"read","topic":"keep","p":0,"off":0,"n":15,"producer":1,"seq":0}
{"e":"read","topic":"keep","p":0,"off":15,"n":4,"producer":2,"seq":0,"txn":1}
{"e":"read","topic":"keep","p":0,"off":19,"n":1,"producer":-1}
{"e":"read","topic":"keep","p":0,"off":20,"n":2,"producer":2,"seq":4,"txn":2}
{"e":"read","topic":"keep","p":0,"off":22,"n":1,"producer":-1}
{"e":"read","topic":"keep","p":0,"off":23,"n":2,"producer":2,"seq":6,"txn":3}
{"e":"read","topic":"keep","p":0,"off":25,"n":1,"producer":-1}
{"e":"done"}"#,
    ),
    (
        "reading-first-committed",
        r#"{"e":"offsets","topic":"keep","p":0,"start":0,"last":26,"end":26}
{"e":"read","topic":"keep","p":0,"off":0,"n":15,"producer":1,"seq":0}
{"e":"read","topic":"keep","p":0,"off":15,"n":4,"producer":2,"seq":0,"txn":1}
{"e":"read","topic":"keep","p":0,"off":23,"n":2,"producer":2,"seq":6,"txn":3}
{"e":"done"}"#,
    ),
    (
        "watch",
        r#"{"e":"offsets","topic":"keep","p":0,"start":0,"last":10,"end":15}
{"e":"offsets","topic":"keep","p":0,"start":0,"last":26,"end":26}
{"e":"told","t":5,"how":"group-classic","topic":"keep","p":0,"off":20}"#,
    ),
    (
        "member-classic-1",
        r#"{"e":"read","topic":"keep","p":0,"off":0,"n":20,"producer":1,"seq":0}
{"e":"commit","topic":"keep","p":0,"off":20}
{"e":"committed","topic":"keep","p":0,"off":20,"how":"ok"}
{"e":"group","topic":"keep","p":0,"off":20}"#,
    ),
    (
        "topics",
        r#"{"e":"create","topic":"a"}
{"e":"created","topic":"a","how":"ok"}
{"e":"create","topic":"b"}
{"e":"created","topic":"b","how":"ok"}
{"e":"delete","topic":"b"}
{"e":"deleted","topic":"b","how":"ok"}
{"e":"topic","topic":"a"}
{"e":"done"}"#,
    ),
    (
        "nemesis",
        r#"{"e":"healthy","t":1000000000}
{"e":"kill","t":4000000000}
{"e":"healthy","t":5000000000}
{"e":"kill","t":9000000000}"#,
    ),
    ("kcat", r#"{"e":"offsets","topic":"keep","p":0,"end":26}"#),
    // Nothing was acknowledged after that, and nobody is to blame.
    ("machine", r#"{"e":"slow","t":6000000000,"n":2000000000}"#),
];

/// The checks that find something when, in one file, the first text is replaced by the second.
fn found_with(file: &str, old: &str, new: &str) -> Vec<&'static str> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in WELL {
        let text = if name == file {
            assert!(text.contains(old), "{name} has no {old}");
            text.replacen(old, new, 1)
        } else {
            text.to_owned()
        };
        std::fs::write(dir.path().join(format!("{name}.jsonl")), text).unwrap();
    }
    let found = check(&History::read(dir.path()).unwrap());
    let mut names: Vec<_> = found.iter().map(|violation| violation.check).collect();
    names.dedup();
    names
}

#[test]
fn a_history_that_is_well_has_no_violations() {
    assert_eq!(found_with("topics", "", ""), Vec::<&str>::new());
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_lost() {
    // Nothing where something was acknowledged, and another record than was acknowledged.
    let found = found_with("reading-first-committed", r#""off":15,"n":4"#, r#""off":15,"n":3"#);
    assert_eq!(found, ["lost", "unseen"]);
    assert_eq!(found_with("producer-1", r#""n":10,"off":0"#, r#""n":10,"off":1"#), ["lost"]);
}

#[test]
fn what_is_there_twice_or_out_of_order_is_found() {
    let run = |seq| format!(r#""off":20,"n":2,"producer":2,"seq":{seq}"#);
    assert!(found_with("reading-first-all", &run(4), &run(2)).contains(&"duplicates"));
    assert!(found_with("reading-first-all", &run(4), &run(12)).contains(&"order"));
}

#[test]
fn what_was_refused_and_what_nobody_sent_is_found() {
    assert_eq!(found_with("producer-1", r#"{"e":"unknown""#, r#"{"e":"fail""#), ["refused"]);
    assert_eq!(found_with("producer-1", r#"{"e":"unknown""#, r#"{"e":"fatal""#), ["sequence"]);
    assert_eq!(found_with("producer-1", r#""seq":10,"n":5}"#, r#""seq":100,"n":5}"#), ["refused"]);
}

#[test]
fn an_aborted_record_and_a_torn_transaction_are_found() {
    let found =
        found_with("producer-2", r#"{"e":"end","txn":1,"how":"commit"}"#, r#"{"e":"end","txn":1,"how":"abort"}"#);
    assert_eq!(found, ["aborted"]);
    let found = found_with("reading-first-committed", r#""off":23,"n":2"#, r#""off":23,"n":1"#);
    assert_eq!(found, ["torn"]);
}

#[test]
fn readers_that_differ_go_back_skip_or_do_not_come_to_the_end_are_found() {
    let found =
        found_with("reading-first-committed", r#""off":15,"n":4,"producer":2"#, r#""off":15,"n":4,"producer":1"#);
    assert!(found.contains(&"one-value"), "{found:?}");
    let found = found_with("reading-first-committed", r#""off":23,"n":2"#, r#""off":3,"n":2"#);
    assert!(found.contains(&"polls"), "{found:?}");
    let found =
        found_with("reading-first-all", r#"{"e":"read","topic":"keep","p":0,"off":19,"n":1,"producer":-1}"#, "");
    assert_eq!(found, ["polls", "unseen"]);
    assert_eq!(found_with("reading-first-committed", r#"{"e":"done"}"#, ""), ["unseen"]);
}

#[test]
fn a_watermark_that_falls_and_a_transaction_that_stays_open_are_found() {
    assert_eq!(found_with("watch", r#""last":10,"end":15"#, r#""last":10,"end":27"#), ["watermarks"]);
    assert_eq!(found_with("kcat", r#""end":26"#, r#""end":25"#), ["watermarks"]);
    assert_eq!(found_with("reading-first-all", r#""last":26"#, r#""last":23"#), ["watermarks"]);
}

#[test]
fn a_commit_that_is_gone_or_skips_records_is_found() {
    assert_eq!(found_with("member-classic-1", r#"{"e":"group","topic":"keep","p":0,"off":20}"#, ""), ["commits"]);
    assert_eq!(
        found_with(
            "member-classic-1",
            r#""group","topic":"keep","p":0,"off":20"#,
            r#""group","topic":"keep","p":0,"off":19"#
        ),
        ["commits"]
    );
    assert_eq!(found_with("watch", r#""p":0,"off":20}"#, r#""p":0,"off":19}"#), ["commits"]);
    assert_eq!(found_with("member-classic-1", r#""off":0,"n":20"#, r#""off":0,"n":19"#), ["commits"]);
}

#[test]
fn a_topic_that_is_gone_or_came_back_is_found() {
    assert_eq!(found_with("topics", r#"{"e":"topic","topic":"a"}"#, ""), ["topics"]);
    assert_eq!(
        found_with(
            "topics",
            r#"{"e":"topic","topic":"a"}"#,
            "{\"e\":\"topic\",\"topic\":\"a\"}\n{\"e\":\"topic\",\"topic\":\"b\"}"
        ),
        ["topics"]
    );
}

#[test]
fn a_time_in_which_all_is_well_and_nothing_is_acknowledged_is_found() {
    assert_eq!(found_with("producer-1", r#""t":3000000000"#, r#""t":2000000000"#), ["healthy"]);
    assert_eq!(found_with("machine", r#""t":6000000000"#, r#""t":9500000000"#), ["healthy"]);
}
