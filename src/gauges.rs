//! What is only known when somebody looks at the metrics: asks the broker's parts and writes the answer.
//!
//! Owns: which part is asked for which row. Does not know: HTTP, how numbers are written.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::Broker;
use crate::metadata::{Image, Topic};
use crate::partitions::{Partition, late_transaction_ms};
use crate::telemetry::metrics::{
    BYTES_IN, BYTES_OUT, CLEANER_DEAD_THREADS, CLEANER_MAX_DELAY, CLEANER_MAX_DIRTY, CLEANER_MAX_TIME, CLEANER_RECOPY,
    CLEANER_SINCE_LAST_RUN, CLIENT_INSTANCES, CLIENT_SERIES, CONNECTION_COUNT, FAILED_FETCH_REQUESTS,
    FAILED_PRODUCE_REQUESTS, FETCH_SESSION_PARTITIONS, FETCH_SESSIONS, GROUP_COUNT, HIGH_WATERMARK,
    LAST_STABLE_OFFSET_LAG, LATE_TRANSACTIONS, LEADER_COUNT, LOG_END_OFFSET, LOG_SIZE, LOG_START_OFFSET, MESSAGES_IN,
    OFFLINE_REPLICA_COUNT, OLDEST_TRANSACTION, OMITTED_SERIES, OPEN_TRANSACTIONS, PARTITION_COUNT, TOPIC_COUNT,
    TOTAL_FETCH_REQUESTS, TOTAL_PRODUCE_REQUESTS, TRANSACTIONAL_IDS, UNCLEANABLE_BYTES, UNCLEANABLE_PARTITIONS,
};
use crate::telemetry::{Format, Row, Samples, Traffic, render};

/// How long an answer waits for the coordinators.
const COORDINATORS_PATIENCE: Duration = Duration::from_secs(5);

/// The rows of what partitions count.
const TRAFFIC: [(Traffic, &Row); 7] = [
    (Traffic::MessagesIn, MESSAGES_IN),
    (Traffic::BytesIn, BYTES_IN),
    (Traffic::BytesOut, BYTES_OUT),
    (Traffic::Produces, TOTAL_PRODUCE_REQUESTS),
    (Traffic::FailedProduces, FAILED_PRODUCE_REQUESTS),
    (Traffic::Fetches, TOTAL_FETCH_REQUESTS),
    (Traffic::FailedFetches, FAILED_FETCH_REQUESTS),
];

/// All metrics as text; `None` if they cannot be written.
pub(crate) async fn scrape(broker: &Arc<Broker>, format: Format) -> Option<String> {
    let series_max = usize::try_from(broker.metadata.image().broker.metrics_series_max).unwrap_or(0);
    let mut samples = Samples::new(series_max);
    coordinators(broker, &mut samples).await;
    let image = broker.metadata.image();
    of_the_broker(broker, &image, &mut samples);
    cleaning(broker, &image, &mut samples);
    for (traffic, row) in TRAFFIC {
        samples.set(row, broker.metrics.traffic.total(traffic));
    }
    for topic in image.topics() {
        topic_traffic(topic, &mut samples);
    }
    for topic in image.topics() {
        logs(topic, &mut samples);
    }
    let omitted = samples.omitted();
    samples.set(OMITTED_SERIES, omitted);
    let written = render(format, &broker.metrics, samples, &broker.client_telemetry);
    written.inspect_err(|_| tracing::error!("the metrics could not be written")).ok()
}

fn of_the_broker(broker: &Broker, image: &Image, samples: &mut Samples) {
    let size = |count: usize| model::num::u64_from_usize(count);
    let metrics = &broker.metrics;
    samples.set(CONNECTION_COUNT, metrics.connections_accepted.sum().saturating_sub(metrics.connections_closed.sum()));
    let partitions = || image.topics().flat_map(|topic| &topic.partitions);
    let served = partitions().flatten().filter(|partition| !partition.log().is_offline()).count();
    samples.set(TOPIC_COUNT, size(image.topics().count()));
    samples.set(PARTITION_COUNT, size(partitions().count()));
    samples.set(LEADER_COUNT, size(served));
    samples.set(LATE_TRANSACTIONS, late_transactions(broker, image));
    samples.set(OFFLINE_REPLICA_COUNT, size(partitions().count() - served));
    let (sessions, session_partitions) = broker.fetch_sessions.counts();
    samples.set(FETCH_SESSIONS, size(sessions));
    samples.set(FETCH_SESSION_PARTITIONS, size(session_partitions));
    let (instances, series) = broker.client_telemetry.counts(broker.clock.tick());
    samples.set(CLIENT_INSTANCES, size(instances));
    samples.set(CLIENT_SERIES, size(series));
}

fn topic_traffic(topic: &Topic, samples: &mut Samples) {
    for (traffic, row) in TRAFFIC {
        let counted = topic.partitions.iter().flatten().map(|partition| partition.traffic(traffic));
        samples.set_for(row, &[topic.name.as_str()], counted.sum());
    }
}

fn logs(topic: &Topic, samples: &mut Samples) {
    for (index, partition) in topic.indexes().zip(&topic.partitions) {
        if let Some(partition) = partition {
            log(&[topic.name.as_str(), &index.to_string()], partition, samples);
        }
    }
}

fn log(labels: &[&str], partition: &Partition, samples: &mut Samples) {
    let offset = |offset: model::Offset| u64::try_from(offset.get()).unwrap_or(0);
    let log = partition.log();
    samples.set_for(LOG_SIZE, labels, log.size_bytes());
    samples.set_for(LOG_START_OFFSET, labels, offset(log.log_start_offset()));
    samples.set_for(HIGH_WATERMARK, labels, offset(partition.high_watermark()));
    samples.set_for(LOG_END_OFFSET, labels, offset(log.log_end_offset()));
    let (stable, watermark) = (partition.last_stable_offset(), partition.high_watermark());
    samples.set_for(LAST_STABLE_OFFSET_LAG, labels, offset(watermark).saturating_sub(offset(stable)));
}

/// What the coordinators hold. While they load, nobody knows.
async fn coordinators(broker: &Broker, samples: &mut Samples) {
    let groups = tokio::time::timeout(COORDINATORS_PATIENCE, broker.coordinators.count_groups());
    let transactions = tokio::time::timeout(COORDINATORS_PATIENCE, broker.coordinators.count_transactions());
    let (groups, transactions) = tokio::join!(groups, transactions);
    let size = |count: usize| model::num::u64_from_usize(count);
    for ((protocol, state), count) in groups.into_iter().flatten().flatten() {
        samples.set_for(GROUP_COUNT, &[protocol, state], size(count));
    }
    if let Ok(Ok(counts)) = transactions {
        samples.set(TRANSACTIONAL_IDS, size(counts.ids));
        for (state, in_state) in counts.open() {
            samples.set_for(OPEN_TRANSACTIONS, &[state.name()], size(in_state.count));
            samples.set_for(OLDEST_TRANSACTION, &[state.name()], u64::try_from(in_state.oldest_ms).unwrap_or(0));
        }
    }
}

/// What compaction is at, and what it cannot do.
fn cleaning(broker: &Broker, image: &Image, samples: &mut Samples) {
    if let Some(shown) = broker.metrics.cleaning.shown(broker.clock.tick()) {
        samples.set(CLEANER_MAX_DIRTY, shown.max_dirty_percent);
        samples.set(CLEANER_SINCE_LAST_RUN, shown.since_last_run_ms);
        samples.set(CLEANER_RECOPY, shown.recopy_percent);
        samples.set(CLEANER_MAX_TIME, shown.max_clean_time_secs);
        samples.set(CLEANER_MAX_DELAY, shown.max_compaction_delay_secs);
        samples.set(CLEANER_DEAD_THREADS, shown.dead_threads);
    }
    let partitions = image.topics().flat_map(|topic| topic.partitions.iter().flatten());
    let (mut count, mut bytes) = (0, 0);
    for uncleanable in partitions.filter_map(|partition| partition.log().uncleanable_bytes()) {
        count += 1;
        bytes += uncleanable;
    }
    samples.set(UNCLEANABLE_PARTITIONS, count);
    samples.set(UNCLEANABLE_BYTES, bytes);
}

/// Partitions with a transaction that is late. Only those with an open one are asked.
fn late_transactions(broker: &Broker, image: &Image) -> u64 {
    let (now, late_ms) = (broker.clock.now(), late_transaction_ms(&image.broker));
    let partitions = image.topics().flat_map(|topic| topic.partitions.iter().flatten());
    let open = partitions.map(|partition| partition.log()).filter(|log| log.first_unstable_offset().is_some());
    model::num::u64_from_usize(open.filter(|log| !log.silent_transactions(now, late_ms).is_empty()).count())
}
