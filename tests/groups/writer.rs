//! Writes known records to every partition, on and on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

use crate::ledger::{Ledger, PARTITIONS, value};

/// Slow enough to be read by any client on a busy machine, and fast enough that every rebalance happens between records.
const PAUSE: Duration = Duration::from_millis(50);

const FLUSH_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Writer {
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(bootstrap: &str, topic: &str, ledger: &Arc<Ledger>) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .create_with_context(Deliveries(Arc::clone(ledger)))
            .unwrap();
        let stops = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (stops, topic) = (Arc::clone(&stops), topic.to_owned());
            move || write(&producer, &topic, &stops)
        });
        Self { stops, thread: Some(thread) }
    }

    /// Stops writing, and waits until the last record is acknowledged.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn write(producer: &ThreadedProducer<Deliveries>, topic: &str, stops: &AtomicBool) {
    let mut offset = 0;
    while !stops.load(Ordering::Relaxed) {
        for partition in 0..PARTITIONS {
            let value = value(partition, offset);
            let record = BaseRecord::<(), String>::to(topic).partition(partition).payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        offset += 1;
        std::thread::sleep(PAUSE);
    }
    producer.flush(FLUSH_LIMIT).unwrap();
}

/// Tells the ledger what was acknowledged.
struct Deliveries(Arc<Ledger>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Self(ledger) = self;
        match result {
            Ok(message) => ledger.written(message.partition(), message.offset()),
            Err((error, _)) => ledger.wrong(format!("a record was not written: {error}")),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
    }
}
