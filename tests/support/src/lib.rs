//! What the tests of all crates share: brokers to speak to (ours, and a real Kafka to compare with) and the tools that
//! `install.sh` beside this crate provides. A helper that cannot do its work panics, so that a missing tool fails the test
//! that needs it. Knows nothing of the wire or of any client.
#![forbid(unsafe_code)]

mod application;
mod broker;
mod clients;
mod kafka;
mod process;
mod tidelog;
mod tools;

pub use application::Application;
pub use broker::Broker;
pub use clients::{go_client, java_application, java_client, node_client, python_client};
pub use kafka::{RealKafka, kafka_tool};
pub use process::{SOON, free_port, terminate, wait_until};
pub use tidelog::Tidelog;
pub use tools::{Part, install, system_command};
