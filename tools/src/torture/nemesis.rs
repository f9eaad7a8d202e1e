//! What goes wrong in a round, and when.
//!
//! Owns: the choice of troubles, their aim, and the note of each in the history. After each trouble the broker is well again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::TortureError;
use super::broker::{Broker, Injection, names_below};
use super::proxy::Proxy;
use super::random::Random;
use super::volume::Volume;
use crate::bench::now;

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Trouble {
    /// `kill -9`, at a random or an aimed moment, and perhaps again while it starts.
    Kill,
    /// The power is cut.
    Power,
    /// The broker stands still for a while.
    Pause,
    /// All connections are cut.
    Cut,
    /// Writes or syncs fail.
    Errors,
    /// The disk is full for a while.
    Full,
}

/// What a kill waits for: a name below the data directory that was not there, and that has one of these in it.
const AIMS: [(&str, &[&str]); 6] = [
    ("roll", &[".log"]),
    ("compaction", &[".cleaned", ".swap"]),
    ("snapshot", &[".producers", ".snapshot"]),
    ("checkpoint", &["checkpoint.tmp", "checkpoint"]),
    ("creation", &["churn-"]),
    ("deletion", &[".deleted", "-delete"]),
];
const AIM_LIMIT: Duration = Duration::from_millis(1500);
/// How often a kill looks whether it is time.
const AIM_EVERY: Duration = Duration::from_millis(1);

/// What strace has fail, from about the given number of calls on. Numbers count in each thread.
const INJECTIONS: [(&str, u64); 5] = [
    ("fdatasync:error=EIO", 60),
    ("fdatasync:error=ENOSPC", 60),
    ("pwritev:error=EIO", 300),
    ("pwritev:error=ENOSPC", 300),
    ("fsync:error=EIO", 10),
];

/// What this broker and this disk can be troubled with, dealt like cards: all of it in some order, then all again in another. So
/// a short round, too, has had each.
#[derive(Debug)]
pub(super) struct Deck {
    all: Vec<Trouble>,
    left: Vec<Trouble>,
}

impl Deck {
    pub(super) fn new(all: Vec<Trouble>) -> Self {
        Self { left: all.clone(), all }
    }

    /// Whether some have not come yet since the deck was last whole.
    pub(super) const fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    fn deal(&mut self, random: &mut Random) -> Option<Trouble> {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
        }
        let last = u64::try_from(self.left.len()).unwrap_or(0).checked_sub(1)?;
        let at = usize::try_from(random.between(0, last)).unwrap_or(0);
        Some(self.left.swap_remove(at))
    }
}

/// What causes trouble.
#[derive(Debug)]
pub(super) struct Nemesis<'r> {
    pub(super) root: &'r Path,
    pub(super) dir: &'r Path,
    pub(super) random: Random,
    pub(super) broker: Broker,
    pub(super) volume: Volume,
    pub(super) proxy: Proxy,
    pub(super) history: File,
    pub(super) troubles: Deck,
    pub(super) injections: u64,
}

impl Nemesis<'_> {
    /// Waits a while in which all is well, then makes trouble, and leaves when the broker is well again.
    pub(super) fn trouble_once(&mut self) -> Result<(), TortureError> {
        self.note("healthy", "", json!({}))?;
        // A third of the time is long and calm, because what gets lost there gets lost in healthy times.
        let calm = if self.random.between(1, 6) == 1 { (3000, 4000) } else { (150, 1500) };
        self.sleep(calm);
        let Some(trouble) = self.troubles.deal(&mut self.random) else { return Ok(()) };
        match trouble {
            Trouble::Kill => self.kill(),
            Trouble::Power => self.cut_power(),
            Trouble::Pause => self.pause(),
            Trouble::Cut => self.cut_connections(),
            Trouble::Errors => self.fail_calls(),
            Trouble::Full => self.fill_disk(),
        }
    }

    /// Notes something in the history, before it is done.
    pub(super) fn note(&mut self, what: &str, how: &str, mut more: serde_json::Value) -> Result<(), TortureError> {
        let t = monotonic()?;
        if let Some(more) = more.as_object_mut() {
            more.insert("e".to_owned(), json!(what));
            more.insert("t".to_owned(), json!(t));
            more.insert("how".to_owned(), json!(how));
        }
        let written = self.history.write_all(format!("{more}\n").as_bytes());
        written.map_err(|source| TortureError::Io { what: "the nemesis' history".to_owned(), source })
    }

    fn kill(&mut self) -> Result<(), TortureError> {
        let aim = self.random.pick(&AIMS).copied().filter(|_| self.random.between(0, 1) == 1);
        let how = match aim {
            Some((name, parts)) if self.wait_for(parts) => name,
            _ => "random",
        };
        self.note("kill", how, json!({}))?;
        self.broker.kill()?;
        self.restart(None)
    }

    fn cut_power(&mut self) -> Result<(), TortureError> {
        let cutter = self.volume.cutter(self.root)?;
        let aim = self.random.pick(&AIMS).copied().filter(|_| self.random.between(0, 1) == 1);
        let how = match aim {
            Some((name, parts)) if self.wait_for(parts) => name,
            _ => "random",
        };
        self.note("power", how, json!({}))?;
        // Nothing that is said from here on is heard: a sync under way may return without having synced.
        self.proxy.stop_answers();
        cutter.cut()?;
        self.broker.kill()?;
        self.proxy.cut();
        self.volume.power_on()?;
        self.restart(None)
    }

    fn pause(&mut self) -> Result<(), TortureError> {
        self.note("pause", "", json!({}))?;
        self.broker.signal(Signal::STOP)?;
        self.sleep((200, 2500));
        self.broker.signal(Signal::CONT)
    }

    fn cut_connections(&mut self) -> Result<(), TortureError> {
        self.note("cut", "", json!({}))?;
        if self.random.between(0, 1) == 1 {
            // Requests are served, and nobody hears of it.
            self.proxy.stop_answers();
            self.sleep((50, 800));
        }
        self.proxy.cut();
        Ok(())
    }

    /// Starts the broker so that calls of it fail, looks on for a while, and starts it again without.
    fn fail_calls(&mut self) -> Result<(), TortureError> {
        let Some((rule, calls)) = self.random.pick(&INJECTIONS).copied() else { return Ok(()) };
        self.injections += 1;
        let trace = self.dir.join(format!("strace-{}", self.injections));
        let rule = format!("{rule}:when={}+{}", self.random.between(3, calls), self.random.between(1, 7));
        let injection = Injection { rule, trace };
        self.note("kill", "random", json!({}))?;
        self.broker.kill()?;
        self.broker.spawn(Some(&injection))?;
        // It may end for an error while it starts.
        if self.broker.wait_for_answer().is_ok() {
            self.sleep((500, 2500));
        }
        self.note("errors", &injection.rule, json!({ "n": injection.count() }))?;
        if self.volume.has_power() {
            return self.cut_power();
        }
        self.broker.kill()?;
        self.restart(None)
    }

    fn fill_disk(&mut self) -> Result<(), TortureError> {
        self.note("full", "", json!({}))?;
        self.volume.fill()?;
        self.sleep((500, 2500));
        if self.broker.has_ended() {
            return Err(TortureError::Program {
                program: "the broker".to_owned(),
                detail: "it ended because the disk was full".to_owned(),
            });
        }
        self.volume.free()?;
        // It has to go on by itself, which takes a while to see.
        self.note("healthy", "", json!({}))?;
        self.sleep((3000, 3500));
        Ok(())
    }

    /// Starts the broker after its end, and perhaps kills it while it starts.
    fn restart(&mut self, injection: Option<&Injection>) -> Result<(), TortureError> {
        while self.random.between(1, 3) == 1 {
            self.broker.spawn(injection)?;
            let begun = now();
            let wait = Duration::from_micros(self.random.between(500, 60_000));
            std::thread::sleep(wait);
            let is_early = now().duration_since(begun) < Duration::from_millis(200);
            self.note("kill", if is_early { "recovery" } else { "random" }, json!({}))?;
            self.broker.kill()?;
        }
        self.broker.start(injection)?;
        self.note("started", "", json!({}))
    }

    /// Waits until a name of these appears, or it takes too long.
    fn wait_for(&self, parts: &[&str]) -> bool {
        let data = self.volume.data();
        let wanted = || -> BTreeSet<String> {
            let names = names_below(&data).into_iter();
            names.filter(|name| parts.iter().any(|part| name.contains(part))).collect()
        };
        let (before, begun) = (wanted(), now());
        while now().duration_since(begun) < AIM_LIMIT {
            if !wanted().is_subset(&before) {
                return true;
            }
            std::thread::sleep(AIM_EVERY);
        }
        false
    }

    fn sleep(&mut self, (least_ms, most_ms): (u64, u64)) {
        std::thread::sleep(Duration::from_millis(self.random.between(least_ms, most_ms)));
    }
}

/// Nanoseconds of the clock that the clients note as `CLOCK_MONOTONIC`, to a hundredth of a second: the machine's uptime, which is
/// the same as long as it does not sleep.
pub(super) fn monotonic() -> Result<i64, TortureError> {
    let path = Path::new("/proc/uptime");
    let text = std::fs::read_to_string(path).map_err(|source| TortureError::io(path, source))?;
    let seconds = text.split(' ').next().unwrap_or_default();
    let hundredths = seconds.replace('.', "").parse::<i64>().unwrap_or(0);
    Ok(hundredths.saturating_mul(10_000_000))
}
