//! A client program that works until its standard input ends, or until it has done its work.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::process::{terminate, wait_until};

const STOP_LIMIT: Duration = Duration::from_mins(1);

/// A process of it, killed when this is dropped.
#[derive(Debug)]
pub struct Application {
    child: Child,
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Application {
    /// Starts it. What it says is appended to the file `log`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let open = || -> File {
            let file = OpenOptions::new().create(true).append(true).open(log);
            file.unwrap_or_else(|error| panic!("{}: {error}", log.display()))
        };
        let spawned = command.stdin(Stdio::piped()).stdout(open()).stderr(open()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
        let input = child.stdin.take();
        Self { child, input, log: log.to_owned() }
    }

    /// Closes its standard input and waits until it has ended for that.
    ///
    /// # Panics
    /// When it does not end well.
    #[track_caller]
    pub fn close(mut self) {
        drop(self.input.take());
        let mut ended = None;
        wait_until("the end of an application without input", STOP_LIMIT, || {
            ended = self.ended();
            ended.is_some()
        });
        assert!(ended.is_some_and(|status| status.success()), "it ended with {ended:?}");
    }

    /// Stops it with SIGTERM.
    #[track_caller]
    pub fn stop(mut self) {
        terminate(&mut self.child, STOP_LIMIT);
    }

    /// Ends it without warning (`kill -9`).
    ///
    /// # Panics
    /// When the system does not let us.
    #[track_caller]
    pub fn crash(mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            panic!("it cannot be killed: {error}");
        }
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// When the system does not say.
    #[track_caller]
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|error| panic!("nobody knows whether it runs: {error}"))
    }

    /// Fails if it has ended.
    ///
    /// # Panics
    /// Then.
    #[track_caller]
    pub fn assert_runs(&mut self) {
        if let Some(status) = self.ended() {
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
