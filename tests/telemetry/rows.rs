//! Every row of docs/METRICS.md, after work that changes it.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, FetchRequest, GetTelemetrySubscriptionsRequest, ProduceRequest,
    PushTelemetryRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use model::ErrorCode;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::Shown;
use crate::open;
use crate::scrape::Samples;
use crate::wire::Wire;

const TOPIC: &str = "rows";
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A series of each row that grows with [`work`].
const GROWING: &[&str] = &[
    "kafka_server_socket_server_metrics_connection_creation_total",
    "kafka_server_socket_server_metrics_connection_close_total",
    "tidelog_network_refused_connections_total{limit=\"max.connections.per.ip\"}",
    "tidelog_metadata_refused_topic_changes_total{limit=\"max.broker.partitions\"}",
    "kafka_network_requestmetrics_requests_total{request=\"CreateTopics\"}",
    "kafka_network_requestmetrics_requestbytes_total{request=\"Produce\"}",
    "kafka_network_requestmetrics_totaltimems_count{request=\"Fetch\"}",
    "tidelog_network_refused_requests_total{reason=\"header\"}",
    "tidelog_log_flushes_total",
    "kafka_server_client_metrics_throttle_total",
    "kafka_server_client_metrics_unknown_subscription_request_total",
    "kafka_server_client_metrics_plugin_export_total",
    "kafka_server_client_metrics_plugin_error_total",
    "tidelog_client_telemetry_bytes_total",
    "tidelog_client_telemetry_dropped_points_total{reason=\"no_value\"}",
    "kafka_server_socket_server_metrics_connection_count",
    "kafka_server_brokertopicmetrics_messagesin_total{topic=\"rows\"}",
    "kafka_server_brokertopicmetrics_bytesin_total{topic=\"rows\"}",
    "kafka_server_brokertopicmetrics_bytesout_total{topic=\"rows\"}",
    "kafka_server_brokertopicmetrics_totalproducerequests_total{topic=\"rows\"}",
    "kafka_server_brokertopicmetrics_failedproducerequests_total{topic=\"rows\"}",
    "kafka_server_brokertopicmetrics_totalfetchrequests_total{topic=\"rows\"}",
    "kafka_server_brokertopicmetrics_failedfetchrequests_total{topic=\"rows\"}",
    "kafka_controller_kafkacontroller_globaltopiccount",
    "kafka_server_replicamanager_partitioncount",
    "kafka_server_replicamanager_leadercount",
    "kafka_log_log_size{topic=\"rows\",partition=\"0\"}",
    "kafka_log_log_logendoffset{topic=\"rows\",partition=\"0\"}",
    "kafka_log_log_logstartoffset{topic=\"rows\",partition=\"0\"}",
    "tidelog_log_highwatermark{topic=\"rows\",partition=\"0\"}",
    "kafka_server_fetchsessioncache_numincrementalfetchsessions",
    "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached",
    "kafka_server_group_coordinator_metrics_group_count{protocol=\"classic\",state=\"Empty\"}",
    "kafka_server_client_metrics_instance_count",
    "tidelog_client_telemetry_series",
    "tidelog_metrics_omitted_series",
    "kafka_cluster_partition_laststableoffsetlag{topic=\"open\",partition=\"0\"}",
    "tidelog_transaction_coordinator_transactional_ids",
    "tidelog_transaction_coordinator_open_transactions{state=\"Ongoing\"}",
    "tidelog_transaction_coordinator_oldest_transaction{state=\"Ongoing\"}",
    "kafka_log_logcleanermanager_max_dirty_percent",
    "kafka_log_logcleanermanager_time_since_last_run_ms",
    "kafka_log_logcleaner_cleaner_recopy_percent",
    "kafka_log_logcleaner_max_clean_time_secs",
    "kafka_log_logcleaner_max_compaction_delay_secs",
    "kafka_log_logcleanermanager_uncleanable_partitions_count",
    "kafka_log_logcleanermanager_uncleanable_bytes",
];

/// Rows that stay 0 here: a mistake of the broker's, and what takes minutes. Their tests stand beside what counts them, in
/// `telemetry/cleaning.rs` and `storage/tests/transactions.rs`.
const STEADY: [&str; 2] =
    ["kafka_log_logcleaner_deadthreadcount", "kafka_server_replicamanager_partitionswithlatetransactionscount"];

/// Compaction that looks around all the time, and takes some seconds for what it has here.
const COMPACTION: [&str; 3] = [
    "log.cleaner.backoff.ms=50",
    "log.cleaner.dedupe.buffer.size=2097152",
    "log.cleaner.io.max.bytes.per.second=100000",
];

/// The row that grows when a log is lost.
const OFFLINE: &str = "kafka_server_replicamanager_offlinereplicacount";

fn of(samples: &Samples, series: &str) -> f64 {
    samples.get(series).copied().unwrap_or(0.0)
}

#[test]
fn every_row_follows_the_work_that_it_counts() {
    let mut settings = vec!["max.connections.per.ip=20", "offsets.topic.num.partitions=1", "max.broker.partitions=60"];
    settings.extend(["transaction.state.log.num.partitions=1", "metrics.series.max=150"]);
    settings.extend(COMPACTION);
    let mut shown = Shown::start(&settings);
    let before = shown.scraper.samples();
    let open = open::transaction(&shown.address(), &mut Wire::connect(&shown.address()));
    open::compaction(&shown.address(), &mut Wire::connect(&shown.address()), &shown.dir.path().join("data"));
    let wires = work(&shown.address());
    // A connection that was closed is counted when its event loop has seen it.
    let lagging = |samples: &Samples| {
        let lags = |series: &&&str| of(samples, series) <= of(&before, series);
        GROWING.iter().filter(lags).copied().collect::<Vec<_>>()
    };
    let mut left = Vec::new();
    test_support::wait_until("rows that follow", PATIENCE, || {
        let now = lagging(&shown.scraper.samples());
        if now != left {
            eprintln!("not yet: {now:?}");
        }
        left = now;
        left.is_empty()
    });
    let after = shown.scraper.samples();
    // Totals without a label are of all topics, and exact where nothing else can have happened.
    let topics = of(&after, "kafka_server_brokertopicmetrics_messagesin_total{topic=\"rows\"}");
    assert_eq!(format!("{topics}"), "3");
    assert!(of(&after, "kafka_server_brokertopicmetrics_messagesin_total") > topics);
    assert_eq!(format!("{}", of(&after, "kafka_log_log_logstartoffset{topic=\"rows\",partition=\"0\"}")), "1");
    assert_eq!(
        format!(
            "{}",
            of(&after, "kafka_client_some_gauge{client_id=\"wire\",client_instance_id=\"CQkJCQkJCQkJCQkJCQkJCQ\"}")
        ),
        "5"
    );
    for steady in STEADY {
        assert_eq!(after.get(steady).map(ToString::to_string).as_deref(), Some("0"), "{steady}");
    }
    drop((wires, open));
    lose_a_log(&mut shown);
    assert_eq!((of(&before, OFFLINE) + 1.0).to_string(), of(&shown.scraper.samples(), OFFLINE).to_string());
    covers_the_page();
}

/// No row is left out here, and none of these is no row.
fn covers_the_page() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/METRICS.md")).unwrap();
    let rows: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let plain = |series: &&'static str| series.split('{').next().unwrap_or_default().trim_end_matches("_count");
    let tested: BTreeSet<&str> = GROWING.iter().chain([&OFFLINE]).chain(&STEADY).map(plain).collect();
    let rows: BTreeSet<&str> = rows.into_iter().map(|row| row.trim_end_matches("_count")).collect();
    assert_eq!(rows, tested);
}

/// Does all of it; what is returned is to be kept open.
fn work(address: &str) -> Vec<Wire> {
    let mut wire = Wire::connect(address);
    create_topic(&mut wire, TOPIC, 1);
    // After `rows`, and more than `metrics.series.max` has room for.
    create_topic(&mut wire, "zz-many", 30);
    assert_eq!(try_create_topic(&mut wire, "too-many", 61, &[]), ErrorCode::PolicyViolation.code());
    produce(address);
    refused_produce(&mut wire);
    fetches(&mut wire);
    delete_first_record(&mut wire);
    commit(address);
    telemetry(&mut wire);
    let mut hostile = Wire::connect(address);
    hostile.send_frame(&[0xff; 20]);
    hostile.expect_close();
    // More than may be open: the last ones are closed at once.
    let mut wires: Vec<Wire> = (0..25).map(|_| Wire::connect(address)).collect();
    wires.last_mut().unwrap().expect_close();
    wires.truncate(1);
    wires.push(wire);
    wires
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

pub(crate) fn create_topic(wire: &mut Wire, topic: &str, partitions: i32) {
    create_topic_with(wire, topic, partitions, &[]);
}

pub(crate) fn create_topic_with(wire: &mut Wire, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    assert_eq!(try_create_topic(wire, topic, partitions, configs), 0);
}

fn try_create_topic(wire: &mut Wire, topic: &str, partitions: i32, configs: &[(&str, &str)]) -> i16 {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let config = |(key, value): &(&str, &str)| {
        CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value)))
    };
    let topic = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.iter().map(config).collect());
    let answer = wire.call(5, &CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000));
    answer.topics[0].error_code
}

fn produce(address: &str) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
    for value in ["a", "b", "c"] {
        producer.send(BaseRecord::<str, str>::to(TOPIC).payload(value)).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

fn refused_produce(wire: &mut Wire) {
    let data = PartitionProduceData::default().with_records(Some(Bytes::from_static(b"no batch")));
    let topic = TopicProduceData::default().with_name(name(TOPIC)).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(1000).with_topic_data(vec![topic]);
    let answer = wire.call(9, &request);
    assert_ne!(answer.responses[0].partition_responses[0].error_code, 0);
}

/// One that begins a session, and one that is answered with an error.
fn fetches(wire: &mut Wire) {
    let at = |offset: i64, session_epoch: i32| {
        let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default().with_topic(name(TOPIC)).with_partitions(vec![partition]);
        FetchRequest::default().with_max_bytes(1 << 20).with_session_epoch(session_epoch).with_topics(vec![topic])
    };
    let answer = wire.call(12, &at(0, 0));
    assert!(answer.session_id > 0 && answer.responses[0].partitions[0].records.is_some());
    let answer = wire.call(12, &at(999, -1));
    assert_ne!(answer.responses[0].partitions[0].error_code, 0);
}

fn delete_first_record(wire: &mut Wire) {
    let partition = DeleteRecordsPartition::default().with_offset(1);
    let topic = DeleteRecordsTopic::default().with_name(name(TOPIC)).with_partitions(vec![partition]);
    let answer = wire.call(2, &DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000));
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
}

fn commit(address: &str) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", address).set("group.id", "committed").create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(TOPIC, 0, Offset::Offset(2)).unwrap();
    test_support::wait_until("a coordinator", PATIENCE, || consumer.commit(&offsets, CommitMode::Sync).is_ok());
}

/// A gauge, and one without a number.
const METRICS: &[u8] = b"\x0a\x2a\x12\x28\x12\x19\x0a\x0a\x73\x6f\x6d\x65\x2e\x67\x61\x75\x67\x65\x2a\x0b\x0a\x09\x31\x05\x00\x00\x00\x00\x00\x00\x00\x12\x0b\x0a\x05\x6f\x74\x68\x65\x72\x2a\x02\x0a\x00";

fn telemetry(wire: &mut Wire) {
    let id = Uuid::from_bytes([9; 16]);
    let answer = wire.call(0, &GetTelemetrySubscriptionsRequest::default().with_client_instance_id(id));
    assert_eq!(answer.error_code, 0);
    let mut push = |id: Uuid, subscription: i32, metrics: &'static [u8]| {
        let request = PushTelemetryRequest::default()
            .with_client_instance_id(id)
            .with_subscription_id(subscription)
            .with_metrics(Bytes::from_static(metrics));
        wire.call(0, &request).error_code
    };
    assert_eq!(push(id, answer.subscription_id, METRICS), 0);
    assert_eq!(push(id, answer.subscription_id, METRICS), 89);
    let other = Uuid::from_bytes([8; 16]);
    assert_eq!(push(other, 1, METRICS), 117);
    let third = Uuid::from_bytes([7; 16]);
    let answer = wire.call(0, &GetTelemetrySubscriptionsRequest::default().with_client_instance_id(third));
    let request = PushTelemetryRequest::default()
        .with_client_instance_id(third)
        .with_subscription_id(answer.subscription_id)
        .with_metrics(Bytes::from_static(b"\xff\xff"));
    assert_eq!(wire.call(0, &request).error_code, 87);
}

/// Stops the broker, puts something else where a log was, and starts it again.
fn lose_a_log(shown: &mut Shown) {
    assert!(shown.broker.stop().success());
    let log = shown.dir.path().join("data/rows-0/00000000000000000000.log");
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    shown.broker.restart();
}
