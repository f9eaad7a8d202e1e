//! Ports, signals and waiting.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const PORT_FIRST: u32 = 14_000;
const PORTS: u32 = 18_000;

/// For what comes in a moment by itself, on a machine that is busy with other tests.
pub const SOON: Duration = Duration::from_mins(1);

/// A TCP port of 127.0.0.1 that nobody listened on a moment ago.
///
/// It lies below the ports that the kernel gives to clients (32768 and up). Among those a client that tries to reach a broker
/// while it is down would, sooner or later, be given the broker's own port for itself: it would connect to itself and keep the
/// broker from starting again.
///
/// # Panics
/// When the machine has no port left.
#[must_use]
#[track_caller]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin at different places.
    let start = std::process::id().wrapping_mul(7919);
    (0..PORTS)
        .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS + PORT_FIRST)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap_or_else(|| panic!("no free port"))
}

/// Asks `condition` again and again until it holds.
///
/// # Panics
/// When it does not hold after `limit`; `what` names it.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test waits for another process, by the wall clock")]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "after {limit:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a child that was not waited for yet, so that its id cannot belong to another process.
#[track_caller]
pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .unwrap_or_else(|| panic!("a child without a process id"));
    kill_process(pid, signal).unwrap_or_else(|error| panic!("process {} takes no signal: {error}", child.id()));
}

/// Ends a child as an operator does (SIGTERM), and waits until it is gone.
///
/// # Panics
/// When it was waited for before, or still runs after `limit`.
#[track_caller]
pub fn terminate(child: &mut Child, limit: Duration) -> ExitStatus {
    signal(child, Signal::TERM);
    wait_for_end(child, limit)
}

/// Waits for the end of a child.
///
/// # Panics
/// When it still runs after `limit`.
#[track_caller]
pub(crate) fn wait_for_end(child: &mut Child, limit: Duration) -> ExitStatus {
    let mut status = None;
    wait_until("the end of a child process", limit, || {
        status = child.try_wait().unwrap_or_else(|error| panic!("no word of a child process: {error}"));
        status.is_some()
    });
    status.unwrap_or_else(|| panic!("the child has ended"))
}
