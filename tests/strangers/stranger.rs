//! A broker to be hostile to, a connection that speaks bytes, and what the broker costs meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use model::wire::{Encode, Encoder};
use protocol::frame::RequestHeader;
use protocol::{ApiKey, Request};
use tempfile::TempDir;
use test_support::Tidelog;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker of ours, alone in its folder.
pub(crate) struct Victim {
    pub(crate) broker: Tidelog,
    _folder: TempDir,
}

impl Victim {
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let broker = Tidelog::start(env!("CARGO_BIN_EXE_tidelog"), folder.path().join("data"), settings);
        Self { broker, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.broker.address()
    }

    /// Resident memory, bytes: now, and the most that it ever was.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.broker.pid().unwrap())).unwrap();
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        (kib("VmRSS:") << 10, kib("VmHWM:") << 10)
    }

    /// Forgets the most that the resident memory was until now.
    pub(crate) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.broker.pid().unwrap()), "5").unwrap();
    }

    /// Fails if the broker does not stop as it should, or said that it panicked.
    pub(crate) fn finish(mut self) {
        let status = self.broker.stop();
        let log = self.broker.log();
        assert!(status.success() && !log.contains("panicked"), "{status}:\n{}", tail(&log));
    }
}

fn tail(log: &str) -> &str {
    let start = log.len().saturating_sub(4000);
    log.get(start..).unwrap_or(log)
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Sends a request and waits for its answer: the body's bytes.
    pub(crate) fn ask<'a, R: Request<'a>>(&mut self, version: i16, request: &R) -> Vec<u8> {
        self.stream.write_all(&frame_of(R::API_KEY, version, request)).unwrap();
        let answer = self.answer();
        let is_flexible = R::API_KEY.response_header_version(version) >= 1;
        answer[4 + usize::from(is_flexible)..].to_vec()
    }

    /// The next answer, without its size.
    pub(crate) fn answer(&mut self) -> Vec<u8> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).unwrap();
        let mut answer = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
        self.stream.read_exact(&mut answer).unwrap();
        answer
    }
}

/// A request with its header and its size.
pub(crate) fn frame_of(api_key: ApiKey, version: i16, request: &impl Encode) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let header = RequestHeader { api_key, api_version: version, correlation_id: 7, client_id: Some("stranger") };
    header.encode(&mut encoder).unwrap();
    request.encode(&mut encoder, version).unwrap();
    framed(&encoder.into_parts().0)
}

/// Bytes with their size in front.
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    [&i32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}
