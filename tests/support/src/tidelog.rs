//! Our broker as its own process.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{free_port, signal, wait_for_end, wait_until};

/// Longer than a recovery takes on a machine that is busy with other tests.
const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// A process of `tidelog serve`, killed when this is dropped. It can be killed and started again on the same port and data.
#[derive(Debug)]
pub struct Tidelog {
    binary: PathBuf,
    data: PathBuf,
    settings: Vec<OsString>,
    address: SocketAddr,
    child: Option<Child>,
}

impl Tidelog {
    /// Starts a broker on a free port of 127.0.0.1 and waits until it takes connections. `binary` is what cargo says to a test
    /// of the root package: `env!("CARGO_BIN_EXE_tidelog")`. `settings` are `key=value` lines for `--set`. What the broker
    /// logs is appended to `server.log` beside the folder `data`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(binary: impl AsRef<Path>, data: impl AsRef<Path>, settings: &[&str]) -> Self {
        let settings = settings.iter().flat_map(|setting| [OsString::from("--set"), OsString::from(setting)]).collect();
        let mut broker = Self {
            binary: binary.as_ref().to_owned(),
            data: data.as_ref().to_owned(),
            settings,
            address: SocketAddr::from(([127, 0, 0, 1], free_port())),
            child: None,
        };
        broker.restart();
        broker
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The file that the broker's log goes to.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.data.with_file_name("server.log")
    }

    /// Starts the broker again after [`Self::kill`] or [`Self::stop`], and waits until it takes connections.
    ///
    /// # Panics
    /// When it still runs, ends at once, or takes no connection in a minute.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the broker still runs");
        let child = Command::new(&self.binary)
            .arg("serve")
            .arg("--data")
            .arg(&self.data)
            .arg("--listen")
            .arg(self.address.to_string())
            .args(&self.settings)
            .stdin(Stdio::null())
            .stdout(self.open_log())
            .stderr(self.open_log())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not run: {error}", self.binary.display()));
        let child = self.child.insert(child);
        let mut ended = None;
        let address = self.address;
        wait_until("a broker that takes connections", START_LIMIT, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || TcpStream::connect(address).is_ok()
        });
        if let Some(status) = ended {
            self.child = None;
            panic!("the broker ended with {status}; it said:\n{}", self.log());
        }
    }

    /// Kills the broker as a power cut would, but for the page cache, which survives (`kill -9`).
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Stops the broker as an operator does (SIGTERM) and waits for its end.
    ///
    /// # Panics
    /// When it does not run, or still runs after a minute.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.end(Signal::TERM)
    }

    /// All that the broker has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    #[track_caller]
    fn end(&mut self, how: Signal) -> ExitStatus {
        let mut child = self.child.take().unwrap_or_else(|| panic!("the broker does not run"));
        signal(&child, how);
        wait_for_end(&mut child, STOP_LIMIT)
    }

    #[track_caller]
    fn open_log(&self) -> File {
        let path = self.log_file();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl Drop for Tidelog {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take()
            && let Err(error) = child.kill().and_then(|()| child.wait())
        {
            eprintln!("broker {} was not killed: {error}", child.id());
        }
    }
}
