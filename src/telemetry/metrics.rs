//! The table of metrics. A row is a name, what it counts, its labels, its unit, and the MBean of Kafka's that says the same
//! (`-` where Kafka has none). Names follow those that dashboards for Kafka expect: the MBean in small letters, with
//! underscores; `tidelog_` where Kafka has nothing alike.

use protocol::ApiKey;

use super::counter::{Counter, CounterBy};
use super::histogram::HistogramBy;
use super::label::{ConnectionLimit, DroppedPoint, RefusedRequest, Traffic};
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
    }
}
