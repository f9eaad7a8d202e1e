//! The configs of a broker that are not the default of a topic config: Kafka 4.4's that mean something here, and ours.
//!
//! The defaults of topic configs (`log.segment.bytes` and the like) follow from the topic table. Not here: Kafka's
//! broker keys without meaning in Tidelog; `foreign.rs` has their names.

use super::Valid::{AtLeast, Between, NotEmpty};
use super::group_migration::GroupMigrationPolicy;
use super::layers::Layers;
use super::listener::{Listener, MetricsListener};
use super::table::config_table;
use super::topic::TopicConfig;

const DATA_DIR: &str = "./data";
/// Where Kafka has no limit, memory has one.
const REQUEST_BYTES_MAX: u64 = 256 << 20;

config_table! {
    /// What one broker goes by: its dynamic values over flags over the environment over its file over these defaults.
    pub struct BrokerConfig {
        /// The addresses that clients are told to connect to. Where none is given, each connection is told the address by
        /// which it reached the broker.
        advertised_listeners: Option<Vec<Listener>> = "advertised.listeners", default None;

        /// Whether a topic is created when a client that allows it asks for one that does not exist.
        auto_create_topics_enable: bool = "auto.create.topics.enable", default true;

        /// Bytes that the making of a backup (`tidelog log snapshot`) copies in a second at most, on average. Not a key of Kafka's.
        backup_io_max_bytes_per_second: f64 = "backup.io.max.bytes.per.second", default f64::MAX;

        /// The old name of `node.id`; where both are given, they must be the same.
        broker_id: i32 = "broker.id", default -1;

        /// Where the broker stands; clients may fetch from a near one.
        broker_rack: Option<String> = "broker.rack", default None;

        /// Clients whose pushed metrics are managed at once; beyond it the one that was silent the longest is forgotten. Not a
        /// key of Kafka's, where it is 16384 as well.
        client_telemetry_instances_max: i32 = "client.telemetry.instances.max", default 16_384, valid AtLeast(1);

        /// Series that clients have pushed and that `metrics.listener` shows; points of one more are dropped and counted.
        /// Not a key of Kafka's.
        client_telemetry_series_max: i32 = "client.telemetry.series.max", default 10_000, valid AtLeast(0);

        /// Threads that read records from the disk when they are not in memory, so that others need not wait. Not a key of
        /// Kafka's.
        cold_read_threads: i32 = "cold.read.threads", default 4, valid Between(1, 64);

        /// Milliseconds of silence inside a request after which its connection is closed. Not a key of Kafka's.
        connection_frame_timeout_ms: i32 = "connection.frame.timeout.ms", default 30_000, valid AtLeast(1);

        /// Answers that one connection may be owed; beyond it the connection is not read. Not a key of Kafka's.
        connection_inflight_requests_max: i32 = "connection.inflight.requests.max", default 256, valid AtLeast(1);

        /// Bytes of answers that one client may leave untaken; beyond it the connection is not read. Records do not count:
        /// they wait in their files. Not a key of Kafka's.
        connection_unsent_bytes_max: i32 = "connection.unsent.bytes.max", default 4_194_304, valid AtLeast(1);

        /// Milliseconds after which a connection on which nothing happens is closed; -1 is never.
        connections_max_idle_ms: i64 = "connections.max.idle.ms", default 600_000, valid AtLeast(-1);

        /// Connections that the socket `control.sock` in the data directory serves at once; one more is closed at once. Not a key of
        /// Kafka's.
        control_connections_max: i32 = "control.connections.max", default 8, valid AtLeast(1);

        /// Listeners of `listeners` that are for controllers. Tidelog has none: they are not opened.
        controller_listener_names: Vec<String> = "controller.listener.names", default Vec::new();

        /// Replicas of a topic whose creator names no number. One broker can hold one.
        default_replication_factor: i32 = "default.replication.factor", default 1, valid AtLeast(1);

        /// Whether topics may be deleted.
        delete_topic_enable: bool = "delete.topic.enable", default true;

        /// Bytes that one fetch returns at most, whatever the client asks for; one batch always goes.
        fetch_max_bytes: i32 = "fetch.max.bytes", default 57_671_680, valid AtLeast(1024);

        /// Partitions that all fetch sessions together may name; a session beyond it is not made. Not a key of Kafka's.
        fetch_session_partitions_max: i32 = "fetch.session.partitions.max", default 1_000_000, valid AtLeast(0);

        /// Threads that sync logs. While one waits for the disk, the others sync other logs. Not a key of Kafka's.
        flush_threads: i32 = "flush.threads", default 4, valid Between(1, 64);

        /// Milliseconds between two assignments of one KIP-848 group at least: members that come and go meanwhile are
        /// assigned together.
        group_consumer_assignment_interval_ms: i32 =
            "group.consumer.assignment.interval.ms", default 1000, valid AtLeast(0), dynamic true;

        /// The assignors that members of KIP-848 groups may ask for, out of `uniform` and `range`; the first is that of a
        /// group whose members ask for none. Kafka also loads classes.
        group_consumer_assignors: Vec<String> = "group.consumer.assignors",
            default ["uniform", "range"].map(str::to_owned).to_vec(), valid NotEmpty;

        /// Milliseconds between two heartbeats of a member of a KIP-848 group.
        group_consumer_heartbeat_interval_ms: i32 =
            "group.consumer.heartbeat.interval.ms", default 5000, valid AtLeast(1);

        /// The most that a group may be given as `consumer.assignment.interval.ms`.
        group_consumer_max_assignment_interval_ms: i32 =
            "group.consumer.max.assignment.interval.ms", default 15_000, valid AtLeast(0);

        /// The most that a group may be given as `consumer.heartbeat.interval.ms`.
        group_consumer_max_heartbeat_interval_ms: i32 =
            "group.consumer.max.heartbeat.interval.ms", default 15_000, valid AtLeast(1);

        /// The most that a group may be given as `consumer.session.timeout.ms`.
        group_consumer_max_session_timeout_ms: i32 =
            "group.consumer.max.session.timeout.ms", default 60_000, valid AtLeast(1);

        /// Members of one KIP-848 group; one more is refused.
        group_consumer_max_size: i32 = "group.consumer.max.size", default i32::MAX, valid AtLeast(1);

        /// Which way a group may go between the protocols while it has members: `upgrade` from classic to consumer,
        /// `downgrade` back, `bidirectional` both, `disabled` neither. An empty group always may.
        group_consumer_migration_policy: GroupMigrationPolicy = "group.consumer.migration.policy",
            default GroupMigrationPolicy::Bidirectional;

        /// The least that a group may be given as `consumer.assignment.interval.ms`.
        group_consumer_min_assignment_interval_ms: i32 =
            "group.consumer.min.assignment.interval.ms", default 0, valid AtLeast(0);

        /// The least that a group may be given as `consumer.heartbeat.interval.ms`.
        group_consumer_min_heartbeat_interval_ms: i32 =
            "group.consumer.min.heartbeat.interval.ms", default 5000, valid AtLeast(1);

        /// The least that a group may be given as `consumer.session.timeout.ms`.
        group_consumer_min_session_timeout_ms: i32 =
            "group.consumer.min.session.timeout.ms", default 45_000, valid AtLeast(1);

        /// Milliseconds after which topics are held against the regular expressions of a KIP-848 group again.
        group_consumer_regex_refresh_interval_ms: i32 =
            "group.consumer.regex.refresh.interval.ms", default 600_000, valid AtLeast(10_000);

        /// Milliseconds of silence after which a member of a KIP-848 group is out of it.
        group_consumer_session_timeout_ms: i32 = "group.consumer.session.timeout.ms", default 45_000, valid AtLeast(1);

        /// Groups in one partition of `__consumer_offsets`; one more is refused. Not a key of Kafka's, which has no bound.
        group_coordinator_groups_max: i32 = "group.coordinator.groups.max", default 1_000_000, valid AtLeast(1);

        /// The protocols that groups may use. `classic` must be among them; `share` and `streams` may be, and have no
        /// effect yet, which is why `streams` is not in the default as it is in Kafka's.
        group_coordinator_rebalance_protocols: Vec<String> = "group.coordinator.rebalance.protocols",
            default ["classic", "consumer"].map(str::to_owned).to_vec(), valid NotEmpty;

        /// Requests that may wait for one thread of the group coordinator; one more is told to come again. Not a key of
        /// Kafka's.
        group_coordinator_queue_max: i32 = "group.coordinator.queue.max", default 10_000, valid AtLeast(1);

        /// Threads that serve groups; each has its share of the partitions of `__consumer_offsets`.
        group_coordinator_threads: i32 = "group.coordinator.threads", default 4, valid AtLeast(1);

        /// Milliseconds for which a new classic group waits for more members before it is balanced for the first time.
        group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms", default 3000;

        /// Bytes of ids, subscriptions and assignments that one classic group holds; who would exceed them is refused. Not a
        /// key of Kafka's, which has no bound.
        group_max_bytes: i32 = "group.max.bytes", default 67_108_864, valid AtLeast(1);

        /// The longest session timeout that a member of a classic group may ask for, in milliseconds.
        group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms", default 1_800_000;

        /// Members of one classic group; one more is refused.
        group_max_size: i32 = "group.max.size", default i32::MAX, valid AtLeast(1);

        /// The shortest session timeout that a member of a classic group may ask for, in milliseconds.
        group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms", default 6000;

        /// What the names of `listeners` stand for, as `NAME:PROTOCOL`. Only PLAINTEXT works as yet.
        listener_security_protocol_map: String = "listener.security.protocol.map",
            default "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT".to_owned();

        /// Where the broker listens, as `NAME://host:port`, without those for controllers; no host is every address of the machine, port 0 a free port.
        listeners: Vec<Listener> = "listeners",
            default vec![Listener { name: "PLAINTEXT".to_owned(), host: "127.0.0.1".to_owned(), port: 9092 }],
            valid NotEmpty;

        /// The directory of the log, where `log.dirs` names none.
        log_dir: Vec<String> = "log.dir", default vec![DATA_DIR.to_owned()], valid NotEmpty;

        /// The directory of the log. Kafka takes several; Tidelog takes one.
        log_dirs: Option<Vec<String>> = "log.dirs", default None, valid NotEmpty;

        /// Milliseconds between two notes on disk of how far each log is synced, which bound the scan after a crash.
        log_flush_offset_checkpoint_interval_ms: i32 =
            "log.flush.offset.checkpoint.interval.ms", default 60_000, valid AtLeast(1);

        /// Milliseconds that compaction pauses when no log is to be cleaned.
        log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms", default 15_000, valid AtLeast(0), dynamic true;

        /// Bytes of the maps of keys of all threads of compaction together. A key takes 14 bytes; a log with more keys than a
        /// thread's share has room for is cleaned a part at a time.
        log_cleaner_dedupe_buffer_size: i64 =
            "log.cleaner.dedupe.buffer.size", default 134_217_728, valid AtLeast(0), dynamic true;

        /// Whether topics with `cleanup.policy=compact`, `__consumer_offsets` among them, are compacted. Without it they only
        /// grow.
        log_cleaner_enable: bool = "log.cleaner.enable", default true;

        /// How full a map of keys may become, from 0 to 1. Fuller is slower.
        log_cleaner_io_buffer_load_factor: f64 = "log.cleaner.io.buffer.load.factor", default 0.9, dynamic true;

        /// Bytes of the buffers of all threads of compaction together. A larger record batch takes more for its time.
        log_cleaner_io_buffer_size: i32 = "log.cleaner.io.buffer.size", default 524_288, valid AtLeast(0), dynamic true;

        /// Bytes that compaction reads and writes in a second at most, on average.
        log_cleaner_io_max_bytes_per_second: f64 =
            "log.cleaner.io.max.bytes.per.second", default f64::MAX, dynamic true;

        /// Threads that compact logs, each one log at a time. While the broker runs they at most double or halve at once, as in
        /// Kafka.
        log_cleaner_threads: i32 = "log.cleaner.threads", default 1, valid AtLeast(0), dynamic true;

        /// Milliseconds from the start of the broker to the first search for records that retention does not keep. Not a key of
        /// Kafka's documentation, but of its broker.
        log_initial_task_delay_ms: i64 = "log.initial.task.delay.ms", default 30_000, valid AtLeast(0);

        /// Milliseconds between two searches for records that retention does not keep.
        log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms", default 300_000, valid AtLeast(1);

        /// How many times faster than real time the time goes at most that retention goes by. After a jump of the wall clock,
        /// or a start with a wrong one, records are deleted at this pace and not all at once. Not a key of Kafka's.
        log_retention_clock_pace_max: i32 = "log.retention.clock.pace.max", default 24, valid AtLeast(1);

        /// Partitions that are made or deleted in a second, on average over eleven seconds; what goes beyond is refused, with
        /// `THROTTLING_QUOTA_EXCEEDED` and the time to wait where the request's version knows it (KIP-599). Not a key of Kafka's,
        /// which has `controller_mutation_rate` for each user.
        controller_mutation_rate_max: i32 = "controller.mutation.rate.max", default 10_000, valid AtLeast(1);

        /// Partitions of all topics together; a topic that would exceed it is not made. Not a key of Kafka's.
        max_broker_partitions: i32 = "max.broker.partitions", default 200_000, valid AtLeast(1);

        /// Connections that are taken in a second, over all listeners; those beyond wait, and are taken evenly.
        max_connection_creation_rate: i32 = "max.connection.creation.rate", default i32::MAX, valid AtLeast(1);

        /// Connections that are open at once, over all listeners; one more is closed at once.
        max_connections: i32 = "max.connections", default i32::MAX, valid AtLeast(0);

        /// Connections from one address that are open at once; one more is closed at once.
        max_connections_per_ip: i32 = "max.connections.per.ip", default i32::MAX, valid AtLeast(0);

        /// Incremental fetch sessions that are remembered (KIP-227); a client beyond it sends full requests.
        max_incremental_fetch_session_cache_slots: i32 =
            "max.incremental.fetch.session.cache.slots", default 1000, valid AtLeast(0);

        /// Partitions that one request for topic descriptions returns at most.
        max_request_partition_size_limit: i32 = "max.request.partition.size.limit", default 2000, valid AtLeast(1);

        /// Bytes of metadata records after which a snapshot is written.
        metadata_log_max_record_bytes_between_snapshots: i64 =
            "metadata.log.max.record.bytes.between.snapshots", default 20_971_520, valid AtLeast(1);

        /// Changes of metadata that may wait to be decided; beyond it their connections wait. Not a key of Kafka's.
        metadata_queue_max: i32 = "metadata.queue.max", default 256, valid AtLeast(1);

        /// Connections that the metrics listener serves at once; one more is closed at once. Not a key of Kafka's.
        metrics_connections_max: i32 = "metrics.connections.max", default 16, valid AtLeast(1);

        /// Where the broker shows its metrics, as `http://host:port`: `GET /metrics` answers in Prometheus' text format. Who
        /// reaches it reads names of topics and clients, so `http://127.0.0.1:9464` is a good choice. Where none is given,
        /// nothing listens. Not a key of Kafka's.
        metrics_listener: Option<MetricsListener> = "metrics.listener", default None;

        /// Series of topics and partitions that one answer of the metrics listener holds; the rest is left out and counted.
        /// Not a key of Kafka's.
        metrics_series_max: i32 = "metrics.series.max", default 100_000, valid AtLeast(0);

        /// The number of the broker. In Kafka it must be given; one broker alone is 1.
        node_id: i32 = "node.id", default 1, valid AtLeast(0);

        /// Event loops, each with its share of the connections; where none is given, one for each processor.
        num_network_threads: Option<i32> = "num.network.threads", default None, valid AtLeast(1);

        /// Partitions of a topic whose creator names no number.
        num_partitions: i32 = "num.partitions", default 1, valid AtLeast(1);

        /// Threads that open logs at the start.
        num_recovery_threads_per_data_dir: i32 = "num.recovery.threads.per.data.dir", default 2, valid AtLeast(1);

        /// Bytes of the text that a consumer may store with an offset.
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes", default 4096;

        /// Milliseconds that a change of a group may take to become durable. After that whoever waits for it is told to ask again,
        /// and whether the change happened is not known.
        offsets_commit_timeout_ms: i32 = "offsets.commit.timeout.ms", default 5_000, valid AtLeast(1);

        /// Bytes of `__consumer_offsets` that are read at a time when a partition's groups are loaded.
        offsets_load_buffer_size: i32 = "offsets.load.buffer.size", default 5_242_880, valid AtLeast(1);

        /// Milliseconds between two searches for offsets that have expired.
        offsets_retention_check_interval_ms: i64 =
            "offsets.retention.check.interval.ms", default 600_000, valid AtLeast(1);

        /// Minutes for which a committed offset is kept, from when its group has no members any more, or no longer
        /// subscribes to the topic; without a group, from the commit.
        offsets_retention_minutes: i32 = "offsets.retention.minutes", default 10_080, valid AtLeast(1);

        /// The codec of the batches that the broker writes to `__consumer_offsets`: 0 for none, 1 for gzip, 2 for snappy, 3 for
        /// lz4, 4 for zstd.
        offsets_topic_compression_codec: i32 = "offsets.topic.compression.codec", default 0, valid Between(0, 4);

        /// Partitions of `__consumer_offsets` when it is created; must not change after that.
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions", default 50, valid AtLeast(1);

        /// Replicas of `__consumer_offsets` when it is created. In Kafka groups do not work before there are so many
        /// brokers; here it has one replica on each broker that there is, up to this number, so that one broker works.
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor", default 3, valid AtLeast(1);

        /// Bytes after which the active segment of `__consumer_offsets` is closed and a new one begins.
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes", default 104_857_600, valid AtLeast(1);

        /// What the process is. Tidelog is always both, `broker` and `controller`; a lone controller does not exist.
        process_roles: Vec<String> = "process.roles", default ["broker", "controller"].map(str::to_owned).to_vec();

        /// Milliseconds between two searches for idle producer ids. Not a key of Kafka's documentation, but of its broker.
        producer_id_expiration_check_interval_ms: i32 =
            "producer.id.expiration.check.interval.ms", default 600_000, valid AtLeast(1);

        /// Producer ids that one partition remembers; beyond it those that were idle the longest are forgotten, as if they had
        /// expired. Not a key of Kafka's.
        partition_producer_ids_max: i32 = "partition.producer.ids.max", default 100_000, valid AtLeast(1);

        /// Milliseconds after which an idle producer id is forgotten, and its duplicates with it.
        producer_id_expiration_ms: i32 = "producer.id.expiration.ms", default 86_400_000, valid AtLeast(1), dynamic true;

        /// Bytes of requests that are held in memory at once, over all connections; beyond it reading waits. As many of them as
        /// `socket.request.max.bytes` says are for one large request after the other. -1, which is no limit in Kafka, is 256 MiB
        /// here, or `socket.request.max.bytes` if that is more.
        queued_max_request_bytes: i64 = "queued.max.request.bytes", default -1, valid AtLeast(-1);

        /// Bytes of the largest request.
        socket_request_max_bytes: i32 = "socket.request.max.bytes", default 104_857_600, valid AtLeast(1);

        /// Bytes of metrics that a client may push at once (KIP-714), as it sends them and after decompression.
        telemetry_max_bytes: i32 = "telemetry.max.bytes", default 1_048_576, valid AtLeast(1);

        /// Milliseconds between two searches for transactions that take longer than their timeout.
        transaction_abort_timed_out_interval_ms: i32 =
            "transaction.abort.timed.out.transaction.cleanup.interval.ms", default 10_000, valid AtLeast(1);

        /// Transactional ids in one partition of `__transaction_state`; one more is refused. Not a key of Kafka's, which has no
        /// bound.
        transaction_coordinator_ids_max: i32 = "transaction.coordinator.ids.max", default 1_000_000, valid AtLeast(1);

        /// Requests that may wait for one thread of the transaction coordinator; one more is told to come again. Not a key of
        /// Kafka's.
        transaction_coordinator_queue_max: i32 = "transaction.coordinator.queue.max", default 10_000, valid AtLeast(1);

        /// Threads that serve transactions; each has its share of the partitions of `__transaction_state`. Not a key of
        /// Kafka's.
        transaction_coordinator_threads: i32 = "transaction.coordinator.threads", default 2, valid AtLeast(1);

        /// Milliseconds that a transaction may have as its timeout.
        transaction_max_timeout_ms: i32 = "transaction.max.timeout.ms", default 900_000, valid AtLeast(1);

        /// Partitions that one transaction may write to; one more is refused. Not a key of Kafka's, which has no bound.
        transaction_partitions_max: i32 = "transaction.partitions.max", default 100_000, valid AtLeast(1);

        /// Whether a partition asks the transaction coordinator before a transaction begins there, so that none begins after
        /// its end (KIP-890).
        transaction_partition_verification_enable: bool =
            "transaction.partition.verification.enable", default true, dynamic true;

        /// Milliseconds between two searches for transactional ids that have expired.
        transaction_remove_expired_interval_ms: i32 =
            "transaction.remove.expired.transaction.cleanup.interval.ms", default 3_600_000, valid AtLeast(1);

        /// Bytes of `__transaction_state` that are read at a time when a partition's transactions are loaded.
        transaction_state_log_load_buffer_size: i32 =
            "transaction.state.log.load.buffer.size", default 5_242_880, valid AtLeast(1);

        /// Replicas of `__transaction_state` that must have a record before it counts. One broker has one.
        transaction_state_log_min_isr: i32 = "transaction.state.log.min.isr", default 2, valid AtLeast(1);

        /// Partitions of `__transaction_state` when it is created; must not change after that.
        transaction_state_log_num_partitions: i32 =
            "transaction.state.log.num.partitions", default 50, valid AtLeast(1);

        /// Replicas of `__transaction_state` when it is created. In Kafka transactions do not work before there are so many
        /// brokers; here it has one replica on each broker that there is, up to this number, so that one broker works.
        transaction_state_log_replication_factor: i16 =
            "transaction.state.log.replication.factor", default 3, valid AtLeast(1);

        /// Bytes after which the active segment of `__transaction_state` is closed and a new one begins.
        transaction_state_log_segment_bytes: i32 =
            "transaction.state.log.segment.bytes", default 104_857_600, valid AtLeast(1);

        /// Milliseconds after which a transactional id that nobody used is forgotten.
        transactional_id_expiration_ms: i32 = "transactional.id.expiration.ms", default 604_800_000, valid AtLeast(1);

        /// Bytes of a transactional id. Not a key of Kafka's.
        transactional_id_max_bytes: i32 = "transactional.id.max.bytes", default 4096, valid AtLeast(1);
    }
    beside {
        topic_defaults: TopicConfig,
        layers: Layers,
    }
}

impl BrokerConfig {
    /// What a topic without overrides goes by.
    #[must_use]
    pub const fn topic_defaults(&self) -> &TopicConfig {
        &self.topic_defaults
    }

    /// Bytes of requests that may be held in memory at once (`queued.max.request.bytes`).
    #[must_use]
    pub fn request_bytes_max(&self) -> u64 {
        let unlimited = |_| REQUEST_BYTES_MAX.max(u64::try_from(self.socket_request_max_bytes).unwrap_or(0));
        u64::try_from(self.queued_max_request_bytes).unwrap_or_else(unlimited)
    }

    /// The directory of the log: `log.dirs`, or else `log.dir`.
    #[must_use]
    pub fn data_dir(&self) -> &str {
        self.log_dirs.as_ref().unwrap_or(&self.log_dir).first().map_or(DATA_DIR, String::as_str)
    }
}
