//! GetTelemetrySubscriptions and PushTelemetry, with a receiver on both sides.

use serde_json::json;

use super::compare;
use crate::support::message::hex;
use crate::support::otlp::{compressed, gauge};
use crate::telemetry::{WANTED, instance, push, subscribe};

/// One test, because a change of subscriptions makes every client new.
#[test]
fn subscriptions_and_pushes() {
    compare(|peer| {
        let ask = |id: &str| json!({"client_instance_id": id});
        // Which id it gets is its own business.
        let mut fresh = peer.client().call("GetTelemetrySubscriptions", 0, &ask(&"0".repeat(32)));
        for own in ["client_instance_id", "subscription_id"] {
            fresh.as_object_mut().unwrap().remove(own);
        }
        peer.note("GetTelemetrySubscriptions", 0, &json!("a client without an id"), &fresh);
        subscribe(peer.client(), "differential", &[("interval.ms", "400000"), ("metrics", WANTED)]);
        // The software's name and version, and the address, as this connection said them.
        let software = json!({"client_software_name": "some-library", "client_software_version": "1.2.3"});
        peer.client().call("ApiVersions", 3, &software);
        for (name, pattern, interval) in [
            ("by-software", "client_software_name=some-.*,client_software_version=1\\.2\\..*", "60000"),
            ("by-address", "client_source_address=127\\.0\\.0\\.1,client_source_port=[0-9]+,client_id=cases", "50000"),
            ("by-instance", "client_instance_id=BQUFBQUFBQUFBQUFBQUFBQ", "40000"),
            ("by-nothing-of-ours", "client_software_name=unknown", "1000"),
        ] {
            let configs = [("interval.ms", interval), ("metrics", WANTED), ("match", pattern)];
            subscribe(peer.client(), name, &configs);
            for number in [4, 5] {
                peer.call("GetTelemetrySubscriptions", 0, &ask(&instance(number)));
            }
        }
        let metrics = hex(&gauge("org.apache.kafka.producer.a", 7));
        for (number, codec) in [(6, 0), (7, 1), (8, 3), (9, 4)] {
            let id = instance(number);
            let subscription = peer.call("GetTelemetrySubscriptions", 0, &ask(&id))["subscription_id"].clone();
            let metrics = if codec == 0 { metrics.clone() } else { compressed(codec, &gauge("a.b", 1)) };
            for more in [json!({"compression_type": codec}), json!({}), json!({"terminating": true}), json!({})] {
                let code = push(peer.client(), &id, &subscription, &metrics, more.clone());
                peer.note("PushTelemetry", 0, &more, &json!(code));
            }
            peer.call("GetTelemetrySubscriptions", 0, &ask(&id));
        }
    });
}
