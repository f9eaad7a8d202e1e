//! Clients that read committed records, write something for each to another topic, and commit how far they have read in the same
//! transaction. Each is killed now and then, or left alone while its successor begins with the same transactional id and goes on
//! from the committed offsets.

use std::rc::Rc;

use coordinator::transaction::event::TransactionResult;
use model::{IsolationLevel, TopicPartition};

use super::transactional::{Client, Stop};
use super::{AtWork, committer, reader};
use crate::history::{Position, Reading, Round, Seen, Skipped};
use crate::network::Link;
use crate::plan::{EVENTS, PROCESSED, group_of};
use crate::records::{Outgoing, Source};
use crate::world::Sim;

/// The most records of a partition in one transaction.
const RECORDS_MAX: usize = 12;

/// How a client is set up; its successors are the same.
#[derive(Clone, Copy)]
struct Setting {
    number: u64,
    is_old: bool,
    timeout_ms: i32,
}

/// A life of a client.
struct Processor {
    sim: Sim,
    number: u64,
    group: String,
    client: Client,
    link: Link,
    inputs: Vec<Input>,
    output: TopicPartition,
}

/// A partition that is read.
struct Input {
    reading: Reading,
    /// How many of the records that were read have been processed.
    taken: usize,
    /// The next offset after those.
    position: i64,
}

pub(super) async fn run(sim: Sim, at_work: Rc<AtWork>, number: u64) {
    let (is_old, timeout_ms) = sim.choose(|random| (random.one_in(2), random.between(400, 2_500)));
    let setting = Setting { number, is_old, timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX) };
    while !sim.is_over.get() {
        let (life_us, is_left_alone) = sim.choose(|random| (random.between(20_000, 2_000_000), random.one_in(4)));
        if is_left_alone {
            at_work.begin(&sim, live(Rc::clone(&sim), setting));
            sim.sleep(life_us).await;
            sim.count("processors left alone");
        } else if sim.within(life_us, live(Rc::clone(&sim), setting)).await.is_none() {
            sim.count("processors killed");
        }
        sim.pause(100, 60_000).await;
    }
}

/// Asks how far each has read, until that is answered.
pub(crate) async fn ask_positions(sim: &Sim) {
    let link = Link::new(sim);
    for number in sim.plan.processors() {
        for partition in sim.plan.partitions(EVENTS) {
            while ask_position(sim, &link, number, &partition).await.is_none() {
                sim.pause(1_000, 20_000).await;
            }
        }
    }
}

async fn ask_position(sim: &Sim, link: &Link, processor: u64, partition: &TopicPartition) -> Option<i64> {
    let began = sim.note().now();
    let offset = committer::committed(sim, link, &group_of(processor), partition).await?;
    let mut history = sim.note();
    let (partition, known) = (partition.clone(), history.now());
    history.positions.push(Position { processor, partition, offset, began, known });
    Some(offset)
}

/// Goes on from where the one before ended, until the transactional id is another one's, or everything is over.
async fn live(sim: Sim, Setting { number, is_old, timeout_ms }: Setting) {
    let group = group_of(number);
    let Some(client) = Client::begin(&sim, number, (&group, is_old), timeout_ms).await else { return };
    let Some(output) = sim.plan.partitions(PROCESSED).into_iter().next() else { return };
    let (link, inputs) = (Link::new(&sim), Vec::new());
    let mut processor = Processor { sim: Rc::clone(&sim), number, group, client, link, inputs, output };
    let mut is_right = processor.go_back().await;
    while is_right && !sim.is_over.get() {
        is_right = match processor.round().await {
            Ok(true) => true,
            Ok(false) => processor.go_back().await,
            Err(Stop::Abort | Stop::Restart) => false,
        };
        sim.pause(100, 40_000).await;
    }
    for input in processor.inputs {
        reader::end(&sim, input.reading);
    }
}

impl Processor {
    /// Reads on from what is committed; whether it is known what that is.
    async fn go_back(&mut self) -> bool {
        for input in self.inputs.drain(..) {
            reader::end(&self.sim, input.reading);
        }
        for partition in self.sim.plan.partitions(EVENTS) {
            let offset = loop {
                if self.sim.is_over.get() {
                    return false;
                }
                match ask_position(&self.sim, &self.link, self.number, &partition).await {
                    Some(offset) => break offset.max(0),
                    None => self.sim.pause(1_000, 30_000).await,
                }
            };
            let reading = reader::begin(&self.sim, &partition, IsolationLevel::ReadCommitted, offset);
            self.inputs.push(Input { reading, taken: 0, position: offset });
        }
        true
    }

    /// Reads some, and processes it in a transaction; whether what was read counts as processed.
    async fn round(&mut self) -> Result<bool, Stop> {
        for input in &mut self.inputs {
            input.read(&self.sim, &self.link, self.number).await;
        }
        let taken: Vec<(Vec<Seen>, i64)> = self.inputs.iter().map(Input::next).collect();
        let moved = self.inputs.iter().zip(&taken).filter(|(input, (_, position))| *position > input.position);
        let positions: Vec<(TopicPartition, i64)> =
            moved.map(|(input, (_, position))| (input.reading.partition.clone(), *position)).collect();
        if positions.is_empty() {
            return Ok(true);
        }
        let place = self.client.begin_transaction();
        let round = Round { processor: self.number, transaction: place, positions: positions.clone() };
        self.sim.note().rounds.push(round);
        let (is_abort, offsets_first) = self.sim.choose(|random| (random.one_in(6), random.one_in(3)));
        let sources = self.inputs.iter().zip(&taken).flat_map(|(input, (seen, _))| {
            let partition = input.reading.partition.partition.get();
            seen.iter().map(move |seen| Source { id: seen.id, partition, offset: seen.offset })
        });
        let sources: Vec<Source> = sources.collect();
        match self.write(place, &sources, (&positions, offsets_first)).await {
            Ok(()) => {}
            Err(Stop::Abort) => {
                self.client.give_up(place).await?;
                return Ok(false);
            }
            Err(Stop::Restart) => return Err(Stop::Restart),
        }
        let result = if is_abort { TransactionResult::Abort } else { TransactionResult::Commit };
        self.client.end(place, result).await?;
        if is_abort {
            self.sim.count("rounds aborted");
            return Ok(false);
        }
        self.sim.count("rounds committed");
        for (input, (seen, position)) in self.inputs.iter_mut().zip(&taken) {
            input.taken += seen.len();
            input.position = *position;
        }
        Ok(true)
    }

    /// Writes the outputs of a transaction, and its offsets before or after them.
    async fn write(
        &mut self,
        place: usize,
        sources: &[Source],
        (positions, offsets_first): (&[(TopicPartition, i64)], bool),
    ) -> Result<(), Stop> {
        let commit = committer::commit_of(&self.sim, &self.group, positions);
        if offsets_first {
            self.client.commit_offsets(commit.clone()).await?;
        }
        let mut rest = sources;
        while !rest.is_empty() {
            let count = self.sim.choose(|random| random.between(1, 6));
            let (some, others) = rest.split_at(rest.len().min(usize::try_from(count).unwrap_or(1)));
            let record = |source: &Source| self.client.record(place, &self.output, Some(source.to_key()), Some(10));
            let outgoing: Vec<Outgoing> = some.iter().map(record).collect();
            let output = self.output.clone();
            self.client.send(&output, &outgoing).await?;
            rest = others;
        }
        if !offsets_first {
            self.client.commit_offsets(commit).await?;
        }
        Ok(())
    }
}

impl Input {
    /// Asks for more, if all that was read is processed.
    async fn read(&mut self, sim: &Sim, link: &Link, processor: u64) {
        if self.taken < self.reading.seen.len() {
            return;
        }
        let asked = self.reading.upto;
        let _is_at_end = reader::step(sim, link, &mut self.reading).await;
        if self.reading.from > asked {
            let (partition, upto) = (self.reading.partition.clone(), self.reading.from);
            sim.note().skipped.push(Skipped { processor, partition, from: asked, upto });
            sim.count("processors overtaken by retention");
        }
        if self.reading.from > self.position {
            self.taken = 0;
        }
    }

    /// The records to process next, and the next offset after them.
    fn next(&self) -> (Vec<Seen>, i64) {
        let mut rest = self.reading.seen.iter().skip(self.taken).copied();
        let taken: Vec<Seen> = rest.by_ref().take(RECORDS_MAX).collect();
        (taken, rest.next().map_or(self.reading.upto, |seen| seen.offset))
    }
}
