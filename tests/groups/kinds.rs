//! The clients, and the ways in which each takes part in a group.

use std::process::Command;

use test_support::{go_client, java_client, node_client, python_client};

/// A client with one of its protocols.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    client: Client,
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug)]
enum Client {
    Java,
    /// By confluent-kafka, which brings its own librdkafka.
    Librdkafka,
    KafkaPython,
    Aiokafka,
    Kafkajs,
    FranzGo,
}

#[derive(Clone, Copy, Debug)]
enum Protocol {
    /// Classic; gives up all partitions in every rebalance.
    Eager,
    /// Classic; gives up only what moves (KIP-429).
    Cooperative,
    /// `group.protocol=consumer` (KIP-848).
    Consumer,
}

impl Kind {
    pub(crate) const JAVA_EAGER: Self = Self::new(Client::Java, Protocol::Eager);
    pub(crate) const JAVA_COOPERATIVE: Self = Self::new(Client::Java, Protocol::Cooperative);
    pub(crate) const JAVA_CONSUMER: Self = Self::new(Client::Java, Protocol::Consumer);
    pub(crate) const LIBRDKAFKA_EAGER: Self = Self::new(Client::Librdkafka, Protocol::Eager);
    pub(crate) const LIBRDKAFKA_COOPERATIVE: Self = Self::new(Client::Librdkafka, Protocol::Cooperative);
    pub(crate) const LIBRDKAFKA_CONSUMER: Self = Self::new(Client::Librdkafka, Protocol::Consumer);
    pub(crate) const KAFKA_PYTHON_EAGER: Self = Self::new(Client::KafkaPython, Protocol::Eager);
    pub(crate) const KAFKA_PYTHON_COOPERATIVE: Self = Self::new(Client::KafkaPython, Protocol::Cooperative);
    pub(crate) const AIOKAFKA: Self = Self::new(Client::Aiokafka, Protocol::Eager);
    pub(crate) const KAFKAJS: Self = Self::new(Client::Kafkajs, Protocol::Eager);
    pub(crate) const FRANZ_GO_EAGER: Self = Self::new(Client::FranzGo, Protocol::Eager);
    pub(crate) const FRANZ_GO_COOPERATIVE: Self = Self::new(Client::FranzGo, Protocol::Cooperative);
    pub(crate) const FRANZ_GO_CONSUMER: Self = Self::new(Client::FranzGo, Protocol::Consumer);

    const fn new(client: Client, protocol: Protocol) -> Self {
        Self { client, protocol }
    }

    /// The same client with KIP-848's protocol.
    pub(crate) const fn of_kip_848(self) -> Self {
        Self::new(self.client, Protocol::Consumer)
    }

    /// The program of a member, without what `tests/clients/README.md` lets it be told.
    #[track_caller]
    pub(crate) fn program(self) -> Command {
        match self.client {
            Client::Java => java_client("GroupMember"),
            Client::Librdkafka => python_client("confluent_member.py"),
            Client::KafkaPython => python_client("kafka_python_member.py"),
            Client::Aiokafka => python_client("aiokafka_member.py"),
            Client::Kafkajs => node_client("member.js"),
            Client::FranzGo => go_client("member"),
        }
    }

    pub(crate) fn protocol(self) -> &'static str {
        match self.protocol {
            Protocol::Eager => "eager",
            Protocol::Cooperative => "cooperative",
            Protocol::Consumer => "consumer",
        }
    }
}
