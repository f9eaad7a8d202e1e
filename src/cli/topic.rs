//! `tidelog topic`: what topics there are, and making, changing, emptying and deleting them. Works with any Kafka.

mod purge;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use model::{ErrorCode, IsolationLevel, TopicId, TopicName};
use serde_json::{Value, json};

use super::arguments::key_value;
use super::client::admin::{self, NewTopic};
use super::client::cluster::name_of;
use super::client::configs::{self, Config, Resource};
use super::client::{Cluster, consumer};
use super::error::CliError;
use super::{ClientArgs, OutputFormat, output};

/// `tidelog topic`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct TopicArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tidelog topic list
  tidelog topic create orders --partitions 6 --config retention.ms=86400000
  tidelog topic describe orders
  tidelog topic alter orders --partitions 12 --set max.message.bytes=2000000 --unset retention.ms
  tidelog topic purge orders
  tidelog topic delete orders";

#[derive(Debug, Subcommand)]
enum Action {
    /// Names every topic
    List {
        /// Also those that the cluster keeps for itself
        #[arg(long)]
        internal: bool,
    },
    /// Makes a topic
    Create(CreateArgs),
    /// Shows partitions, offsets and configs
    Describe {
        /// The topics
        #[arg(required = true, value_name = "TOPIC")]
        topics: Vec<String>,
        /// All configs, not only those set on the topic
        #[arg(long)]
        all_configs: bool,
    },
    /// Changes configs or adds partitions
    Alter(AlterArgs),
    /// Deletes topics with all their records
    Delete {
        /// The topics
        #[arg(required = true, value_name = "TOPIC")]
        topics: Vec<String>,
        /// Succeed if there is no such topic
        #[arg(long)]
        if_exists: bool,
    },
    /// Deletes records from the beginning of a topic's partitions, and keeps the topic
    Purge(purge::PurgeArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The topic's name: ASCII letters, digits, '.', '_' and '-'
    #[arg(value_name = "TOPIC")]
    name: String,
    /// How many partitions [default: the broker's num.partitions]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas each partition has [default: the broker's]
    #[arg(long, value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A config of the topic; may be repeated
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = key_value)]
    configs: Vec<(String, String)>,
    /// Succeed if the topic exists already, whatever its configs
    #[arg(long)]
    if_not_exists: bool,
}

#[derive(Debug, Args)]
struct AlterArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    name: String,
    /// The new number of partitions; it can only grow, and keys then go to other partitions than before
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Sets a config; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// Takes a config of the topic back, so that the broker's holds; may be repeated
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

/// Runs `tidelog topic`.
///
/// # Errors
/// What the cluster refuses.
pub(crate) fn run(args: &TopicArgs) -> Result<(), CliError> {
    let mut cluster = args.client.cluster();
    let format = args.client.output;
    match &args.action {
        Action::List { internal } => list(&mut cluster, *internal, format),
        Action::Create(create_args) => create(&mut cluster, create_args, format),
        Action::Describe { topics, all_configs } => describe(&mut cluster, topics, *all_configs, format),
        Action::Alter(alter_args) => alter(&mut cluster, alter_args, format),
        Action::Delete { topics, if_exists } => delete(&mut cluster, topics, *if_exists, format),
        Action::Purge(purge_args) => purge::run(&mut cluster, purge_args, format),
    }
}

fn list(cluster: &mut Cluster, internal: bool, format: OutputFormat) -> Result<(), CliError> {
    let topics: Vec<_> = admin::list(cluster)?.into_iter().filter(|topic| internal || !topic.is_internal).collect();
    match format {
        OutputFormat::Text => topics.iter().try_for_each(|topic| output::line(name_of(topic))),
        OutputFormat::Json => {
            let shown = topics.iter().map(|topic| {
                json!({
                    "name": name_of(topic), "topic_id": id_of(topic), "partitions": topic.partitions.len(),
                    "replication_factor": replication_factor(topic), "internal": topic.is_internal,
                })
            });
            output::json(&Value::Array(shown.collect()))
        }
    }
}

fn create(cluster: &mut Cluster, args: &CreateArgs, format: OutputFormat) -> Result<(), CliError> {
    check_name(&args.name)?;
    let topic = NewTopic {
        name: args.name.clone(),
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        configs: args.configs.clone(),
    };
    let created = match admin::create(cluster, &topic) {
        Err(error) if args.if_not_exists && error.is(ErrorCode::TopicAlreadyExists) => false,
        done => {
            done?;
            true
        }
    };
    let found = admin::describe(cluster, &args.name)?;
    match format {
        OutputFormat::Text if created => {
            output::line(&format!("created {}, partitions: {}", args.name, found.partitions.len()))
        }
        OutputFormat::Text => output::line(&format!("{} exists, partitions: {}", args.name, found.partitions.len())),
        OutputFormat::Json => output::json(&json!({
            "name": args.name, "created": created, "topic_id": id_of(&found), "partitions": found.partitions.len(),
            "replication_factor": replication_factor(&found),
        })),
    }
}

fn alter(cluster: &mut Cluster, args: &AlterArgs, format: OutputFormat) -> Result<(), CliError> {
    if args.partitions.is_none() && args.set.is_empty() && args.unset.is_empty() {
        return Err(CliError::Usage("nothing to alter: give --partitions, --set or --unset".to_owned()));
    }
    if !args.set.is_empty() || !args.unset.is_empty() {
        configs::alter(cluster, &Resource::topic(&args.name), &args.set, &args.unset, false)?;
    }
    if let Some(partitions) = args.partitions {
        admin::grow(cluster, &args.name, partitions)?;
    }
    match format {
        OutputFormat::Text => output::line(&format!("altered {}", args.name)),
        OutputFormat::Json => output::json(&json!({ "name": args.name, "altered": true })),
    }
}

fn delete(cluster: &mut Cluster, topics: &[String], if_exists: bool, format: OutputFormat) -> Result<(), CliError> {
    let mut deleted = Vec::new();
    for topic in topics {
        match admin::delete(cluster, topic) {
            Err(error) if if_exists && error.is(ErrorCode::UnknownTopicOrPartition) => continue,
            done => done?,
        }
        deleted.push(topic);
        if format == OutputFormat::Text {
            output::line(&format!("deleted {topic}"))?;
        }
    }
    if format == OutputFormat::Json { output::json(&json!({ "deleted": deleted })) } else { Ok(()) }
}

/// Everything that `describe` shows of one topic.
#[derive(Debug)]
struct Description {
    topic: MetadataResponseTopic,
    configs: Vec<Config>,
    start: BTreeMap<i32, i64>,
    end: BTreeMap<i32, i64>,
}

fn describe(cluster: &mut Cluster, topics: &[String], all_configs: bool, format: OutputFormat) -> Result<(), CliError> {
    let mut described = Vec::new();
    for name in topics {
        let topic = admin::describe(cluster, name)?;
        let resource = Resource::topic(name);
        let mut configs: Vec<Config> = configs::describe(cluster, &[resource])?.into_values().flatten().collect();
        configs.retain(|config| all_configs || config.is_own);
        let partitions: Vec<i32> = topic.partitions.iter().map(|partition| partition.partition_index).collect();
        let mut offsets =
            |which| consumer::list_offsets(cluster, name, &partitions, which, IsolationLevel::ReadUncommitted);
        let (start, end) = (offsets(consumer::EARLIEST)?, offsets(consumer::LATEST)?);
        described.push(Description { topic, configs, start, end });
    }
    match format {
        OutputFormat::Text => described.iter().try_for_each(print),
        OutputFormat::Json => output::json(&Value::Array(described.iter().map(to_json).collect())),
    }
}

/// The lines of Kafka's own `kafka-topics --describe`, with the offsets that one mostly wants to know added.
fn print(described: &Description) -> Result<(), CliError> {
    let topic = &described.topic;
    let configs =
        described.configs.iter().map(|config| format!("{}={}", config.name, config.value.as_deref().unwrap_or("")));
    output::line(&format!(
        "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}",
        name_of(topic),
        id_of(topic),
        topic.partitions.len(),
        replication_factor(topic),
        configs.collect::<Vec<_>>().join(",")
    ))?;
    topic.partitions.iter().try_for_each(|partition| {
        let offset = |of: &BTreeMap<i32, i64>| of.get(&partition.partition_index).copied().unwrap_or(-1);
        output::line(&format!(
            "\tTopic: {}\tPartition: {}\tLeader: {}\tReplicas: {}\tIsr: {}\tStart: {}\tEnd: {}",
            name_of(topic),
            partition.partition_index,
            partition.leader_id.0,
            ids(&partition.replica_nodes),
            ids(&partition.isr_nodes),
            offset(&described.start),
            offset(&described.end),
        ))
    })
}

fn to_json(described: &Description) -> Value {
    let partition = |found: &MetadataResponsePartition| {
        json!({
            "partition": found.partition_index, "leader": found.leader_id.0, "leader_epoch": found.leader_epoch,
            "replicas": found.replica_nodes.iter().map(|id| id.0).collect::<Vec<_>>(),
            "isr": found.isr_nodes.iter().map(|id| id.0).collect::<Vec<_>>(),
            "start_offset": described.start.get(&found.partition_index),
            "end_offset": described.end.get(&found.partition_index),
        })
    };
    let topic = &described.topic;
    let configs = described.configs.iter().map(|config| (config.name.clone(), json!(config.value)));
    json!({
        "name": name_of(topic), "topic_id": id_of(topic), "internal": topic.is_internal,
        "configs": configs.collect::<serde_json::Map<_, _>>(),
        "partitions": topic.partitions.iter().map(partition).collect::<Vec<_>>(),
    })
}

/// Refuses a name that no broker would take, before anybody is asked.
fn check_name(name: &str) -> Result<(), CliError> {
    TopicName::parse(name).map(drop).map_err(|error| CliError::Usage(error.to_string()))
}

fn id_of(topic: &MetadataResponseTopic) -> String {
    TopicId::from_bytes(*topic.topic_id.as_bytes()).to_string()
}

fn replication_factor(topic: &MetadataResponseTopic) -> usize {
    topic.partitions.first().map_or(0, |partition| partition.replica_nodes.len())
}

fn ids(nodes: &[kafka_protocol::messages::BrokerId]) -> String {
    nodes.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(",")
}
