//! `tidelog log dump` and `tidelog log verify` on files that Kafka wrote, whole and damaged.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at a surprise, in its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A segment that Kafka 4.4 wrote: a batch of three records for each codec; they begin at these positions.
const GOLDEN: &[u8] = include_bytes!("../storage/tests/golden/record_batch_v2.log");
const POSITIONS: [usize; 5] = [0, 132, 276, 430, 577];

fn tidelog(args: &[&str], path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidelog")).arg("log").args(args).arg(path).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A data directory with one partition.
struct Data {
    directory: TempDir,
}

impl Data {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = Self { directory };
        std::fs::create_dir(data.partition()).unwrap();
        for (name, bytes) in files {
            std::fs::write(data.partition().join(name), bytes).unwrap();
        }
        data
    }

    fn partition(&self) -> PathBuf {
        self.directory.path().join("golden-0")
    }

    /// The exit code, the problems and the notes of a verification.
    fn verify(&self) -> (i32, Vec<String>, Vec<String>) {
        let output = tidelog(&["verify", "--records", "--output", "json"], self.directory.path());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let list = |name: &str| {
            let found = report["partitions"][0][name].as_array().unwrap().clone();
            found.iter().map(|finding| finding["what"].as_str().unwrap().to_owned()).collect()
        };
        (output.status.code().unwrap(), list("problems"), list("notes"))
    }
}

const FIRST: &str = "00000000000000000000.log";

fn index_entry(numbers: [u32; 2]) -> Vec<u8> {
    numbers.map(u32::to_be_bytes).concat()
}

#[test]
fn dump_shows_what_kafka_wrote() {
    let data = Data::with(&[(FIRST, GOLDEN)]);
    let output = tidelog(&["dump", "--records", "--output", "json"], &data.partition());
    assert!(output.status.success());
    let rows: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| rows.iter().filter(|row| row["type"] == kind).cloned().collect::<Vec<_>>();
    let (batches, records) = (of("batch"), of("record"));
    assert_eq!((batches.len(), records.len(), rows.len()), (5, 15, 20));
    let codecs: Vec<&str> = batches.iter().map(|batch| batch["codec"].as_str().unwrap()).collect();
    assert_eq!(codecs, ["none", "gzip", "snappy", "lz4", "zstd"]);
    for (batch, position) in batches.iter().zip(POSITIONS) {
        assert_eq!(batch["position"], position);
        assert_eq!(batch["crc_right"], true);
    }
    for (place, record) in records.iter().enumerate() {
        assert_eq!(record["offset"], place);
    }
    assert_eq!((&records[12]["key"], &records[12]["value"]), (&"key1".into(), &"value one of zstd".into()));
    assert_eq!(records[12]["headers"][1]["name"], "b");
    assert_eq!((&records[14]["key"], &records[14]["value"]), (&Value::Null, &Value::Null));
    let text = stdout(&tidelog(&["dump", "--records"], &data.partition()));
    assert!(text.contains("codec=lz4") && text.contains(r#"value="value one of lz4""#), "{text}");
}

#[test]
fn dump_shows_what_a_snapshot_remembers_of_producers() {
    let golden = include_bytes!("../storage/tests/golden/producer_snapshot_v1.bin");
    let data = Data::with(&[("00000000000000000013.producers", golden)]);
    let output = tidelog(&["dump", "--output", "json"], &data.partition());
    assert!(output.status.success());
    let rows: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<i64> = rows.iter().map(|row| row["producer_id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [3, 4, 5, 6]);
    assert_eq!(rows[0]["batches"].as_array().unwrap().len(), 5);
    assert_eq!(rows[2]["transaction_start"], 10);
    let damaged = Data::with(&[("00000000000000000013.producers", &golden[..50])]);
    assert_eq!(tidelog(&["dump"], &damaged.partition()).status.code(), Some(1));
}

#[test]
fn a_whole_directory_passes_and_an_empty_one_does_not() {
    let data = Data::with(&[
        (FIRST, GOLDEN),
        ("00000000000000000000.index", &[index_entry([8, 276]), index_entry([14, 577]), vec![0; 80]].concat()),
        ("00000000000000000015.log", b""),
    ]);
    assert_eq!(data.verify(), (0, vec![], vec![]));
    let empty = tempfile::tempdir().unwrap();
    for command in ["verify", "dump"] {
        assert_eq!(tidelog(&[command], empty.path()).status.code(), Some(1));
    }
    assert_eq!(tidelog(&["dump"], Path::new("no-file.txt")).status.code(), Some(2));
}

#[test]
fn a_cut_at_any_byte_of_the_last_segment_is_a_note() {
    let cuts = (1..GOLDEN.len()).filter(|cut| !POSITIONS.contains(cut)).step_by(13);
    for cut in cuts {
        let (code, problems, notes) = Data::with(&[(FIRST, &GOLDEN[..cut])]).verify();
        assert_eq!((code, problems.len(), notes.len()), (0, 0, 1), "cut at {cut}: {problems:?} {notes:?}");
    }
    let zeros = [GOLDEN, &[0; 4096]].concat();
    let (code, problems, notes) = Data::with(&[(FIRST, &zeros)]).verify();
    assert_eq!((code, problems.len(), notes.len()), (0, 0, 1));
}

#[test]
fn the_same_cut_before_another_segment_is_a_problem() {
    let (code, problems, notes) = Data::with(&[(FIRST, &GOLDEN[..700]), ("00000000000000000015.log", b"")]).verify();
    assert_eq!((code, problems.len(), notes.len()), (1, 1, 0), "{problems:?}");
}

#[test]
fn a_changed_byte_before_the_last_batch_is_a_problem() {
    // Of the leader epoch, nothing but its batch knows. The base offset is outside the checksum too; its neighbours tell.
    let in_leader_epoch = |place: &usize| POSITIONS.iter().any(|start| (start + 12..start + 16).contains(place));
    for place in (0..577_usize).step_by(5).filter(|place| !in_leader_epoch(place)) {
        let mut bytes = GOLDEN.to_vec();
        bytes[place] ^= 0x55;
        let (code, problems, _) = Data::with(&[(FIRST, &bytes)]).verify();
        assert_eq!(code, 1, "byte {place}: {problems:?}");
        assert!(!problems.is_empty());
    }
}

#[test]
fn an_index_that_leads_astray_is_a_problem() {
    let wrong: [(&str, Vec<u8>); 5] = [
        ("00000000000000000000.index", index_entry([8, 277])),
        ("00000000000000000000.index", index_entry([7, 276])),
        ("00000000000000000000.index", index_entry([14, 5770])),
        ("00000000000000000000.timeindex", [&1_795_381_062_600_i64.to_be_bytes()[..], &8_u32.to_be_bytes()].concat()),
        ("00000000000000000000.timeindex", [&1_795_381_062_699_i64.to_be_bytes()[..], &80_u32.to_be_bytes()].concat()),
    ];
    for (name, bytes) in wrong {
        let (code, problems, _) = Data::with(&[(FIRST, GOLDEN), (name, &bytes)]).verify();
        assert_eq!((code, problems.len()), (1, 1), "{name}: {problems:?}");
    }
}

#[test]
fn dump_shows_what_can_be_read_and_says_that_the_rest_cannot() {
    let data = Data::with(&[(FIRST, &GOLDEN[..600])]);
    let output = tidelog(&["dump"], &data.partition().join(FIRST));
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text.lines().filter(|line| line.contains("batch position=")).count(), 4);
    assert!(text.contains("damage position=577 size=23"), "{text}");
}
