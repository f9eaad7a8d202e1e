//! What was written, who owns what and who read what, and whether that is right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard};

/// The number of partitions of a story's topic: two and three members share them evenly.
pub(crate) const PARTITIONS: i32 = 6;

/// The value of the record at an offset, known to the writer before and to the ledger after.
pub(crate) fn value(partition: i32, offset: i64) -> String {
    format!("{partition}:{offset}")
}

/// Why a member may have read what it did not commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excuse {
    Crash,
    CrashOrRefusal,
}

/// One run of a member's process; a member that comes back begins another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life(usize);

#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// How many records of each partition the broker has acknowledged.
    ends: BTreeMap<i32, i64>,
    /// Who read a record, in the order in which we heard of it.
    reads: BTreeMap<(i32, i64), Vec<Life>>,
    lives: Vec<Account>,
    /// What can never be right.
    wrong: Vec<String>,
}

#[derive(Debug)]
struct Account {
    name: String,
    is_alive: bool,
    has_crashed: bool,
    /// Why its last refused commit was refused.
    refusal: Option<String>,
    owns: BTreeSet<i32>,
    /// How often it said what it owns.
    changes: u32,
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }

    pub(crate) fn begin(&self, name: &str) -> Life {
        let mut book = self.book();
        let account = Account {
            name: name.to_owned(),
            is_alive: true,
            has_crashed: false,
            refusal: None,
            owns: BTreeSet::new(),
            changes: 0,
        };
        book.lives.push(account);
        Life(book.lives.len() - 1)
    }

    /// A record is acknowledged.
    pub(crate) fn written(&self, partition: i32, offset: i64) {
        let mut book = self.book();
        let end = book.ends.entry(partition).or_default();
        if *end == offset {
            *end += 1;
        } else {
            let wrong = format!("the record {} was written to offset {offset}", value(partition, *end));
            book.wrong.push(wrong);
        }
    }

    pub(crate) fn wrong(&self, what: String) {
        self.book().wrong.push(what);
    }

    pub(crate) fn owns(&self, life: Life, partitions: BTreeSet<i32>) {
        let account = &mut self.book().lives[life.0];
        account.owns = partitions;
        account.changes += 1;
    }

    pub(crate) fn read(&self, life: Life, partition: i32, offset: i64, text: &str) {
        let mut book = self.book();
        if text != value(partition, offset) {
            book.wrong.push(format!("partition {partition} had {text} at offset {offset}"));
        }
        book.reads.entry((partition, offset)).or_default().push(life);
    }

    pub(crate) fn refused(&self, life: Life, why: String) {
        self.book().lives[life.0].refusal = Some(why);
    }

    pub(crate) fn left(&self, life: Life) {
        self.book().lives[life.0].end();
    }

    pub(crate) fn crashed(&self, life: Life) {
        let account = &mut self.book().lives[life.0];
        account.end();
        account.has_crashed = true;
    }

    pub(crate) fn owned_by(&self, life: Life) -> BTreeSet<i32> {
        self.book().lives[life.0].owns.clone()
    }

    /// How often a member was told what it owns.
    pub(crate) fn changes_of(&self, life: Life) -> u32 {
        self.book().lives[life.0].changes
    }

    /// Whether those alive own all partitions, each one of them alone, and as evenly as can be.
    pub(crate) fn is_balanced(&self) -> bool {
        let book = self.book();
        let counts = book.alive().map(|account| account.owns.len());
        let total: usize = counts.clone().sum();
        let union: BTreeSet<i32> = book.alive().flat_map(|account| account.owns.iter().copied()).collect();
        let even = counts.clone().max().unwrap_or(0) - counts.min().unwrap_or(0) <= 1;
        even && total == union.len() && union == (0..PARTITIONS).collect()
    }

    /// The end of each partition.
    pub(crate) fn ends(&self) -> BTreeMap<i32, i64> {
        self.book().ends.clone()
    }

    pub(crate) fn is_read_to(&self, ends: &BTreeMap<i32, i64>) -> bool {
        let book = self.book();
        ends.iter().all(|(partition, end)| (0..*end).rev().all(|offset| book.reads.contains_key(&(*partition, offset))))
    }

    /// The offset behind the last record of each partition that was read.
    pub(crate) fn progress(&self) -> BTreeMap<i32, i64> {
        let mut progress = BTreeMap::new();
        for (partition, offset) in self.book().reads.keys() {
            progress.insert(*partition, offset + 1);
        }
        progress
    }

    /// Fails unless every record was read, and none again unless all who had read it before have an excuse.
    #[track_caller]
    pub(crate) fn check(&self, excuse: Excuse) {
        let book = self.book();
        let is_excused = |life: &Life| {
            let account = &book.lives[life.0];
            account.has_crashed || excuse == Excuse::CrashOrRefusal && account.refusal.is_some()
        };
        let mut wrong = book.wrong.clone();
        for (partition, end) in &book.ends {
            for offset in 0..*end {
                let lives: &[Life] = book.reads.get(&(*partition, offset)).map_or(&[], Vec::as_slice);
                let record = value(*partition, offset);
                match lives.split_last() {
                    None => wrong.push(format!("{record} was never read")),
                    Some((_, before)) if before.iter().all(is_excused) => {}
                    Some(_) => {
                        let names: Vec<String> = lives.iter().map(|life| book.name(*life)).collect();
                        wrong.push(format!("{record} was read by {}", names.join(", then ")));
                    }
                }
            }
        }
        let count = wrong.len();
        wrong.truncate(20);
        assert!(wrong.is_empty(), "{count} things are wrong, the first are:\n{}", wrong.join("\n"));
    }

    /// Who is alive and what they own, and how far each partition was written and read.
    pub(crate) fn summary(&self) -> String {
        let book = self.book();
        let mut text = String::new();
        for account in book.alive() {
            writeln!(text, "{} owns {:?}", account.name, account.owns).unwrap();
        }
        for (partition, end) in &book.ends {
            let missing =
                (0..*end).filter(|offset| !book.reads.contains_key(&(*partition, *offset))).collect::<Vec<_>>();
            let first = missing.first();
            writeln!(text, "partition {partition} has {end} records, {} not read, the first {first:?}", missing.len())
                .unwrap();
        }
        text
    }
}

impl Book {
    fn alive(&self) -> impl Iterator<Item = &Account> + Clone {
        self.lives.iter().filter(|account| account.is_alive)
    }

    fn name(&self, life: Life) -> String {
        let account = &self.lives[life.0];
        let refusal = account.refusal.as_ref().map(|why| format!(", refused: {why}")).unwrap_or_default();
        format!("{} (life {}{refusal})", account.name, life.0)
    }
}

impl Account {
    fn end(&mut self) {
        self.is_alive = false;
        self.owns.clear();
    }
}
