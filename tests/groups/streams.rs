//! Kafka Streams: words are counted while instances come, leave and crash.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use test_support::{Application, Broker, java_application, wait_until};

use crate::{SESSION_MS, TIDELOG, settings, topic};

const LIMIT: Duration = Duration::from_mins(2);
const PARTITIONS: i32 = 4;
const LINES: [&str; 5] =
    ["all streams lead to Kafka", "hello Kafka Streams", "join Kafka summit", "all records count once", "the end"];

type Counts = BTreeMap<String, u64>;

#[test]
fn streams_counts_words() {
    let broker = Broker::start_with(TIDELOG, &settings(SESSION_MS));
    let dir = tempfile::tempdir().unwrap();
    let mut words = Words::new(&broker.address(), dir.path());
    let first = words.start("first");
    words.write(100);
    words.are_counted();
    let second = words.start("second");
    words.write(100);
    words.are_counted();
    first.close();
    words.write(100);
    words.are_counted();
    // The counts so far come back from the changelog, to whichever instance had not made them.
    let third = words.start("third");
    words.write(100);
    words.are_counted();
    words.are_committed();
    second.crash();
    words.write(100);
    words.are_counted();
    third.close();
    words.are_committed();
    broker.finish();
}

/// The application, what was written for it, and what it has to answer.
struct Words<'a> {
    bootstrap: String,
    dir: &'a Path,
    application: String,
    input: String,
    output: String,
    producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext>,
    written: usize,
    counts: Counts,
}

impl<'a> Words<'a> {
    #[track_caller]
    fn new(bootstrap: &str, dir: &'a Path) -> Self {
        let application = format!("word-count-{}", std::process::id());
        let (input, output) = (format!("{application}-lines"), format!("{application}-counts"));
        topic::create(bootstrap, &input, PARTITIONS);
        topic::create(bootstrap, &output, PARTITIONS);
        let producer =
            ClientConfig::new().set("bootstrap.servers", bootstrap).set("enable.idempotence", "true").create();
        Self {
            bootstrap: bootstrap.to_owned(),
            dir,
            application,
            input,
            output,
            producer: producer.unwrap(),
            written: 0,
            counts: Counts::new(),
        }
    }

    #[track_caller]
    fn start(&self, name: &str) -> Application {
        let mut command = java_application("WordCount");
        command.args([&self.bootstrap, &self.application, &self.input, &self.output]);
        command.arg(self.dir.join(name)).arg(SESSION_MS);
        Application::start(&mut command, &self.dir.join(format!("{name}.log")))
    }

    #[track_caller]
    fn write(&mut self, lines: usize) {
        for line in LINES.iter().cycle().take(lines) {
            let partition = i32::try_from(self.written).unwrap() % PARTITIONS;
            let record = BaseRecord::<(), str>::to(&self.input).partition(partition).payload(line);
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
            self.written += 1;
            for word in line.to_lowercase().split(' ') {
                *self.counts.entry(word.to_owned()).or_default() += 1;
            }
        }
        self.producer.flush(LIMIT).unwrap();
    }

    /// Waits for the right count of every word.
    #[track_caller]
    fn are_counted(&self) {
        let mut counted = Counts::new();
        wait_until("the words are counted", LIMIT, || {
            std::thread::sleep(Duration::from_millis(200));
            counted = self.counted();
            // More than there are will never be less again.
            let above = counted.iter().find(|(word, count)| self.counts.get(*word).is_none_or(|right| right < *count));
            assert_eq!(above, None, "of {:?}", self.counts);
            counted == self.counts
        });
    }

    /// The last count of each word.
    #[track_caller]
    fn counted(&self) -> Counts {
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
        let records = topic::read_all(&self.bootstrap, &self.output, PARTITIONS);
        records.into_iter().map(|(word, count)| (text(word), text(count).parse().unwrap())).collect()
    }

    /// Waits until all lines are committed as read, so that a crash repeats none.
    #[track_caller]
    fn are_committed(&self) {
        wait_until("the lines are committed", LIMIT, || {
            std::thread::sleep(Duration::from_millis(200));
            let committed = topic::committed(&self.bootstrap, &self.application, &self.input, PARTITIONS);
            committed.values().sum::<i64>() == i64::try_from(self.written).unwrap()
        });
        let repartitioned = format!("{}-KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition", self.application);
        let committed = topic::committed(&self.bootstrap, &self.application, &repartitioned, PARTITIONS);
        assert_eq!(committed, topic::ends(&self.bootstrap, &repartitioned), "{repartitioned}");
    }
}
