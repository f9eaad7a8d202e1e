//! `tidelog config`: shows and changes configs of topics, brokers, groups and client metrics. Works with any Kafka.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::arguments::key_value;
use super::client::Cluster;
use super::client::configs::{self, Config, Kind, Resource};
use super::error::CliError;
use super::{ClientArgs, OutputFormat, output};

/// `tidelog config`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tidelog config describe topic orders                 what is set on the topic
  tidelog config describe broker 1 --all               also what comes from elsewhere, and from where
  tidelog config describe group                        every group that has configs
  tidelog config alter topic orders --set retention.ms=86400000 --unset segment.bytes
  tidelog config alter broker default --set log.retention.ms=604800000
  tidelog config alter group billing --set consumer.session.timeout.ms=60000
  tidelog config alter client-metrics all --set interval.ms=60000 --set metrics=

A broker is named by its id; `default` is all brokers together.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows configs
    Describe {
        /// What kind of thing
        #[arg(value_enum, value_name = "TYPE")]
        kind: KindArg,
        /// Its name [default: every one]
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// All configs, not only those set on the thing itself
        #[arg(long)]
        all: bool,
    },
    /// Changes configs: all that are given, or none
    Alter(AlterArgs),
}

#[derive(Debug, Args)]
struct AlterArgs {
    /// What kind of thing
    #[arg(value_enum, value_name = "TYPE")]
    kind: KindArg,
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Sets a config; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// Takes a config back, so that the one above it holds; may be repeated
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Only ask whether it could be done
    #[arg(long)]
    dry_run: bool,
}

/// The types of things that have configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// A topic
    #[value(alias = "topics")]
    Topic,
    /// A broker by its id, or `default`
    #[value(alias = "brokers")]
    Broker,
    /// A consumer group
    #[value(alias = "groups")]
    Group,
    /// A subscription to the metrics of clients
    ClientMetrics,
}

impl KindArg {
    const fn kind(self) -> Kind {
        match self {
            Self::Topic => Kind::Topic,
            Self::Broker => Kind::Broker,
            Self::Group => Kind::Group,
            Self::ClientMetrics => Kind::ClientMetrics,
        }
    }

    fn resource(self, name: &str) -> Resource {
        let is_default = self == Self::Broker && name == "default";
        Resource { kind: self.kind(), name: (!is_default).then(|| name.to_owned()) }
    }
}

/// Runs `tidelog config`.
///
/// # Errors
/// What the cluster refuses.
pub(crate) fn run(args: &ConfigArgs) -> Result<(), CliError> {
    let mut cluster = args.client.cluster();
    let format = args.client.output;
    match &args.action {
        Action::Describe { kind, name, all } => {
            let resources = match name {
                Some(name) => vec![kind.resource(name)],
                None => configs::list(&mut cluster, kind.kind())?,
            };
            let mut described = configs::describe(&mut cluster, &resources)?;
            for configs in described.values_mut() {
                configs.retain(|config| *all || config.is_own);
            }
            if name.is_none() {
                // Where everything was asked for, what has none would only hide what has some.
                described.retain(|_, configs| !configs.is_empty());
            }
            print(&described, format)
        }
        Action::Alter(alter_args) => alter(&mut cluster, alter_args, format),
    }
}

fn print(described: &BTreeMap<Resource, Vec<Config>>, format: OutputFormat) -> Result<(), CliError> {
    match format {
        OutputFormat::Text => {
            let mut rows = Vec::new();
            for (resource, configs) in described {
                for config in configs {
                    rows.push([
                        resource.to_string(),
                        config.name.clone(),
                        shown_value(config),
                        config.source.to_owned(),
                    ]);
                }
            }
            output::table(["RESOURCE", "KEY", "VALUE", "SOURCE"], &rows)
        }
        OutputFormat::Json => output::json(&Value::Array(described.iter().map(to_json).collect())),
    }
}

fn shown_value(config: &Config) -> String {
    match &config.value {
        Some(value) => value.clone(),
        None if config.is_sensitive => "(secret)".to_owned(),
        None => "(none)".to_owned(),
    }
}

fn to_json((resource, configs): (&Resource, &Vec<Config>)) -> Value {
    let config = |config: &Config| {
        json!({
            "name": config.name, "value": config.value, "source": config.source,
            "sensitive": config.is_sensitive, "read_only": config.is_read_only,
        })
    };
    json!({
        "type": resource.kind.name(), "name": resource.name.as_deref().unwrap_or("default"),
        "configs": configs.iter().map(config).collect::<Vec<_>>(),
    })
}

fn alter(cluster: &mut Cluster, args: &AlterArgs, format: OutputFormat) -> Result<(), CliError> {
    if args.set.is_empty() && args.unset.is_empty() {
        return Err(CliError::Usage("nothing to alter: give --set or --unset".to_owned()));
    }
    let resource = args.kind.resource(&args.name);
    configs::alter(cluster, &resource, &args.set, &args.unset, args.dry_run)?;
    match format {
        OutputFormat::Text if args.dry_run => output::line(&format!("{resource} could be altered")),
        OutputFormat::Text => output::line(&format!("altered {resource}")),
        OutputFormat::Json => output::json(&json!({
            "type": resource.kind.name(), "name": args.name, "altered": !args.dry_run,
        })),
    }
}
