//! Kafka Streams with `exactly_once_v2`: words are counted while instances and the broker are killed, and no count is ever too
//! high.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use test_support::{Application, Broker, java_application, wait_until};

use crate::topic::{self, Values};
use crate::{SESSION_MS, SETTINGS, TIDELOG};

const LIMIT: Duration = Duration::from_mins(3);
const PARTITIONS: i32 = 2;
const LINES: [&str; 3] = ["exactly once is once", "never twice", "once and for all"];

type Counts = BTreeMap<String, u64>;

#[test]
fn streams_counts_words_exactly_once() {
    let mut broker = Broker::start_with(TIDELOG, &SETTINGS);
    let dir = tempfile::tempdir().unwrap();
    let mut words = Words::new(&broker.address(), dir.path());
    let first = words.start("first");
    words.write(30);
    words.are_counted();
    let second = words.start("second");
    words.write(60);
    // In the middle of what it is at.
    first.crash();
    words.write(60);
    words.are_counted();
    words.write(60);
    if matches!(broker, Broker::Tidelog(..)) {
        broker.kill();
        broker.restart();
    }
    words.are_counted();
    let third = words.start("first");
    words.write(60);
    words.are_counted();
    second.close();
    third.close();
    broker.finish();
}

/// The application, what was written for it, and what it has to answer.
struct Words<'a> {
    bootstrap: String,
    dir: &'a Path,
    application: String,
    input: String,
    output: String,
    written: usize,
    counts: Counts,
}

impl<'a> Words<'a> {
    #[track_caller]
    fn new(bootstrap: &str, dir: &'a Path) -> Self {
        let application = format!("word-count-{}", std::process::id());
        let (input, output) = (format!("{application}-lines"), format!("{application}-counts"));
        for topic in [&input, &output] {
            topic::create(bootstrap, topic, PARTITIONS);
        }
        Self { bootstrap: bootstrap.to_owned(), dir, application, input, output, written: 0, counts: Counts::new() }
    }

    #[track_caller]
    fn start(&self, name: &str) -> Application {
        let mut command = java_application("WordCount");
        command.args([&self.bootstrap, &self.application, &self.input, &self.output]);
        command.arg(self.dir.join(name)).args([SESSION_MS, "exactly_once_v2"]);
        Application::start(&mut command, &self.dir.join(format!("{name}.log")))
    }

    #[track_caller]
    fn write(&mut self, lines: usize) {
        let mut values = Values::new();
        for line in LINES.iter().cycle().take(lines) {
            let partition = i32::try_from(self.written).unwrap() % PARTITIONS;
            values.entry(partition).or_default().push((*line).to_owned());
            self.written += 1;
            for word in line.split(' ') {
                *self.counts.entry(word.to_owned()).or_default() += 1;
            }
        }
        topic::fill(&self.bootstrap, &self.input, &values);
    }

    /// Waits until every word that was written is counted, in the records that say so.
    #[track_caller]
    fn are_counted(&self) {
        // Each word's count goes up by one with each record: its last count is its number of records.
        wait_until("the words are counted", LIMIT, || {
            std::thread::sleep(Duration::from_millis(200));
            let counted = topic::committed_pairs(&self.bootstrap, &self.output, PARTITIONS);
            let mut last = Counts::new();
            for (word, count) in counted {
                let count = count.parse().unwrap();
                let before = last.insert(word.clone(), count);
                assert_eq!(count, before.unwrap_or(0) + 1, "{word} was counted twice, or not at all");
            }
            let above = last.iter().find(|(word, count)| self.counts.get(*word).is_none_or(|right| right < *count));
            assert_eq!(above, None, "of {:?}", self.counts);
            last == self.counts
        });
    }
}
