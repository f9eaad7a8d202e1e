//! A member of a group in a process of its own, as `tests/clients/README.md` says.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Deserialize;
use test_support::wait_until;

use crate::ledger::{Ledger, Life};

const LEAVE_LIMIT: Duration = Duration::from_mins(1);

/// A line of a member.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    /// All partitions that it owns from now on.
    Owns(Vec<i32>),
    /// Partition, offset and value of records that it is about to commit.
    Read(Vec<(i32, i64, String)>),
    /// Why a commit was refused.
    Refused(String),
}

pub(crate) struct Member {
    life: Life,
    name: String,
    ledger: Arc<Ledger>,
    child: Child,
    input: Option<ChildStdin>,
    listener: Option<JoinHandle<()>>,
    errors: PathBuf,
}

impl Member {
    /// Starts a member. What it complains of goes to the file `errors`.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, name: &str, ledger: &Arc<Ledger>, errors: PathBuf) -> Self {
        let life = ledger.begin(name);
        let stderr = File::create(&errors).unwrap();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
        let output = BufReader::new(child.stdout.take().unwrap());
        let listener = std::thread::spawn({
            let ledger = Arc::clone(ledger);
            move || listen(output, life, &ledger)
        });
        let input = child.stdin.take();
        Self { life, name: name.to_owned(), ledger: Arc::clone(ledger), child, input, listener: Some(listener), errors }
    }

    pub(crate) fn life(&self) -> Life {
        self.life
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Lets it commit and leave, and waits for its end.
    #[track_caller]
    pub(crate) fn leave(mut self) {
        drop(self.input.take());
        let mut ended = None;
        wait_until("the end of a member that was asked to leave", LEAVE_LIMIT, || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        self.hear_out();
        self.ledger.left(self.life);
        let status = ended.unwrap();
        assert!(status.success(), "{} left with {status}", self.name);
    }

    /// Ends it without warning (`kill -9`).
    #[track_caller]
    pub(crate) fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.hear_out();
        self.ledger.crashed(self.life);
    }

    /// How it ended, if it did so by itself.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What is left in the pipe was read before the end, and counts.
    fn hear_out(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
    }
}

fn listen(output: impl BufRead, life: Life, ledger: &Ledger) {
    for said in output.lines() {
        let said = said.unwrap();
        match serde_json::from_str(&said) {
            Ok(Said::Owns(partitions)) => ledger.owns(life, partitions.into_iter().collect()),
            Ok(Said::Read(records)) => {
                for (partition, offset, value) in records {
                    ledger.read(life, partition, offset, &value);
                }
            }
            Ok(Said::Refused(why)) => ledger.refused(life, why),
            // A line that was cut by `kill -9` says nothing; the records in it are not committed.
            Err(error) if error.is_eof() => {}
            Err(error) => ledger.wrong(format!("a member said {said}: {error}")),
        }
    }
}

impl Drop for Member {
    /// A member of a failed story is killed, and what it complained of is shown.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            let complaints = std::fs::read_to_string(&self.errors).unwrap_or_default();
            let tail: Vec<&str> = complaints.lines().rev().take(20).collect();
            eprintln!("{} complained of:", self.name);
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}
