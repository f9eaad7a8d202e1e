//! Topics come with all their logs or not at all, and logs that are lost are not made anew.

use std::io::ErrorKind;
use std::path::Path;

use model::Timestamp;
use model::config::BrokerConfig;
use storage::disk::{Fault, FaultKind, SimulatedDisk};
use storage::{Disk as _, GroupCommit, LogManager, LogManagerOptions};

use super::*;
use crate::clock::Clock;

const DATA: &str = "/data";

struct Started {
    manager: Arc<LogManager>,
    runtime: Runtime,
}

fn start(disk: &SimulatedDisk, commit: &Arc<GroupCommit>) -> Started {
    let manager = LogManager::open(Arc::new(disk.clone()), Path::new(DATA), LogManagerOptions::default()).unwrap();
    let manager = Arc::new(manager);
    let registry = Arc::new(Registry::new(Arc::clone(&manager), Arc::clone(commit), Arc::default()));
    let log = MetadataLog::open(&manager, Timestamp::new(0)).unwrap();
    let config = Arc::new(BrokerConfig::default());
    let options = MetadataOptions { config, clock: Clock::start(), metrics: Arc::default() };
    let mut runtime = Runtime::load(log, registry, options).unwrap();
    runtime.open_everything();
    Started { manager, runtime }
}

fn group_commit() -> Arc<GroupCommit> {
    Arc::new(GroupCommit::start(1).unwrap())
}

impl Started {
    /// As the metadata thread does it.
    fn commit<T>(&mut self, decided: Result<T, Refused>, records: Vec<MetadataRecord>) -> Result<T, Refused> {
        let committed = self.runtime.commit(records);
        if committed.is_ok() {
            self.runtime.apply();
        }
        self.runtime.tidy();
        let refused = |failure: MetadataLogError| Refused::new(ErrorCode::KafkaStorageError, failure.to_string());
        committed.map_err(refused).and(decided)
    }

    fn create(&mut self, name: &str, partitions: i32) -> Result<CreatedTopic, Refused> {
        let wish = NewTopic { name: name.to_owned(), partitions, replication_factor: -1, ..NewTopic::default() };
        let mut records = Vec::new();
        let decided = self.runtime.create_topics(&[wish], false, &mut records).pop().unwrap();
        self.commit(decided, records)
    }

    fn grow(&mut self, name: &str, count: i32) -> Result<(), Refused> {
        let wish = MorePartitions { name: name.to_owned(), count, assignments: None };
        let mut records = Vec::new();
        let decided = self.runtime.add_partitions(&wish, false, &mut records);
        self.commit(decided, records)
    }

    /// Which partitions of a topic are served; `None` if there is no such topic.
    fn served(&self, name: &str) -> Option<Vec<bool>> {
        let topic = self.runtime.image().topic(name)?;
        Some(topic.partitions.iter().map(Option::is_some).collect())
    }

    fn leftovers(&self) -> Vec<String> {
        self.manager.leftovers(|id| self.runtime.image().topic_by_id(id).is_some())
    }
}

fn fill(disk: &SimulatedDisk, after: u64) {
    disk.inject(Fault { kind: FaultKind::Write, after, error: ErrorKind::StorageFull, is_lasting: true });
}

#[test]
fn a_topic_for_whose_logs_there_is_no_room_does_not_exist_and_can_be_created_when_there_is() {
    let commit = group_commit();
    // The disk is full before the first log, before the second, and, when all are prepared, before the metadata's record.
    for after in 0..=3 {
        let disk = SimulatedDisk::new();
        let mut broker = start(&disk, &commit);
        fill(&disk, after);
        let refused = broker.create("orders", 3).unwrap_err();
        assert_eq!(refused.code, ErrorCode::KafkaStorageError, "{after}");
        assert_eq!(broker.served("orders"), None, "{after}");
        assert_eq!(broker.leftovers(), Vec::<String>::new(), "{after}");
        disk.heal();
        broker.create("orders", 3).unwrap();
        assert_eq!(broker.served("orders"), Some(vec![true; 3]), "{after}");
        drop(broker);
        assert_eq!(start(&disk, &commit).served("orders"), Some(vec![true; 3]), "{after}");
    }
    commit.stop();
}

#[test]
fn a_topic_that_is_deleted_with_the_commit_that_creates_it_leaves_nothing() {
    let (commit, disk) = (group_commit(), SimulatedDisk::new());
    let mut broker = start(&disk, &commit);
    let wish = NewTopic { name: "orders".to_owned(), partitions: 2, replication_factor: -1, ..NewTopic::default() };
    let mut records = Vec::new();
    broker.runtime.create_topics(&[wish], false, &mut records).pop().unwrap().unwrap();
    let deleted = broker.runtime.delete_topic(&TopicRef::Name("orders".to_owned()), &mut records);
    broker.commit(deleted, records).unwrap();
    assert_eq!(broker.served("orders"), None);
    assert_eq!(broker.leftovers(), Vec::<String>::new());
    commit.stop();
}

#[test]
fn a_topic_for_whose_new_partitions_there_is_no_room_stays_as_it_was() {
    let (commit, disk) = (group_commit(), SimulatedDisk::new());
    let mut broker = start(&disk, &commit);
    broker.create("orders", 1).unwrap();
    fill(&disk, 1);
    assert_eq!(broker.grow("orders", 4).unwrap_err().code, ErrorCode::KafkaStorageError);
    assert_eq!(broker.served("orders"), Some(vec![true]));
    assert_eq!(broker.leftovers(), Vec::<String>::new());
    disk.heal();
    broker.grow("orders", 4).unwrap();
    assert_eq!(broker.served("orders"), Some(vec![true; 4]));
    commit.stop();
}

#[test]
fn a_creation_that_a_crash_interrupts_anywhere_is_finished_or_never_was() {
    let commit = group_commit();
    for seed in 0..6 {
        for changes in 0.. {
            let disk = SimulatedDisk::new();
            let mut broker = start(&disk, &commit);
            disk.halt_after(changes);
            let is_created = broker.create("orders", 3).is_ok();
            let is_done = is_created && disk.exists(Path::new(DATA)).is_ok();
            drop(broker);
            disk.crash(seed);
            let mut broker = start(&disk, &commit);
            let served = broker.served("orders");
            assert!(served.is_some() || !is_created, "seed {seed}, {changes} changes: acknowledged and gone");
            assert!(served.is_none_or(|served| served == [true; 3]), "seed {seed}, {changes} changes: half of it");
            broker.manager.remove_aside(&broker.leftovers());
            assert_eq!(broker.leftovers(), Vec::<String>::new());
            if broker.served("orders").is_none() {
                broker.create("orders", 3).unwrap();
            }
            assert_eq!(broker.served("orders"), Some(vec![true; 3]), "seed {seed}, {changes} changes");
            if is_done {
                break;
            }
        }
    }
    commit.stop();
}

#[test]
fn a_partition_whose_directory_is_gone_stays_offline_and_is_not_made_anew() {
    let (commit, disk) = (group_commit(), SimulatedDisk::new());
    let mut broker = start(&disk, &commit);
    broker.create("orders", 3).unwrap();
    broker.manager.close().unwrap();
    drop(broker);
    let lost = Path::new("/data/orders-1");
    for entry in disk.read_directory(lost).unwrap() {
        disk.remove_file(&lost.join(entry.name)).unwrap();
    }
    disk.remove_directory(lost).unwrap();
    for _ in 0..2 {
        let broker = start(&disk, &commit);
        assert_eq!(broker.served("orders"), Some(vec![true, false, true]));
        assert!(!disk.exists(lost).unwrap());
        broker.manager.close().unwrap();
    }
    commit.stop();
}
