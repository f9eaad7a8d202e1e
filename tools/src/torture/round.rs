//! One round: a broker with an empty directory, its clients, trouble for a while, then peace, and everything is read three times.
//!
//! Owns: the order of things. What is found is in the histories, which are judged when all is over.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use test_support::free_port;

use super::TortureError;
use super::broker::{Broker, Program, names_below};
use super::checker::{self, History, Violation};
use super::clients::{Clients, Library, TOPICS};
use super::figures::Figures;
use super::machine::Machine;
use super::nemesis::{Deck, Nemesis, Trouble};
use super::proxy::Proxy;
use super::random::Random;
use super::volume::{Disk, Volume};
use crate::bench::now;

/// The broker aborts an abandoned transaction after its producer's timeout, which is 10 s, and a second until it looks.
const TRANSACTIONS_END: Duration = Duration::from_secs(12);
/// What readers get after the producers' end to hear of it.
const SETTLE: Duration = Duration::from_millis(500);

/// What a round is to be.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) disk: Disk,
    /// How long there is trouble; longer, if that is too short for each of them.
    pub(super) load: Duration,
    /// Records a second.
    pub(super) rate: u64,
    pub(super) troubles: Vec<Trouble>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) violations: Vec<Violation>,
    pub(super) figures: Figures,
}

/// Runs one round in `dir`, which is emptied first and stays.
pub(super) fn run(root: &Path, dir: &Path, plan: &Plan, program: Program) -> Result<Outcome, TortureError> {
    let histories = dir.join("history");
    let volume = Volume::new(plan.disk, dir)?;
    // Those of an earlier round with this seed.
    drop(std::fs::remove_dir_all(&histories));
    std::fs::create_dir_all(&histories).map_err(|source| TortureError::io(&histories, source))?;
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let (address, advertised) = (loopback(free_port()), loopback(free_port()));
    let proxy = Proxy::start(advertised.port(), address)?;
    let data = volume.data();
    let is_ours = matches!(program, Program::Tidelog { .. });
    let broker = Broker { program, data, address, advertised, dir: dir.to_owned(), child: None };
    broker.format(root)?;
    let path = histories.join("nemesis.jsonl");
    let history = File::create(&path).map_err(|source| TortureError::io(&path, source))?;
    let possible = |trouble: &Trouble| match trouble {
        Trouble::Power => volume.has_power(),
        // Kafka halts for both, by design.
        Trouble::Full => volume.has_power() && is_ours,
        Trouble::Errors => is_ours,
        Trouble::Kill | Trouble::Pause | Trouble::Cut => true,
    };
    let troubles = Deck::new(plan.troubles.iter().copied().filter(possible).collect());
    let random = Random::new(plan.seed);
    let mut nemesis = Nemesis { root, dir, random, broker, volume, proxy, history, troubles, injections: 0 };
    let clients = Clients { bootstrap: advertised, histories: histories.clone(), seed: plan.seed, rate: plan.rate };
    let machine = Machine::watch(dir, &histories.join("machine.jsonl"))?;
    let rolls = trouble(&mut nemesis, &clients, plan.load)?;
    nemesis.broker.stop()?;
    drop(machine);
    let history = History::read(&histories)?;
    let mut violations = checker::check(&history);
    violations.extend(checker::files::check(&nemesis.volume.data())?);
    let figures = Figures::of(&history, plan.disk, rolls).with(&violations);
    Ok(Outcome { violations, figures })
}

/// Everything that needs the broker. Gives the number of segments that were begun, as far as their names tell.
fn trouble(nemesis: &mut Nemesis<'_>, clients: &Clients, load: Duration) -> Result<u64, TortureError> {
    nemesis.broker.start(None)?;
    clients.create_topics()?;
    let mut onlookers = clients.onlookers()?;
    let mut producers = clients.producers()?;
    let begun = now();
    let mut is_first = true;
    while now().duration_since(begun) < load || is_first {
        nemesis.trouble_once()?;
        is_first = is_first && nemesis.troubles.has_left();
    }
    nemesis.note("peace", "", json!({}))?;
    producers.iter_mut().for_each(super::clients::Client::tell_enough);
    producers.into_iter().try_for_each(super::clients::Client::wait)?;
    std::thread::sleep(TRANSACTIONS_END);
    std::thread::sleep(SETTLE);
    onlookers.iter_mut().for_each(super::clients::Client::tell_enough);
    onlookers.into_iter().try_for_each(super::clients::Client::wait)?;
    clients.read_whole(Library::Franz, "first")?;
    clients.read_whole(Library::Rdkafka, "rdkafka")?;
    let rolls = segments(&nemesis.volume.data());
    nemesis.broker.kill()?;
    nemesis.broker.start(None)?;
    clients.read_whole(Library::Franz, "last")?;
    clients.ask_kcat()?;
    Ok(rolls)
}

/// Segments that do not begin their log.
fn segments(data: &Path) -> u64 {
    let of_load = |name: &&String| TOPICS.iter().any(|(topic, _)| name.starts_with(&format!("{topic}-")));
    let is_later = |name: &&String| {
        let file = name.rsplit('/').next().and_then(|file| file.strip_suffix(".log"));
        file.and_then(|base| base.parse::<u64>().ok()).is_some_and(|base| base > 0)
    };
    u64::try_from(names_below(data).iter().filter(of_load).filter(is_later).count()).unwrap_or(0)
}

/// Where the files of a round are.
pub(super) fn dir_of(work: &Path, plan: &Plan) -> PathBuf {
    work.join(format!("{}-{}", plan.seed, plan.disk))
}
