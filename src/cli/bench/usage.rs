//! What a process on this machine costs: its CPU time and memory, from /proc. Finds the broker behind a port.

use std::fs;
use std::net::ToSocketAddrs as _;
use std::path::Path;

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Seconds of user and system time, in steps of 10 ms.
    pub(crate) cpu_seconds: f64,
    /// Bytes resident now.
    pub(crate) resident_bytes: u64,
    /// The most bytes that were resident at once.
    pub(crate) resident_bytes_max: u64,
}

/// Linux counts process times for user space in this unit on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the usage of a process; `None` if it is gone or not ours to see.
pub(crate) fn of(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let ticks = f64::from(fields.next()?.ok()?) + f64::from(fields.next()?.ok()?);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Usage {
        cpu_seconds: ticks / TICKS_PER_SECOND,
        resident_bytes: kib("VmRSS:")? * 1024,
        resident_bytes_max: kib("VmHWM:")? * 1024,
    })
}

/// The process that listens where `address` leads to, if that is this machine and we may see it.
pub(crate) fn listener(address: &str) -> Option<u32> {
    let resolved = address.to_socket_addrs().ok()?.find(|resolved| resolved.ip().is_loopback())?;
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| listening_inode(table, resolved.port()))?;
    let socket = format!("socket:[{inode}]");
    let numbered = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let mut pids = numbered.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| holds(&format!("/proc/{pid}/fd"), &socket))
}

/// The inode of the socket that listens on `port`. Lines are `sl local:port remote:port state … inode`; 0A listens.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    let text = fs::read_to_string(table).ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let listens = state == "0A" && local.ends_with(&format!(":{port:04X}"));
        if listens { fields.nth(5)?.parse().ok() } else { None }
    })
}

fn holds(directory: &str, socket: &str) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return false };
    entries.filter_map(Result::ok).any(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == Path::new(socket)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_by_its_port() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        assert_eq!(listener(&address), Some(std::process::id()));
        assert!(of(std::process::id()).unwrap().resident_bytes > 100_000);
    }
}
