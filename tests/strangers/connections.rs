//! Connections on which anything comes: requests of every kind with random values, the same with bytes changed, cut or added,
//! sizes that lie, and noise; pipelined, answered or not, and dropped in the middle.
//!
//! `STRANGERS_SEEDS` is how many connections are opened, `STRANGERS_FIRST` the seed of the first.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::ApiKey;
use protocol::frame::RequestHeader;
use protocol::messages::api_versions::ApiVersionsRequest;
use protocol::testing::{CASES, Case, Source};

use crate::stranger::{Connection, Victim, framed};

/// Connections, unless the environment says another number.
const SEEDS: u64 = 300;

/// Text that requests take slices of: names that exist, that do not, and that are none.
const TEXT: &str = "ttttttt.g1g1-\u{e4} =,*[](){}__consumer_offsets";

/// Bytes that requests take slices of, as records, assignments and metadata.
const BYTES: [u8; 512] = [1; 512];

/// Resident memory that the broker may have when all are gone: what it has at the start, topics and groups that were made.
const MEMORY_MAX: u64 = 300 << 20;

/// Longer than a neighbour may wait for an answer while one stranger after the other comes.
const NEIGHBOUR_PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn strangers_do_not_stop_the_broker_or_bloat_it() {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let first = number("STRANGERS_FIRST").unwrap_or(1);
    let seeds = number("STRANGERS_SEEDS").unwrap_or(SEEDS);
    let victim = Victim::start(&["num.partitions=2", "group.initial.rebalance.delay.ms=0"]);
    let mut neighbour = Connection::open(victim.address());
    for seed in first..first + seeds {
        stranger(victim.address(), seed);
        let start = Instant::now();
        let answer = neighbour.ask(0, &ApiVersionsRequest::default());
        assert!(answer.starts_with(&[0, 0]) && start.elapsed() < NEIGHBOUR_PATIENCE, "seed {seed}: {answer:?}");
        let (resident, _) = victim.memory();
        assert!(resident < MEMORY_MAX, "seed {seed}: {resident} bytes of memory");
    }
    victim.finish();
}

/// One connection from its opening to its end.
fn stranger(address: SocketAddr, seed: u64) {
    let mut source = Source::new(seed, TEXT, &BYTES);
    let mut connection = Connection::open(address);
    connection.stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    for _ in 0..source.below(40) {
        let bytes = noise(&mut source);
        // A broker that has closed the connection is right to; the next one comes with the next seed.
        if connection.stream.write_all(&bytes).is_err() {
            return;
        }
        if source.below(3) == 0 && matches!(connection.stream.read(&mut [0; 4096]), Ok(0)) {
            return;
        }
    }
}

fn noise(source: &mut Source<'_>) -> Vec<u8> {
    let mut request = request(source);
    match source.below(20) {
        0 => {
            let size = source.i32().to_be_bytes();
            return [&size[..], &request].concat();
        }
        1 => return request,
        2 => request.truncate(source.below(request.len() + 1)),
        3 => request.extend_from_slice(&BYTES[..source.below(100)]),
        4..=8 => {
            for _ in 0..=source.below(4) {
                let at = source.below(request.len());
                request[at] = source.i8().to_le_bytes()[0];
            }
        }
        _ => {}
    }
    framed(&request)
}

/// A request with random values, in a version that there is; header and body.
fn request(source: &mut Source<'_>) -> Vec<u8> {
    let requests = || CASES.iter().filter(|case| case.name.ends_with("Request"));
    let case: &Case = requests().nth(source.below(requests().count())).unwrap();
    let versions: Vec<i16> = case.versions.clone().collect();
    let version = versions[source.below(versions.len())];
    let Some(api_key) = ApiKey::from_code(case.code) else { return Vec::new() };
    let mut encoder = model::wire::Encoder::new();
    let header = RequestHeader { api_key, api_version: version, correlation_id: source.i32(), client_id: Some("g") };
    header.encode(&mut encoder).unwrap();
    let body = (case.random)(source, version).unwrap();
    [encoder.into_parts().0, body.bytes].concat()
}
