//! Clients that read, process and write in transactions: for readers of committed records there is one output for each committed
//! input up to the committed offset, none for any other, and never two.

use std::collections::{BTreeMap, BTreeSet};

use model::{IsolationLevel, TopicPartition};

use super::Logs;
use super::gaps::may_be_committed;
use super::transactions::committed;
use crate::history::{History, Outcome, Position, Reading, RecordId, Skipped, Transaction};
use crate::plan::{EVENTS, PROCESSED};
use crate::records::Source;

/// The inputs that count: what was ever known to be at offsets of partitions.
type Inputs<'h> = BTreeMap<&'h TopicPartition, BTreeMap<i64, RecordId>>;

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let (inputs, mut wrong) = (inputs(history, logs), Vec::new());
    for reading in outputs(history) {
        wrong.extend(repeated(history, reading));
    }
    wrong.extend(history.positions.iter().filter_map(|position| misplaced(history, position)));
    let processors: BTreeSet<u64> = history.positions.iter().map(|position| position.processor).collect();
    for processor in processors {
        wrong.extend(compare(history, &inputs, processor));
    }
    wrong
}

fn outputs(history: &History) -> impl Iterator<Item = &Reading> {
    let of_topic = |reading: &&Reading| reading.partition.topic.as_str() == PROCESSED;
    history.readings.iter().filter(of_topic).filter(|reading| reading.isolation == IsolationLevel::ReadCommitted)
}

/// Who made an output, and of which input.
fn source(history: &History, output: RecordId) -> Option<(u64, Source)> {
    let sent = history.sent.get(&output)?;
    Some((sent.producer, Source::parse(sent.key.as_deref()?)?))
}

fn repeated(history: &History, reading: &Reading) -> Option<String> {
    let mut sources = BTreeMap::new();
    reading.seen.iter().find_map(|seen| {
        let (processor, source) = source(history, seen.id)?;
        let before = sources.insert((processor, source.partition, source.offset), seen.offset)?;
        let (name, again) = (&reading.partition, seen.offset);
        Some(format!("{source:?} was processed by {processor} twice, at {before} and {again} of {name}"))
    })
}

/// Whether a client was told to go on from where no transaction of it ended, or from behind one of which it knew the end.
fn misplaced(history: &History, position: &Position) -> Option<String> {
    let Position { processor, partition, offset, began, known } = position;
    let of_processor = history.rounds.iter().filter(|round| round.processor == *processor);
    let rounds = of_processor.filter_map(|round| {
        let transaction = history.transactions.get(round.transaction)?;
        let (_, next) = round.positions.iter().find(|(name, _)| name == partition)?;
        Some((*next, transaction))
    });
    let is_known = |it: &Transaction| it.outcome == Outcome::Done(true) && it.known < *began;
    let least = rounds.clone().filter(|(_, it)| is_known(it)).map(|(next, _)| next).max().unwrap_or(-1);
    let may_be = |(next, it): (i64, &Transaction)| {
        next == *offset && matches!(it.outcome, Outcome::Done(true) | Outcome::Unknown)
    };
    let fits = *offset >= least && (*offset == -1 || rounds.clone().any(may_be));
    let told = || format!("{processor} was told {offset} of {partition} by {known}; {least} was committed before");
    (!fits).then(told)
}

/// Holds the outputs at the end against the inputs up to the offset at the end.
fn compare(history: &History, inputs: &Inputs<'_>, processor: u64) -> Vec<String> {
    let Some(reading) = outputs(history).last() else { return Vec::new() };
    let own = reading.seen.iter().filter_map(|seen| source(history, seen.id));
    let own = own.filter(|(by, _)| *by == processor).map(|(_, it)| ((it.partition, it.offset), it.id));
    let mut made: BTreeMap<(i32, i64), RecordId> = own.collect();
    let mut wrong = Vec::new();
    for (partition, known) in inputs {
        let told = history.positions.iter().rev().find(|it| it.processor == processor && it.partition == **partition);
        let upto = told.map_or(0, |position| position.offset.max(0));
        let index = partition.partition.get();
        for (offset, id) in known.range(..upto) {
            let fits = match made.remove(&(index, *offset)) {
                Some(of) => of == *id,
                None => is_skipped(history, (processor, partition, *offset)),
            };
            if !fits {
                wrong.push(format!(
                    "{processor} has read {partition} up to {upto}, and made nothing of {id} at {offset}"
                ));
            }
        }
        // What is left was deleted before anybody else has seen it.
        let never = |id: &RecordId| history.sent.get(id).is_none_or(|sent| !may_be_committed(history, sent));
        let others = made.iter().filter(|((of, offset), id)| *of == index && (*offset >= upto || never(id)));
        wrong.extend(others.map(|((_, offset), id)| {
            format!("{processor} has read {partition} up to {upto}, and made something of {id} at {offset}")
        }));
    }
    wrong
}

fn is_skipped(history: &History, (processor, partition, offset): (u64, &TopicPartition, i64)) -> bool {
    let is_in = |skipped: &Skipped| skipped.from <= offset && offset < skipped.upto;
    let mut own = history.skipped.iter().filter(|it| it.processor == processor && it.partition == *partition);
    own.any(is_in)
}

fn inputs<'h>(history: &'h History, logs: &'h Logs) -> Inputs<'h> {
    let committed = committed(history);
    let mut inputs = Inputs::new();
    let counts = |id: RecordId| {
        let sent = history.sent.get(&id);
        sent.is_some_and(|sent| sent.transaction.is_none_or(|place| committed.contains(&place)))
    };
    let in_logs = logs.iter().flat_map(|(name, log)| log.records.iter().map(move |(offset, id)| (name, *offset, *id)));
    let acknowledged = history.sent.iter().filter_map(|(id, sent)| match sent.outcome {
        Outcome::Done(offset) => Some((&sent.partition, offset, *id)),
        Outcome::Unknown | Outcome::Refused => None,
    });
    let seen = history
        .readings
        .iter()
        .flat_map(|reading| reading.seen.iter().map(move |seen| (&reading.partition, seen.offset, seen.id)));
    let all = in_logs.chain(acknowledged).chain(seen);
    for (name, offset, id) in all.filter(|(name, _, id)| name.topic.as_str() == EVENTS && counts(*id)) {
        inputs.entry(name).or_default().insert(offset, id);
    }
    inputs
}
