//! kcat: a producer and a consumer for the shell. It runs once for each thing asked.

use std::io::Write as _;
use std::process::{Command, Stdio};

use test_support::{Part, install, system_command};

use crate::client::{Abilities, Admin, At, Client, Codec, Consumer, Limit, Outcome, Partition, Refusal, Start};
use crate::records::{Hex, Record, Stored};

static ABILITIES: Abilities = Abilities {
    name: "kcat",
    codecs: Codec::ALL,
    limits: &[Limit::NoTimestamps, Limit::NoMaxTimestamp, Limit::SimpleHeaders, Limit::NoNullBesideEmpty],
};

/// What stands between a key and its value, and after a value, in kcat's input; no record of a test has these in it.
const KEY_END: &str = "<-key->";
const RECORD_END: &str = "<-record->";

pub(crate) struct Kcat {
    bootstrap: String,
}

impl Kcat {
    #[track_caller]
    pub(crate) fn open(bootstrap: &str) -> Self {
        drop(install(Part::Debian));
        Self { bootstrap: bootstrap.to_owned() }
    }

    fn command(&self) -> Command {
        let mut command = system_command("kcat");
        command.args(["-b", &self.bootstrap, "-q", "-m", "30"]);
        command.args(["-X", "message.max.bytes=20000000", "-X", "fetch.message.max.bytes=20000000"]);
        command
    }

    fn write(&self, to: &Partition, codec: Codec, alike: &[Record]) -> Outcome<()> {
        let mut command = self.command();
        command.args(["-P", "-t", &to.topic, "-p", &to.index.to_string(), "-z", codec.name(), "-D", RECORD_END]);
        command.args(["-X", "enable.idempotence=true"]);
        let shape = Shape::of(&alike[0]);
        if shape.has_key {
            command.args(["-K", KEY_END]);
        }
        if shape.empty_is_null {
            command.arg("-Z");
        }
        for (name, value) in &alike[0].headers {
            let Hex(value) = value.as_ref().unwrap();
            command.args(["-H", &format!("{name}={}", String::from_utf8_lossy(value))]);
        }
        let mut input = Vec::new();
        for record in alike {
            if shape.has_key {
                input.extend(record.key.iter().flat_map(|Hex(key)| key));
                input.extend_from_slice(KEY_END.as_bytes());
            }
            input.extend(record.value.iter().flat_map(|Hex(value)| value));
            input.extend_from_slice(RECORD_END.as_bytes());
        }
        run(&mut command, &input).map(drop)
    }
}

/// kcat gives all records of a run the same headers, and takes empty for null in all of them or in none.
#[derive(PartialEq)]
struct Shape<'a> {
    headers: &'a [(String, Option<Hex>)],
    has_key: bool,
    empty_is_null: bool,
}

impl<'a> Shape<'a> {
    fn of(record: &'a Record) -> Self {
        let is_empty = |field: &Option<Hex>| field.as_ref().is_some_and(|Hex(bytes)| bytes.is_empty());
        let has_empty = is_empty(&record.key) || is_empty(&record.value);
        let null_value = record.value.is_none();
        Self {
            headers: &record.headers,
            has_key: record.key.is_some() || (null_value && !has_empty),
            empty_is_null: !has_empty && (null_value || record.key.is_none()),
        }
    }
}

impl Client for Kcat {
    fn abilities(&self) -> &'static Abilities {
        &ABILITIES
    }

    /// kcat does not say where a record went, so the offsets are those that were free before, and the readers tell.
    fn produce(&mut self, to: &Partition, codec: Codec, records: &[Record]) -> Outcome<Vec<i64>> {
        let first = self.list_offset(to, At::Latest).ok().flatten().unwrap_or(0);
        for alike in records.chunk_by(|a, b| Shape::of(a) == Shape::of(b)) {
            self.write(to, codec, alike)?;
        }
        Ok((first..).take(records.len()).collect())
    }

    fn list_offset(&mut self, partition: &Partition, at: At) -> Outcome<Option<i64>> {
        let at = match at {
            At::Earliest => -2,
            At::Latest => -1,
            At::Timestamp(timestamp) => timestamp,
            At::MaxTimestamp => panic!("kcat cannot ask for the offset of the latest timestamp"),
        };
        let asked = format!("{}:{}:{at}", partition.topic, partition.index);
        let printed = run(self.command().args(["-Q", "-t", &asked]), b"")?;
        let printed = String::from_utf8(printed).unwrap();
        let offset: i64 = printed.trim().rsplit(' ').next().unwrap().parse().unwrap();
        Ok(Some(offset).filter(|offset| *offset >= 0))
    }

    fn admin(&mut self) -> Option<&mut dyn Admin> {
        None
    }

    fn consumer(&mut self) -> Option<&mut dyn Consumer> {
        Some(self)
    }
}

impl Consumer for Kcat {
    fn fetch(&mut self, from: &Partition, start: Start, count: usize) -> Outcome<Vec<Stored>> {
        let start = match start {
            Start::Offset(offset) => offset.to_string(),
            Start::Timestamp(timestamp) => format!("s@{timestamp}"),
        };
        let mut command = self.command();
        command.args(["-C", "-t", &from.topic, "-p", &from.index.to_string(), "-o", &start, "-c", &count.to_string()]);
        command.args(["-X", "check.crcs=true", "-f", "%o %T %K %S %h\n%k%s\n"]);
        let printed = run(&mut command, b"")?;
        Ok(parse(&printed))
    }
}

/// Reads back what the format of [`Kcat::fetch`] prints: a line of numbers and headers, then key and value by their lengths.
fn parse(mut printed: &[u8]) -> Vec<Stored> {
    let mut records = Vec::new();
    while !printed.is_empty() {
        let end = printed.iter().position(|byte| *byte == b'\n').unwrap();
        let line = String::from_utf8_lossy(&printed[..end]);
        printed = &printed[end + 1..];
        let fields: Vec<&str> = line.splitn(5, ' ').collect();
        let mut take = |length: &str| {
            let length = usize::try_from(length.parse::<i64>().unwrap()).ok()?;
            let (taken, rest) = printed.split_at(length);
            printed = rest;
            Some(Hex(taken.to_vec()))
        };
        records.push(Stored {
            offset: fields[0].parse().unwrap(),
            timestamp: fields[1].parse().unwrap(),
            key: take(fields[2]),
            value: take(fields[3]),
            headers: headers(fields[4]),
        });
        printed = &printed[1..];
    }
    records
}

fn headers(text: &str) -> Vec<(String, Option<Hex>)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), Some(Hex(value.into())))).collect()
}

fn run(command: &mut Command, input: &[u8]) -> Outcome<Vec<u8>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // kcat may end before it has read all, which its exit code tells.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Refusal { code: None, text: String::from_utf8_lossy(&output.stderr).into_owned() })
}
