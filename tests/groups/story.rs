//! What can happen to a group, and what must hold after it. The words that `stories.rs` is written in.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Broker, wait_until};

use crate::kinds::Kind;
use crate::ledger::{Excuse, Ledger, PARTITIONS};
use crate::member::Member;
use crate::writer::Writer;
use crate::{TIDELOG, settings, topic};

/// For a rebalance of any kind on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_mins(2);

/// A group with its members, and a topic to which records are written all the time.
pub(crate) struct Story {
    bootstrap: String,
    topic: String,
    group: String,
    session_ms: &'static str,
    ledger: Arc<Ledger>,
    writer: Writer,
    members: Vec<Member>,
    /// Where members complain.
    dir: tempfile::TempDir,
    starts: u32,
    excuse: Excuse,
    broker: Broker,
}

impl Story {
    #[track_caller]
    pub(crate) fn begin(session_ms: &'static str) -> Self {
        // A broker that runs already keeps topics and groups from one run to the next, hence the process id.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let broker = Broker::start_with(TIDELOG, &settings(session_ms));
        let bootstrap = broker.address();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let topic = format!("story-{}-{number}", std::process::id());
        topic::create(&bootstrap, &topic, PARTITIONS);
        let ledger = Arc::new(Ledger::default());
        Self {
            group: format!("group-of-{topic}"),
            session_ms,
            writer: Writer::start(&bootstrap, &topic, &ledger),
            bootstrap,
            topic,
            ledger,
            members: Vec::new(),
            dir: tempfile::tempdir().unwrap(),
            starts: 0,
            excuse: Excuse::Crash,
            broker,
        }
    }

    /// From now on members may read again what another could not commit, because it was refused.
    pub(crate) fn commits_may_be_refused(&mut self) {
        self.excuse = Excuse::CrashOrRefusal;
    }

    /// A member starts; it will have joined when [`Self::settles`] returns.
    #[track_caller]
    pub(crate) fn start(&mut self, name: &str, kind: Kind) {
        self.launch(name, kind, &[]);
    }

    /// A static member starts (KIP-345). Its name is its `group.instance.id`.
    #[track_caller]
    pub(crate) fn start_static(&mut self, name: &str, kind: Kind) {
        self.launch(name, kind, &[name]);
    }

    #[track_caller]
    fn launch(&mut self, name: &str, kind: Kind, instance: &[&str]) {
        self.starts += 1;
        let errors = self.dir.path().join(format!("{name}-{}", self.starts));
        let mut command = kind.program();
        command.args([&self.bootstrap, &self.group, &self.topic, kind.protocol(), self.session_ms]);
        command.args(instance);
        self.members.push(Member::start(&mut command, name, &self.ledger, errors));
    }

    /// A member commits, leaves and ends.
    #[track_caller]
    pub(crate) fn leaves(&mut self, name: &str) {
        self.take(name).leave();
    }

    /// A member is killed, and nobody tells the group.
    #[track_caller]
    pub(crate) fn crashes(&mut self, name: &str) {
        self.take(name).crash();
    }

    /// The broker is killed, and starts again.
    #[track_caller]
    pub(crate) fn the_broker_crashes(&mut self) {
        self.broker.kill();
        self.broker.restart();
    }

    fn take(&mut self, name: &str) -> Member {
        let index = self.members.iter().position(|member| member.name() == name);
        self.members.remove(index.unwrap_or_else(|| panic!("{name} is not there")))
    }

    fn member(&self, name: &str) -> &Member {
        self.members.iter().find(|member| member.name() == name).unwrap_or_else(|| panic!("{name} is not there"))
    }

    /// Waits until the members share the partitions evenly, and have read all that was written until then.
    #[track_caller]
    pub(crate) fn settles(&mut self) {
        self.waits("the members share the partitions evenly", Ledger::is_balanced);
        self.catches_up();
    }

    /// The same after members have left: the group heard of that long before it would have noticed by itself that they are gone.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "a session's time is what the wall clock is held against")]
    pub(crate) fn settles_at_once(&mut self) {
        let start = Instant::now();
        wait_until("the group has the members that are there", LIMIT, || self.members_known() == self.members.len());
        let took = start.elapsed();
        // A second less: that long, at most, the member had been silent before it left.
        let limit = Duration::from_millis(self.session_ms.parse::<u64>().unwrap() - 1000);
        assert!(took < limit, "the group needed {took:?}, so the leaving was not heard");
        self.settles();
    }

    /// How many members the group has for all that the broker knows.
    #[track_caller]
    fn members_known(&self) -> usize {
        let mut command = Command::new(TIDELOG);
        command.args(["group", "describe", &self.group, "--output", "json", "--bootstrap-server", &self.bootstrap]);
        let output = command.output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        let described: Value = serde_json::from_slice(&output.stdout).unwrap();
        described[0]["members"].as_array().map_or(0, Vec::len)
    }

    #[track_caller]
    fn catches_up(&mut self) {
        let ends = self.ledger.ends();
        self.waits("everything written is read", |ledger| ledger.is_read_to(&ends));
    }

    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "a test waits for other processes, by the wall clock")]
    fn waits(&mut self, what: &str, condition: impl Fn(&Ledger) -> bool) {
        let start = Instant::now();
        while !condition(&self.ledger) {
            for member in &mut self.members {
                if let Some(status) = member.has_ended() {
                    panic!("{} ended by itself with {status}", member.name());
                }
            }
            assert!(start.elapsed() < LIMIT, "still not: {what}\n{}", self.ledger.summary());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn owned_by(&self, name: &str) -> BTreeSet<i32> {
        self.ledger.owned_by(self.member(name).life())
    }

    /// How often a member was told what it owns.
    pub(crate) fn changes_of(&self, name: &str) -> u32 {
        self.ledger.changes_of(self.member(name).life())
    }

    /// Fails unless the group has committed what its members read, neither more nor less. Nobody may be reading.
    #[track_caller]
    pub(crate) fn has_committed_all_it_read(&self) {
        assert!(self.members.is_empty(), "there are members");
        assert_eq!(self.committed(), self.ledger.progress(), "committed, and read");
    }

    #[track_caller]
    fn committed(&self) -> BTreeMap<i32, i64> {
        topic::committed(&self.bootstrap, &self.group, &self.topic, PARTITIONS)
    }

    /// Nothing more is written, the members read the rest and leave, and all of it is judged.
    #[track_caller]
    pub(crate) fn end(mut self) {
        self.writer.stop();
        self.catches_up();
        for member in self.members.drain(..) {
            member.leave();
        }
        self.has_committed_all_it_read();
        assert_eq!(self.ledger.progress(), self.ledger.ends(), "read, and written");
        self.ledger.check(self.excuse);
        self.broker.finish();
    }
}
