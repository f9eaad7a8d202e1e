//! Rows about transactions, producers and compaction whose figures are of another kind than those of loads.

use serde_json::Value;

use super::super::broker::{Brokers, Kind, now};
use super::super::report::median;
use super::super::{Failure, Pace, load};
use super::{resident_kib, served};

/// Bytes of a batch with one empty record.
const SMALLEST_BATCH: u64 = 68;

/// What readers of committed records get beside readers of all.
pub(super) fn read_committed(brokers: &Brokers, pace: Pace, kind: Kind) -> Result<String, Failure> {
    let broker = brokers.start(kind, "read-committed")?;
    let common = ["--topic=bench".to_owned(), format!("--broker-pid={}", broker.pid())];
    let bytes = format!("--bytes={}", pace.transaction_bytes);
    let fill = [
        "transactions",
        "--producers=50",
        "--partitions=3",
        "--abort-every=10",
        "--warmup=0",
        "--duration=300",
        &bytes,
    ];
    load::bench(brokers, &broker, fill.map(str::to_owned).into_iter().chain(common.clone()).collect())?;
    let read = |isolation: &str, warmup: u32| {
        let args = ["fetch".to_owned(), "--connections=3".to_owned(), format!("--isolation={isolation}")];
        let timing = [format!("--duration={}", pace.duration), format!("--warmup={warmup}")];
        load::bench(brokers, &broker, args.into_iter().chain(timing).chain(common.clone()).collect())
    };
    let (mut committed, mut all) = (Vec::new(), Vec::new());
    // More than other rows have: the two sides differ by less than a busy machine does from moment to moment.
    for round in 0..pace.rounds * pace.rounds {
        let warmup = if kind == Kind::Peer && round == 0 { pace.peer_warmup.0 } else { pace.warmup };
        all.push(read("read-uncommitted", warmup)?);
        committed.push(read("read-committed", warmup)?);
    }
    let of = |results: &[Value], pointer: &str| {
        median(results.iter().filter_map(|result| result.pointer(pointer)?.as_f64())).unwrap_or(0.0)
    };
    let rate = "/mb_per_second";
    let cpu = "/broker/usage/cpu_seconds_per_gb";
    let share = 100.0 * of(&committed, rate) / of(&all, rate).max(0.001);
    Ok(format!(
        "{share:.1} % ({:.0} of {:.0} MB/s; {:.3} and {:.3} CPU s/GB)",
        of(&committed, rate),
        of(&all, rate),
        of(&committed, cpu),
        of(&all, cpu)
    ))
}

/// What a partition's memory of its producers takes, and how long it takes to read it again.
pub(super) fn producer_ids(brokers: &Brokers, pace: Pace, kind: Kind) -> Result<String, Failure> {
    let bound = format!("partition.producer.ids.max={}", pace.producer_ids);
    // Kafka has no bound but time.
    let settings: &[&str] = if kind == Kind::Ours { &[&bound] } else { &[] };
    let mut broker = brokers.start_with(kind, "producer-ids", settings)?;
    let small = ["produce", "--record-bytes=0", "--batch-records=1", "--in-flight=64", "--warmup=0"];
    let produce = |more: &[String]| {
        let args = small.iter().map(|arg| (*arg).to_owned()).chain(more.iter().cloned());
        load::bench(brokers, &broker, args.collect())
    };
    // What the load itself takes is there before.
    produce(&["--topic=before".to_owned(), "--duration=2".to_owned()])?;
    let before = resident_kib(&broker)?;
    let ids = u64::from(pace.producer_ids);
    let filled = produce(&[
        "--topic=producers".to_owned(),
        "--duration=300".to_owned(),
        format!("--producer-ids={ids}"),
        format!("--bytes={}", ids * SMALLEST_BATCH),
    ])?;
    if filled.get("acknowledged_records").and_then(Value::as_u64).is_none_or(|records| records < ids) {
        let detail = format!("not all of {ids} producers have sent: {filled}");
        return Err(Failure::Program { program: "tidelog bench produce".to_owned(), detail });
    }
    let each = resident_kib(&broker)?.saturating_sub(before) * 1024 / ids;
    broker.stop()?;
    let begun = now();
    let broker = brokers.start_again(broker)?;
    let ms = served(brokers, &broker, "producers", begun, &filled)?;
    let again = resident_kib(&broker)? / 1024;
    Ok(format!("{ids} ids, {each} bytes each, {ms} ms; then {again} MiB resident"))
}

/// What it takes to clean a log with many keys, with a map that holds them all, and with the map that is there by default.
pub(super) fn compact_keys(brokers: &Brokers, kind: Kind) -> Result<String, Failure> {
    if kind == Kind::Peer {
        return Ok("not run".to_owned());
    }
    let mut texts = Vec::new();
    for (words, setting) in
        [("800 MB", &["log.cleaner.dedupe.buffer.size=800000000"][..]), ("128 MiB, the default", &[])]
    {
        let settings: Vec<&str> = setting.iter().copied().chain(["log.cleaner.backoff.ms=100"]).collect();
        let broker = brokers.start_with(kind, "compact-keys", &settings)?;
        let pid = format!("--broker-pid={}", broker.pid());
        let args = ["compact", "--log-bytes=2560000000", "--record-bytes=8", "--updates=1", "--batch-bytes=65536"];
        let more = ["--segment-bytes=268435456", "--topic=keys", &pid];
        let result = load::bench(brokers, &broker, args.into_iter().chain(more).map(str::to_owned).collect())?;
        let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).unwrap_or(0.0);
        let cleanings =
            broker.log().lines().filter(|line| line.contains("compacted") && line.contains("keys-0")).count();
        texts.push(format!(
            "map of {words}: {:.0} MiB, {cleanings} cleanings, {:.1} s ({:.1} CPU s) for {:.1} million keys, {:.2} GB",
            number("/broker/usage/resident_bytes_max") / f64::from(1 << 20),
            number("/seconds"),
            number("/broker/usage/cpu_seconds"),
            number("/parameters/keys") / 1e6,
            number("/bytes") / 1e9,
        ));
    }
    Ok(texts.join("; "))
}
