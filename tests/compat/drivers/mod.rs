//! The clients, and how each of them is reached. A new client is a variant and its abilities; a client whose tools are not
//! there is installed by tests/support/install.sh or fails its test.

mod kcat;
mod librdkafka;
mod process;

use test_support::{go_client, java_client, node_client, python_client};

use crate::client::{Abilities, Client, Codec, Limit};
pub(crate) use librdkafka::Librdkafka;
use process::Process;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Librdkafka,
    Kcat,
    Java,
    ConfluentKafka,
    KafkaPython,
    Kafkajs,
    FranzGo,
}

impl Kind {
    pub(crate) const ALL: &'static [Self] = &[
        Self::Librdkafka,
        Self::Kcat,
        Self::Java,
        Self::ConfluentKafka,
        Self::KafkaPython,
        Self::Kafkajs,
        Self::FranzGo,
    ];

    /// Starts the client.
    #[track_caller]
    pub(crate) fn open(self, bootstrap: &str) -> Box<dyn Client> {
        match self {
            Self::Librdkafka => Box::new(Librdkafka::open(bootstrap)),
            Self::Kcat => Box::new(kcat::Kcat::open(bootstrap)),
            Self::Java => Box::new(Process::start(java_client("CompatClient").arg(bootstrap), &JAVA)),
            Self::ConfluentKafka => {
                Box::new(Process::start(python_client("confluent.py").arg(bootstrap), &CONFLUENT_KAFKA))
            }
            Self::KafkaPython => {
                Box::new(Process::start(python_client("kafka_python.py").arg(bootstrap), &KAFKA_PYTHON))
            }
            Self::Kafkajs => Box::new(Process::start(node_client("client.js").arg(bootstrap), &KAFKAJS)),
            Self::FranzGo => Box::new(Process::start(go_client("compat").arg(bootstrap), &FRANZ_GO)),
        }
    }
}

static JAVA: Abilities = Abilities { name: "java", codecs: Codec::ALL, limits: &[] };
static CONFLUENT_KAFKA: Abilities = Abilities { name: "confluent-kafka", codecs: Codec::ALL, limits: &[] };
static KAFKA_PYTHON: Abilities =
    Abilities { name: "kafka-python", codecs: Codec::ALL, limits: &[Limit::NoNullRecords, Limit::NoNullHeaders] };
static FRANZ_GO: Abilities = Abilities { name: "franz-go", codecs: Codec::ALL, limits: &[Limit::NoOffsetIsTheEnd] };
static KAFKAJS: Abilities = Abilities {
    name: "kafkajs",
    codecs: &[Codec::None, Codec::Gzip, Codec::Snappy],
    limits: &[
        Limit::NoReadingWithoutGroup,
        Limit::NoMaxTimestamp,
        Limit::NoOffsetIsTheEnd,
        Limit::AlteringReplaces,
        Limit::SimpleHeaders,
    ],
};
