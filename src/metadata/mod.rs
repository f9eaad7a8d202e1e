//! What exists: topics, configs, producer ids. Every change is a record in the metadata log, decided by one thread, made
//! durable, replayed, and only then seen.
//!
//! Owns: the metadata log and its snapshot, the state that they replay to, the image that requests read. Does not know:
//! requests and their versions, sockets.

mod bounds;
mod configs;
mod controller;
mod features;
mod image;
mod images;
mod internal;
mod log;
mod producer_ids;
mod record;
mod runtime;
mod snapshot;
mod state;
mod topics;

pub(crate) use configs::{ConfigChange, ConfigEdit, ConfigResource};
pub(crate) use controller::{Metadata, MetadataOptions};
pub(crate) use features::TRANSACTION_VERSION;
pub(crate) use features::{Direction, FEATURES, FeatureUpdate};
pub(crate) use image::{Image, Topic};
pub(crate) use images::Images;
pub(crate) use internal::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC, is_internal, wanted_topic};
pub(crate) use log::{MetadataLog, MetadataLogError, QuorumLog};
pub(crate) use producer_ids::ProducerIds;
pub(crate) use topics::{CreatedTopic, MorePartitions, NewTopic, Refused, TopicRef};
