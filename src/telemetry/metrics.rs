//! The table of metrics. A row is a name, what it counts, its labels, its unit, and the MBean of Kafka's that says the same
//! (`-` where Kafka has none). Names follow those that dashboards for Kafka expect: the MBean in small letters, with
//! underscores; `tidelog_` where Kafka has nothing alike.

use protocol::ApiKey;

use super::cleaning::Cleaning;
use super::counter::{Counter, CounterBy};
use super::histogram::HistogramBy;
use super::label::{ConnectionLimit, DroppedPoint, RefusedRequest, TopicLimit, Traffic};
use super::table::metrics;

metrics! {
    counted {
        /// Connections that were accepted and served.
        connections_accepted: Counter = "kafka_server_socket_server_metrics_connection_creation",
            labels [], unit "connections", mbean "kafka.server:type=socket-server-metrics,name=connection-creation-total";

        /// Connections that ended.
        connections_closed: Counter = "kafka_server_socket_server_metrics_connection_close",
            labels [], unit "connections", mbean "kafka.server:type=socket-server-metrics,name=connection-close-total";

        /// Connections that were closed at once, by the config whose limit they would have exceeded.
        connections_refused: CounterBy<ConnectionLimit> = "tidelog_network_refused_connections",
            labels ["limit"], unit "connections", mbean "-";

        /// Topics that were not made or deleted, and additions of partitions that were not made, by the config whose limit they
        /// would have exceeded.
        topic_changes_refused: CounterBy<TopicLimit> = "tidelog_metadata_refused_topic_changes",
            labels ["limit"], unit "changes", mbean "-";

        /// Requests that were read whole and handled, by API.
        requests: CounterBy<ApiKey> = "kafka_network_requestmetrics_requests",
            labels ["request"], unit "requests", mbean "kafka.network:type=RequestMetrics,name=RequestsPerSec,request=*,version=*";

        /// Bytes of requests, with their headers and without their size fields, by API.
        request_bytes: CounterBy<ApiKey> = "kafka_network_requestmetrics_requestbytes",
            labels ["request"], unit "bytes", mbean "kafka.network:type=RequestMetrics,name=RequestBytes,request=*";

        /// Milliseconds from a request's arrival until its answer is ready to be sent, by API. Waiting counts: for new records
        /// in Fetch, for the sync in Produce.
        request_time: HistogramBy<ApiKey> = "kafka_network_requestmetrics_totaltimems",
            labels ["request"], unit "ms", mbean "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=*";

        /// Requests that cost their client the connection, by reason: `header` and `body` cannot be read, `not_served` names
        /// an API or a version that is not served, `unanswered` is a failed produce with acks=0, `encode` is a mistake of the broker's.
        requests_refused: CounterBy<RefusedRequest> = "tidelog_network_refused_requests",
            labels ["reason"], unit "requests", mbean "-";

        /// Syncs of partitions' logs that are done: what was appended before them is on stable storage. Kafka tells how long
        /// they took as well.
        log_flushes: Counter = "tidelog_log_flushes",
            labels [], unit "syncs", mbean "kafka.log:type=LogFlushStats,name=LogFlushRateAndTimeMs";

        /// Requests for metrics subscriptions, or pushes, that came before the client's interval was over (KIP-714). Kafka
        /// counts them for each client.
        client_throttles: Counter = "kafka_server_client_metrics_throttle",
            labels [], unit "requests", mbean "kafka.server:type=client-metrics,name=throttle-count,client_instance_id=*";

        /// Pushes of clients with a subscription that is not theirs (any more).
        client_unknown_subscriptions: Counter = "kafka_server_client_metrics_unknown_subscription_request",
            labels [], unit "requests", mbean "kafka.server:type=client-metrics,name=unknown-subscription-request-count";

        /// Pushes of clients that were taken. In Kafka a plug-in takes them, and they are counted for each client.
        client_exports: Counter = "kafka_server_client_metrics_plugin_export",
            labels [], unit "pushes", mbean "kafka.server:type=client-metrics,name=plugin-export-count,client_instance_id=*";

        /// Pushes of clients that could not be decompressed or read, or were too large once decompressed.
        client_export_errors: Counter = "kafka_server_client_metrics_plugin_error",
            labels [], unit "pushes", mbean "kafka.server:type=client-metrics,name=plugin-error-count,client_instance_id=*";

        /// Bytes of metrics that were taken from clients, after decompression.
        client_export_bytes: Counter = "tidelog_client_telemetry_bytes",
            labels [], unit "bytes", mbean "-";

        /// Points of clients' metrics that were taken and are not shown, by reason: `full` where `client.telemetry.series.max`
        /// is reached, `too_long` where name and labels are, `other_kind` where a counter is known as a gauge or the other
        /// way round, `no_value` without a number.
        client_points_dropped: CounterBy<DroppedPoint> = "tidelog_client_telemetry_dropped_points",
            labels ["reason"], unit "points", mbean "-";
    }
    gathered {
        /// Connections that are open.
        CONNECTION_COUNT: Gauge = "kafka_server_socket_server_metrics_connection_count",
            labels [], unit "connections", mbean "kafka.server:type=socket-server-metrics,name=connection-count";

        /// Records that were appended. Without a label: to all topics, also those that are deleted by now.
        MESSAGES_IN: Counter = "kafka_server_brokertopicmetrics_messagesin",
            labels ["topic"], unit "records", mbean "kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec,topic=*";

        /// Bytes of record batches that were appended, as they were sent. Without a label: to all topics.
        BYTES_IN: Counter = "kafka_server_brokertopicmetrics_bytesin",
            labels ["topic"], unit "bytes", mbean "kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec,topic=*";

        /// Bytes of records in answers to fetches. Without a label: of all topics.
        BYTES_OUT: Counter = "kafka_server_brokertopicmetrics_bytesout",
            labels ["topic"], unit "bytes", mbean "kafka.server:type=BrokerTopicMetrics,name=BytesOutPerSec,topic=*";

        /// Partitions of produce requests. Without a label: of all topics.
        TOTAL_PRODUCE_REQUESTS: Counter = "kafka_server_brokertopicmetrics_totalproducerequests",
            labels ["topic"], unit "partitions of requests", mbean "kafka.server:type=BrokerTopicMetrics,name=TotalProduceRequestsPerSec,topic=*";

        /// Partitions of produce requests that were refused, whatever the error. Without a label: of all topics.
        FAILED_PRODUCE_REQUESTS: Counter = "kafka_server_brokertopicmetrics_failedproducerequests",
            labels ["topic"], unit "partitions of requests", mbean "kafka.server:type=BrokerTopicMetrics,name=FailedProduceRequestsPerSec,topic=*";

        /// Partitions of fetches. Without a label: of all topics.
        TOTAL_FETCH_REQUESTS: Counter = "kafka_server_brokertopicmetrics_totalfetchrequests",
            labels ["topic"], unit "partitions of requests", mbean "kafka.server:type=BrokerTopicMetrics,name=TotalFetchRequestsPerSec,topic=*";

        /// Partitions of fetches that were answered with an error, whatever it is. Without a label: of all topics.
        FAILED_FETCH_REQUESTS: Counter = "kafka_server_brokertopicmetrics_failedfetchrequests",
            labels ["topic"], unit "partitions of requests", mbean "kafka.server:type=BrokerTopicMetrics,name=FailedFetchRequestsPerSec,topic=*";

        /// Topics that exist.
        TOPIC_COUNT: Gauge = "kafka_controller_kafkacontroller_globaltopiccount",
            labels [], unit "topics", mbean "kafka.controller:type=KafkaController,name=GlobalTopicCount";

        /// Partitions that exist.
        PARTITION_COUNT: Gauge = "kafka_server_replicamanager_partitioncount",
            labels [], unit "partitions", mbean "kafka.server:type=ReplicaManager,name=PartitionCount";

        /// Partitions that this broker leads and serves.
        LEADER_COUNT: Gauge = "kafka_server_replicamanager_leadercount",
            labels [], unit "partitions", mbean "kafka.server:type=ReplicaManager,name=LeaderCount";

        /// Partitions whose log could not be opened, or went offline after a failed sync or an I/O error. Anything but 0 is
        /// for an operator.
        OFFLINE_REPLICA_COUNT: Gauge = "kafka_server_replicamanager_offlinereplicacount",
            labels [], unit "partitions", mbean "kafka.server:type=ReplicaManager,name=OfflineReplicaCount";

        /// Bytes of a partition's log.
        LOG_SIZE: Gauge = "kafka_log_log_size",
            labels ["topic", "partition"], unit "bytes", mbean "kafka.log:type=Log,name=Size,topic=*,partition=*";

        /// The offset that a partition's next record gets.
        LOG_END_OFFSET: Gauge = "kafka_log_log_logendoffset",
            labels ["topic", "partition"], unit "offset", mbean "kafka.log:type=Log,name=LogEndOffset,topic=*,partition=*";

        /// The first offset that a partition still holds.
        LOG_START_OFFSET: Gauge = "kafka_log_log_logstartoffset",
            labels ["topic", "partition"], unit "offset", mbean "kafka.log:type=Log,name=LogStartOffset,topic=*,partition=*";

        /// The end of what consumers see of a partition. What lies between it and the log's end is not durable yet.
        HIGH_WATERMARK: Gauge = "tidelog_log_highwatermark",
            labels ["topic", "partition"], unit "offset", mbean "-";

        /// Records and markers that lie between the last stable offset and the high watermark: readers of committed records
        /// wait for the end of the transaction that began first among them.
        LAST_STABLE_OFFSET_LAG: Gauge = "kafka_cluster_partition_laststableoffsetlag",
            labels ["topic", "partition"], unit "offsets", mbean "kafka.cluster:type=Partition,name=LastStableOffsetLag,topic=*,partition=*";

        /// Partitions with a transaction whose producer was silent for five minutes longer than any transaction may take. Anything
        /// but 0 is for an operator: `kafka-transactions` finds such transactions and ends them.
        LATE_TRANSACTIONS: Gauge = "kafka_server_replicamanager_partitionswithlatetransactionscount",
            labels [], unit "partitions", mbean "kafka.server:type=ReplicaManager,name=PartitionsWithLateTransactionsCount";

        /// Transactional ids that are known. Absent while the coordinators load. The bound is `transaction.coordinator.ids.max`.
        TRANSACTIONAL_IDS: Gauge = "tidelog_transaction_coordinator_transactional_ids",
            labels [], unit "transactional ids", mbean "-";

        /// Transactions that have not ended, by state: `Ongoing` are under way, `PrepareCommit` and `PrepareAbort` wait for
        /// markers. Absent while the coordinators load.
        OPEN_TRANSACTIONS: Gauge = "tidelog_transaction_coordinator_open_transactions",
            labels ["state"], unit "transactions", mbean "-";

        /// Milliseconds that the oldest transaction in a state has been in it. `Ongoing` is bounded by the producer's timeout,
        /// which is at most `transaction.max.timeout.ms`, and the pause between two looks
        /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`). The others end as soon as each partition has its
        /// marker, which is tried again ten times a second: more than a second is for an operator, as a partition's log is
        /// offline or has no room.
        OLDEST_TRANSACTION: Gauge = "tidelog_transaction_coordinator_oldest_transaction",
            labels ["state"], unit "ms", mbean "-";

        /// Percent of the dirtiest compacted log that is not compacted yet. This row and the next five are absent until
        /// compaction has begun.
        CLEANER_MAX_DIRTY: Gauge = "kafka_log_logcleanermanager_max_dirty_percent",
            labels [], unit "percent", mbean "kafka.log:type=LogCleanerManager,name=max-dirty-percent";

        /// Milliseconds since a thread of compaction looked for a log to compact.
        CLEANER_SINCE_LAST_RUN: Gauge = "kafka_log_logcleanermanager_time_since_last_run_ms",
            labels [], unit "ms", mbean "kafka.log:type=LogCleanerManager,name=time-since-last-run-ms";

        /// Percent of the bytes that the last compaction of each thread went through which it has left.
        CLEANER_RECOPY: Gauge = "kafka_log_logcleaner_cleaner_recopy_percent",
            labels [], unit "percent", mbean "kafka.log:type=LogCleaner,name=cleaner-recopy-percent";

        /// Seconds that the longest of the last compactions of each thread took.
        CLEANER_MAX_TIME: Gauge = "kafka_log_logcleaner_max_clean_time_secs",
            labels [], unit "s", mbean "kafka.log:type=LogCleaner,name=max-clean-time-secs";

        /// Seconds beyond `max.compaction.lag.ms` that a record had to wait for the last compaction of each thread.
        CLEANER_MAX_DELAY: Gauge = "kafka_log_logcleaner_max_compaction_delay_secs",
            labels [], unit "s", mbean "kafka.log:type=LogCleaner,name=max-compaction-delay-secs";

        /// Threads of compaction that ended with a panic. Anything but 0 is a mistake of the broker's.
        CLEANER_DEAD_THREADS: Gauge = "kafka_log_logcleaner_deadthreadcount",
            labels [], unit "threads", mbean "kafka.log:type=LogCleaner,name=DeadThreadCount";

        /// Partitions whose log is damaged where it should be compacted. They are not compacted until the next start, and
        /// grow; anything but 0 is for an operator. Kafka counts them for each log directory.
        UNCLEANABLE_PARTITIONS: Gauge = "kafka_log_logcleanermanager_uncleanable_partitions_count",
            labels [], unit "partitions", mbean "kafka.log:type=LogCleanerManager,name=uncleanable-partitions-count,logDirectory=*";

        /// Bytes of those partitions that should be compacted.
        UNCLEANABLE_BYTES: Gauge = "kafka_log_logcleanermanager_uncleanable_bytes",
            labels [], unit "bytes", mbean "kafka.log:type=LogCleanerManager,name=uncleanable-bytes,logDirectory=*";

        /// Fetch sessions that are remembered (KIP-227).
        FETCH_SESSIONS: Gauge = "kafka_server_fetchsessioncache_numincrementalfetchsessions",
            labels [], unit "sessions", mbean "kafka.server:type=FetchSessionCache,name=NumIncrementalFetchSessions";

        /// Partitions that the fetch sessions name.
        FETCH_SESSION_PARTITIONS: Gauge = "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached",
            labels [], unit "partitions", mbean "kafka.server:type=FetchSessionCache,name=NumIncrementalFetchPartitionsCached";

        /// Groups by protocol and state. Absent while the coordinators load.
        GROUP_COUNT: Gauge = "kafka_server_group_coordinator_metrics_group_count",
            labels ["protocol", "state"], unit "groups", mbean "kafka.server:type=group-coordinator-metrics,name=group-count,protocol=*";

        /// Clients whose metrics are managed (KIP-714).
        CLIENT_INSTANCES: Gauge = "kafka_server_client_metrics_instance_count",
            labels [], unit "clients", mbean "kafka.server:type=client-metrics,name=instance-count";

        /// Series that clients have pushed and that are shown, as `kafka_client_...`.
        CLIENT_SERIES: Gauge = "tidelog_client_telemetry_series",
            labels [], unit "series", mbean "-";

        /// Series of topics and partitions that this answer leaves out, because of `metrics.series.max`.
        OMITTED_SERIES: Gauge = "tidelog_metrics_omitted_series",
            labels [], unit "series", mbean "-";
    }
    beside {
        /// What all partitions together counted; each counts its own as well.
        traffic: CounterBy<Traffic>,

        /// What the threads of compaction tell of themselves.
        cleaning: Cleaning,
    }
}
