//! A client in a process of its own, spoken to as `tests/clients/README.md` says.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::{
    Abilities, Admin, At, Client, Codec, Configs, Consumer, Limit, Outcome, Partition, Refusal, Start,
};
use crate::records::{Record, Stored};

pub(crate) struct Process {
    abilities: &'static Abilities,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    #[track_caller]
    pub(crate) fn start(command: &mut Command, abilities: &'static Abilities) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{} does not run: {error}", abilities.name));
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { abilities, child, requests, answers }
    }

    #[track_caller]
    fn ask<T: DeserializeOwned>(&mut self, request: &Value) -> Outcome<T> {
        let name = self.abilities.name;
        let mut line = serde_json::to_vec(request).unwrap();
        line.push(b'\n');
        self.requests.as_ref().unwrap().write_all(&line).unwrap_or_else(|error| panic!("{name} is gone: {error}"));
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let mut answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{name} said {answer}: {error}"));
        if let Some(text) = answer["error"].as_str() {
            let code = answer["code"].as_i64().and_then(|code| i16::try_from(code).ok()).filter(|code| *code > 0);
            return Err(Refusal { code, text: text.to_owned() });
        }
        Ok(serde_json::from_value(answer["ok"].take()).unwrap())
    }
}

impl Client for Process {
    fn abilities(&self) -> &'static Abilities {
        self.abilities
    }

    fn produce(&mut self, to: &Partition, codec: Codec, records: &[Record]) -> Outcome<Vec<i64>> {
        let codec = codec.name();
        self.ask(&json!({
            "do": "produce", "topic": to.topic, "partition": to.index, "codec": codec, "records": records,
        }))
    }

    fn list_offset(&mut self, partition: &Partition, at: At) -> Outcome<Option<i64>> {
        let at = match at {
            At::Earliest => json!("earliest"),
            At::Latest => json!("latest"),
            At::MaxTimestamp => json!("max_timestamp"),
            At::Timestamp(timestamp) => json!({"timestamp": timestamp}),
        };
        let offset: i64 =
            self.ask(&json!({"do": "list_offset", "topic": partition.topic, "partition": partition.index, "at": at}))?;
        Ok(Some(offset).filter(|offset| *offset >= 0))
    }

    fn admin(&mut self) -> Option<&mut dyn Admin> {
        Some(self)
    }

    fn consumer(&mut self) -> Option<&mut dyn Consumer> {
        if self.abilities.has(Limit::NoReadingWithoutGroup) { None } else { Some(self) }
    }
}

impl Admin for Process {
    fn create_topic(&mut self, topic: &str, partitions: u32, configs: &Configs) -> Outcome<()> {
        self.ask(&json!({"do": "create_topic", "topic": topic, "partitions": partitions, "configs": configs}))
    }

    fn delete_topic(&mut self, topic: &str) -> Outcome<()> {
        self.ask(&json!({"do": "delete_topic", "topic": topic}))
    }

    fn create_partitions(&mut self, topic: &str, total: u32) -> Outcome<()> {
        self.ask(&json!({"do": "create_partitions", "topic": topic, "total": total}))
    }

    fn list_topics(&mut self) -> Outcome<Vec<String>> {
        self.ask(&json!({"do": "list_topics", "topic": ""}))
    }

    fn count_partitions(&mut self, topic: &str) -> Outcome<u64> {
        self.ask(&json!({"do": "count_partitions", "topic": topic}))
    }

    fn describe_configs(&mut self, topic: &str) -> Outcome<Configs> {
        let described: std::collections::BTreeMap<String, Option<String>> =
            self.ask(&json!({"do": "describe_configs", "topic": topic}))?;
        Ok(described.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    fn alter_configs(&mut self, topic: &str, set: &Configs) -> Outcome<()> {
        self.ask(&json!({"do": "alter_configs", "topic": topic, "set": set}))
    }
}

impl Consumer for Process {
    fn fetch(&mut self, from: &Partition, start: Start, count: usize) -> Outcome<Vec<Stored>> {
        let start = match start {
            Start::Offset(offset) => json!({"offset": offset}),
            Start::Timestamp(timestamp) => json!({"timestamp": timestamp}),
        };
        self.ask(&json!({
            "do": "fetch", "topic": from.topic, "partition": from.index, "start": start, "count": count,
        }))
    }
}

impl Drop for Process {
    /// A client ends when its input does; one that does not is killed.
    fn drop(&mut self) {
        drop(self.requests.take());
        for _ in 0..100 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
