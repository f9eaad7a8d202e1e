//! One side of a comparison: a connection, what was asked, and what was answered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::normal::Masks;
use crate::support::brokers::{self, Kind};
use crate::support::client::Client;
use crate::support::schema::api;
use crate::support::topics::{Topic, unique};

/// One call of a script.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) api: String,
    pub(super) version: i16,
    /// What was asked, with names that are the same on both sides.
    pub(super) asked: String,
    pub(super) answer: Value,
}

#[derive(Debug)]
pub(super) struct Peer {
    address: &'static str,
    client: Client,
    salt: String,
    masks: Masks,
    steps: Vec<Step>,
    /// A topic whose config is changed to see when earlier changes are in force, and how often it was.
    marker: Option<(Topic, i64)>,
}

impl Peer {
    pub(super) fn connect(kind: Kind) -> Self {
        let address = brokers::address(kind);
        let salt = unique("");
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let masks = Masks { salt: salt.clone(), port, texts: BTreeMap::new() };
        Self { address, client: Client::connect(address), salt, masks, steps: Vec::new(), marker: None }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// A name that is this run's own, and the same on both sides once masked.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{name}{}", self.salt)
    }

    /// Creates a topic and waits until it is led.
    #[track_caller]
    pub(super) fn topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Topic {
        let unique = self.name(name);
        let topic = Topic::named(&mut self.client, unique, partitions, configs);
        self.mask(&topic.id, &format!("id of {name}"));
        topic
    }

    /// Waits until the broker has heard of every change that was answered: the real Kafka's hears of them a while after the
    /// answer, but in their order, so that one more change shows when the earlier ones are there.
    #[track_caller]
    pub(super) fn settle(&mut self) {
        if self.marker.is_none() {
            let topic = Topic::named(&mut self.client, format!("marker{}", self.salt), 1, &[]);
            self.marker = Some((topic, 0));
        }
        let Some((topic, count)) = &mut self.marker else { return };
        *count += 1;
        let value = count.to_string();
        let config = json!({"name": "retention.ms", "config_operation": 0, "value": value});
        let resource = json!({"resource_type": 2, "resource_name": topic.name, "configs": [config]});
        self.client.call("IncrementalAlterConfigs", 1, &json!({"resources": [resource]}));
        let body = json!({"resources": [{
            "resource_type": 2, "resource_name": topic.name, "configuration_keys": ["retention.ms"],
        }]});
        let client = &mut self.client;
        test_support::wait_until("changes that are in force", test_support::SOON, || {
            client.call("DescribeConfigs", 4, &body)["results"][0]["configs"][0]["value"] == value.as_str()
        });
    }

    /// From now on a text of this broker's answers stands for another.
    pub(super) fn mask(&mut self, text: &str, stands_for: &str) {
        self.masks.texts.insert(text.to_owned(), stands_for.to_owned());
    }

    /// The connection, for calls that are not compared.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Another connection to the same broker.
    pub(super) fn connection(&self) -> Client {
        Client::connect(self.address)
    }

    /// Makes a call whose answer is compared. The answer of a broker that closes the connection is the text "closed".
    #[track_caller]
    pub(super) fn call(&mut self, name: &str, version: i16, body: &Value) -> Value {
        let correlation_id = self.client.send(name, version, body);
        let answer = self.client.answer_or_close(name, version, correlation_id);
        if answer.is_none() {
            self.client = Client::connect(self.address);
        }
        let answer = answer.unwrap_or(json!("closed"));
        self.note(name, version, body, &answer);
        answer
    }

    /// As [`Self::call`], but a list of the answer is a set that may come in any order.
    #[track_caller]
    pub(super) fn call_sorted(&mut self, name: &str, version: i16, body: &Value, set: &str) {
        let mut answer = self.client.call(name, version, body);
        self.sort(&mut answer[set]);
        self.note(name, version, body, &answer);
    }

    /// Puts a list in an order that is the same on both sides.
    pub(super) fn sort(&self, list: &mut Value) {
        list.as_array_mut().unwrap().sort_by_key(|item| self.masks.apply(item).to_string());
    }

    /// Compares an answer that was received in another way.
    pub(super) fn note(&mut self, name: &str, version: i16, body: &Value, answer: &Value) {
        let asked = short(&self.masks.label(body));
        self.steps.push(Step { api: name.to_owned(), version, asked, answer: self.masks.apply(answer) });
    }

    /// The same call in every version that the API has.
    #[track_caller]
    pub(super) fn call_all(&mut self, name: &str, body: &Value) {
        let versions = api(name).request.versions;
        for version in versions.first..=versions.last {
            self.call(name, version, body);
        }
    }
}

/// Enough of a body to recognise it.
fn short(text: &str) -> String {
    if text.chars().count() <= 300 { text.to_owned() } else { text.chars().take(300).chain("...".chars()).collect() }
}
