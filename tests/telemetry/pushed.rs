//! What real clients push, with subscriptions made by Kafka's own tool.

use std::process::Stdio;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use test_support::{RealKafka, java_client};

use crate::Shown;
use crate::scrape::Samples;
use crate::wire::Wire;

const TOPIC: &str = "pushed";

/// Makes a subscription to all metrics of one client's library, with Kafka's tool.
fn subscribe(shown: &Shown, name: &str, library: &str) {
    let printed = RealKafka::tool(
        "org.apache.kafka.tools.ClientMetricsCommand",
        &[
            "--bootstrap-server",
            &shown.address(),
            "--alter",
            "--name",
            name,
            "--metrics",
            "*",
            "--interval",
            "300",
            "--match",
            &format!("client_software_name={library}"),
        ],
    );
    assert!(printed.contains("Altered client metrics config for"), "{printed}");
}

/// The series of one client.
fn of<'a>(samples: &'a Samples, client_id: &str) -> Vec<&'a str> {
    let label = format!("client_id=\"{client_id}\"");
    samples.keys().map(String::as_str).filter(|series| series.contains(&label)).collect()
}

#[test]
fn a_java_client_pushes_and_says_farewell() {
    let shown = Shown::start(&[]);
    crate::rows::create_topic(&mut Wire::connect(&shown.address()), TOPIC, 1);
    subscribe(&shown, "java", "apache-kafka-java");
    let mut client = java_client("MetricsClient")
        .args([&shown.address(), TOPIC, "java-client"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pushed =
        |samples: &Samples, name: &str| of(samples, "java-client").iter().any(|series| series.starts_with(name));
    shown.scraper.wait("metrics of a Java client", |samples| {
        pushed(samples, "kafka_client_producer_connection_creation_total{")
            && samples["kafka_server_client_metrics_plugin_export_total"] >= 3.0
    });
    let samples = shown.scraper.samples();
    assert!(samples["kafka_server_client_metrics_instance_count"] >= 1.0);
    assert_eq!(format!("{}", samples["kafka_server_client_metrics_plugin_error_total"]), "0");
    // Deltas add up: the one connection to the broker, and the one to find it, were made once.
    let created = samples.iter().find(|(series, _)| {
        series.starts_with("kafka_client_producer_connection_creation_total{") && series.contains("java-client")
    });
    assert!((1.0..=3.0).contains(created.unwrap().1), "{created:?}");
    // At its end the client pushes once more; the connection that it was new on goes, its series stay.
    drop(client.stdin.take());
    assert!(client.wait().unwrap().success());
    shown.scraper.wait("a client that is gone", |samples| {
        samples["kafka_server_client_metrics_instance_count"] < 1.0 && pushed(samples, "kafka_client_producer_")
    });
}

#[test]
fn librdkafka_pushes() {
    let shown = Shown::start(&[]);
    crate::rows::create_topic(&mut Wire::connect(&shown.address()), TOPIC, 1);
    subscribe(&shown, "rdkafka", "librdkafka");
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", shown.address())
        .set("client.id", "rdkafka-client")
        .set("group.id", "unused")
        .create()
        .unwrap();
    consumer.subscribe(&[TOPIC]).unwrap();
    shown.scraper.wait("metrics of librdkafka", |samples| {
        drop(consumer.poll(std::time::Duration::from_millis(100)));
        of(samples, "rdkafka-client").iter().any(|series| series.starts_with("kafka_client_consumer_"))
    });
    let samples = shown.scraper.samples();
    assert_eq!(format!("{}", samples["kafka_server_client_metrics_plugin_error_total"]), "0");
    assert!(samples["tidelog_client_telemetry_series"] >= 1.0);
}
