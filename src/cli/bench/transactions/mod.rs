//! Transactions under load: each producer sends a few records to every partition, ends the transaction, and goes on.
//!
//! Owns: the arguments, the beginning of the producers, and whether the logs have grown by what was acknowledged: records and
//! markers. Transactions are those of version 2 (KIP-890): partitions join them with their first batch, and every end gives the
//! producer another epoch.

mod template;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use kafka_protocol::messages::{EndTxnRequest, InitProducerIdRequest, ProduceRequest, TransactionalId};
use serde_json::json;

use super::coordinators::{Coordinated, by_coordinator, names};
use super::lane::Lane;
use super::report::Report;
use super::run::{self, Work};
use super::{BenchError, CommonArgs, produce, target};
use crate::cli::client::admin::text;
use crate::cli::client::cluster::To;
use crate::cli::client::consumer::LATEST;
use crate::cli::client::producer::PRODUCE_HIGHEST;
use crate::cli::client::{ClientError, Cluster};
use crate::cli::{ClientArgs, time};
use template::{TransactionShape, TransactionTemplate};
use worker::{ProducerLane, Worker};

/// The first version of Produce with which partitions join a transaction by themselves.
const PRODUCE_JOINS: i16 = 12;
/// The first version of `EndTxn` that gives another epoch.
const END_BUMPS: i16 = 5;
const INIT_HIGHEST: i16 = 5;
/// Kafka's default.
const TIMEOUT_MS: i32 = 60_000;

/// Producers, each with one transaction at a time.
#[derive(Clone, Debug, Args)]
pub(super) struct TransactionLoad {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Producers, each on a connection of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) producers: u16,
    /// Records of a transaction; the partitions share them evenly
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(super) records: u32,
    /// Bytes of each record's value
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    pub(super) record_bytes: u32,
    /// Abort every so many transactions of a producer [default: none]
    #[arg(long, value_name = "TRANSACTIONS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) abort_every: Option<u64>,
}

/// Runs the load. Its requests are transactions.
pub(super) fn run(client: &ClientArgs, load: &TransactionLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    target::prepare(&mut cluster, &load.common)?;
    let before = target::offsets(&mut cluster, &load.common.topic, LATEST)?;
    let partitions: Vec<i32> = before.keys().copied().collect();
    let shape = TransactionShape {
        records: model::num::usize_from_u32(load.records),
        record_bytes: model::num::usize_from_u32(load.record_bytes),
    };
    let retries = Arc::new(AtomicU64::new(0));
    let mut lanes = Vec::new();
    let node = only_broker(&mut cluster, &load.common.topic)?;
    let deadline = cluster.deadline();
    let produce_version = at_least(PRODUCE_JOINS, cluster.version::<ProduceRequest>(PRODUCE_HIGHEST, deadline)?)?;
    let end_version = at_least(END_BUMPS, cluster.version::<EndTxnRequest>(END_BUMPS, deadline)?)?;
    for name in names(load.producers.into()) {
        let identity = begin(&mut cluster, &name)?;
        let template = TransactionTemplate::new(
            (&load.common.topic, &name),
            shape,
            &partitions,
            produce_version,
            time::wall_ms(),
        )?;
        lanes.push(ProducerLane::new(Lane::new(target::open(&cluster, node)?)?, name, template, identity));
    }
    let partitions_in_each = lanes.first().map_or(0, |lane| lane.template.partitions());
    let (abort_every, counted) = (load.abort_every, Arc::clone(&retries));
    let work: Work = Box::new(move |control| {
        Worker::new(control, lanes, (produce_version, end_version), abort_every, counted)?.work()
    });
    let measured = run::run(client, &load.common, vec![work])?;
    let records = measured.tally.records_in_all;
    let transactions = records.checked_div(u64::from(load.records)).unwrap_or(0);
    // Every transaction puts a marker into each of its partitions, which may come after its end was acknowledged.
    let expected = records + transactions * partitions_in_each;
    let found = produce::grown(&mut cluster, &load.common.topic, before.values().sum(), expected)?;
    target::clean(&mut cluster, &load.common)?;
    let parameters = json!({
        "producers": load.producers, "partitions": partitions.len(), "records": load.records,
        "record_bytes": load.record_bytes, "abort_every": load.abort_every,
        "retries": retries.load(Ordering::Relaxed), "configs": load.common.configs,
    });
    Ok(Report { mode: "transactions", parameters, measured, check: Some((expected, found)) })
}

/// The broker that leads all partitions and coordinates all transactions. With more than one, a producer would need several
/// connections.
fn only_broker(cluster: &mut Cluster, topic: &str) -> Result<i32, BenchError> {
    let coordinators = by_coordinator(cluster, Coordinated::Transaction, &names(1))?;
    let leaders = cluster.retry(|cluster, deadline| cluster.leaders(topic, false, deadline))?;
    let mut nodes = coordinators.into_keys().chain(leaders.iter().map(|leader| leader.leader));
    let first = nodes.next();
    let Some(node) = first.filter(|first| nodes.all(|node| node == *first)) else {
        return Err(BenchError::Template("transactions are measured with clusters of one broker only".to_owned()));
    };
    Ok(node)
}

fn at_least(needed: i16, version: i16) -> Result<i16, BenchError> {
    if version >= needed {
        return Ok(version);
    }
    Err(BenchError::Template("the broker has no transactions of version 2 (KIP-890)".to_owned()))
}

/// Takes a producer id and an epoch for a transactional id.
fn begin(cluster: &mut Cluster, transactional_id: &str) -> Result<(i64, i16), BenchError> {
    let key = [transactional_id.to_owned()];
    let found = by_coordinator(cluster, Coordinated::Transaction, &key)?;
    let to = found.keys().next().map_or(To::Any, |node| To::Node(*node));
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(TransactionalId(text(transactional_id))))
        .with_transaction_timeout_ms(TIMEOUT_MS);
    let answer = cluster.retry(|cluster, deadline| {
        let answer = cluster.call(to, &request, INIT_HIGHEST, deadline)?;
        ClientError::check(answer.error_code, || format!("transactional id {transactional_id}"))?;
        Ok(answer)
    })?;
    Ok((answer.producer_id.0, answer.producer_epoch))
}
