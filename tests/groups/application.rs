//! A JVM of an application that is built on groups.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use test_support::{terminate, wait_until};

const STOP_LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct Application {
    child: Child,
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Application {
    /// Starts it. What it says is appended to the file `log`.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let open = || -> File { OpenOptions::new().create(true).append(true).open(log).unwrap() };
        let spawned = command.stdin(Stdio::piped()).stdout(open()).stderr(open()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
        let input = child.stdin.take();
        Self { child, input, log: log.to_owned() }
    }

    /// Closes its standard input and waits until it has ended for that.
    #[track_caller]
    pub(crate) fn close(mut self) {
        drop(self.input.take());
        let mut ended = None;
        wait_until("the end of an application without input", STOP_LIMIT, || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        let status = ended.unwrap();
        assert!(status.success(), "it ended with {status}");
    }

    /// Stops it with SIGTERM.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        terminate(&mut self.child, STOP_LIMIT);
    }

    /// Ends it without warning (`kill -9`).
    #[track_caller]
    pub(crate) fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[track_caller]
    pub(crate) fn assert_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("it ended by itself with {status}");
        }
    }
}

impl Drop for Application {
    /// One of a failed test is killed, and the end of its log shown.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the end of {}:", self.log.display());
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}
