//! Many groups in which nothing happens: one member each, and heartbeats at their interval.

use std::time::Duration;

use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, HeartbeatRequest};
use serde_json::{Value, json};

use super::super::answer::answer_to;
use super::super::coordinators::{Coordinated, by_coordinator, names};
use super::super::report::{Report, float};
use super::super::run::{self, Work};
use super::super::usage;
use super::super::{BenchError, target};
use super::calls::{CallLane, Calls, ErrorOf, Pace};
use super::member::{CONSUMER_HEARTBEAT_HIGHEST, HEARTBEAT_HIGHEST, Member};
use super::{HeartbeatLoad, Protocol, lanes};
use crate::cli::client::Cluster;
use crate::cli::client::connection::{Connection, frame};
use crate::cli::{ClientArgs, output};

/// Runs the load.
pub(in super::super) fn run(client: &ClientArgs, load: &HeartbeatLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    target::prepare(&mut cluster, &load.common)?;
    let deadline = cluster.deadline();
    let (version, error_of): (i16, ErrorOf) = match load.protocol {
        Protocol::Classic => (cluster.version::<HeartbeatRequest>(HEARTBEAT_HIGHEST, deadline)?, classic_error),
        Protocol::Consumer => {
            let highest = CONSUMER_HEARTBEAT_HIGHEST;
            (cluster.version::<ConsumerGroupHeartbeatRequest>(highest, deadline)?, consumer_error)
        }
    };
    let found = by_coordinator(&mut cluster, Coordinated::Group, &names(load.groups))?;
    let first = client.bootstrap_server.first().and_then(|address| usage::listener(address));
    let resident = || load.common.broker_pid.or(first).and_then(usage::of).map(|usage| usage.resident_bytes);
    let before = resident();
    let mut connections = Vec::new();
    let mut progress = output::Progress::start();
    let mut joined = 0_u32;
    for (node, groups) in lanes(found, load.connections) {
        let mut frames = Vec::with_capacity(groups.len());
        let mut connection = connect(&cluster, node)?;
        for group in &groups {
            frames.push(heartbeat(&cluster, &mut connection, load, group, version)?);
            joined += 1;
            progress.show(|| format!("{joined} of {} groups have their member", load.groups));
        }
        connections.push(CallLane::new(target::open(&cluster, node)?, frames)?);
    }
    let bytes_per_group =
        before.zip(resident()).map(|(before, after)| float(after.saturating_sub(before)) / f64::from(load.groups));
    let each = load.groups.div_ceil(u32::from(load.connections)).max(1);
    let interval = Duration::from_millis(u64::from(load.interval)).checked_div(each).unwrap_or_default();
    let calls = Calls { lanes: connections, pace: Pace::Every(interval), error_of, version };
    let work: Work = Box::new(move |control| calls.work(control));
    let measured = run::run(client, &load.common, vec![work])?;
    target::clean(&mut cluster, &load.common)?;
    let parameters = json!({
        "groups": load.groups, "connections": load.connections, "interval_ms": load.interval,
        "protocol": format!("{:?}", load.protocol).to_lowercase(),
        "resident_bytes_per_group": bytes_per_group.map_or(Value::Null, Value::from),
    });
    Ok(Report { mode: "heartbeat", parameters, measured, check: None })
}

fn connect(cluster: &Cluster, node: i32) -> Result<Connection, BenchError> {
    Ok(Connection::open(cluster.address(node).unwrap_or_default(), cluster.deadline())?)
}

/// Joins, and gives the heartbeat of the member.
fn heartbeat(
    cluster: &Cluster,
    connection: &mut Connection,
    load: &HeartbeatLoad,
    group: &str,
    version: i16,
) -> Result<Vec<u8>, BenchError> {
    let mut member = Member::new(group, &load.common.topic, load.common.partitions, load.protocol);
    match load.protocol {
        Protocol::Classic => {
            member.join_classic(connection, cluster.deadline())?;
            frame(&member.heartbeat(), version, 0)
        }
        Protocol::Consumer => {
            member.beat_consumer(connection, true, cluster.deadline())?;
            member.beat_consumer(connection, true, cluster.deadline())?;
            frame(&member.consumer_heartbeat(), version, 0)
        }
    }
    .map_err(BenchError::Template)
}

fn classic_error(frame: &[u8], version: i16) -> Result<i16, BenchError> {
    Ok(answer_to::<HeartbeatRequest>(frame, version)?.error_code)
}

fn consumer_error(frame: &[u8], version: i16) -> Result<i16, BenchError> {
    Ok(answer_to::<ConsumerGroupHeartbeatRequest>(frame, version)?.error_code)
}
