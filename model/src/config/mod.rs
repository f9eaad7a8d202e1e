//! Every configuration key: its name, type, default, check and documentation, in one table each for topics, brokers,
//! groups and the subscriptions to clients' metrics.
//!
//! Owns: the tables, the rules by which layers of settings become one configuration, and the rows that DescribeConfigs
//! and docs/CONFIG.md show. Does not know: files, the environment, the metadata log. Texts come in as arguments.
//!
//! A key is added by a row in [`topic`], [`broker`], [`group`] or [`client_metrics`] and by the line that reads it;
//! `cargo xtask tidy` fails for a row that nothing reads.

mod alter;
pub mod broker;
mod checks;
pub mod client_metrics;
mod describe;
mod error;
pub mod fixed;
mod foreign;
pub mod group;
pub mod group_fixed;
mod group_migration;
mod key;
mod layers;
mod listener;
pub mod properties;
mod source;
mod table;
pub mod topic;
pub mod topic_fixed;
pub mod value;

pub use alter::{AlterError, AlterOp, Alteration, ResourceKind, changes};
pub use broker::BrokerConfig;
pub use client_metrics::{ClientAttributes, ClientMatch, ClientMetricsConfig};
pub use describe::{Described, Synonym, describe_client_metrics};
pub use error::{ConfigError, Place, Warning};
pub use group::GroupConfig;
pub use group_migration::GroupMigrationPolicy;
pub use key::Key;
pub use layers::FileText;
pub use listener::{Listener, MetricsListener};
pub use source::ConfigSource;
pub use table::{BrokerKey, Row, Unit, Valid};
pub use topic::TopicConfig;
pub use value::{CleanupPolicy, CompressionType, ConfigType, FlushMode, TimestampType, ValueError};
