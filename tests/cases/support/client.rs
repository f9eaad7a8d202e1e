//! One TCP connection to a broker: requests as JSON or as raw bytes, answers decoded, and the end of the connection seen.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::message;
use super::schema::{Api, api};

/// Longer than any broker here may take for an answer: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation_id: 100 }
    }

    /// Sends a request and waits for its answer.
    #[track_caller]
    pub(crate) fn call(&mut self, name: &str, version: i16, body: &Value) -> Value {
        let correlation_id = self.send(name, version, body);
        self.answer(name, version, correlation_id)
    }

    /// Sends a request and does not wait; returns its correlation id.
    #[track_caller]
    pub(crate) fn send(&mut self, name: &str, version: i16, body: &Value) -> i32 {
        let body = message::encode(&api(name).request, version, body);
        self.send_body(name, version, &body)
    }

    /// Sends a request whose body is these bytes, under an ordinary header.
    pub(crate) fn send_body(&mut self, name: &str, version: i16, body: &[u8]) -> i32 {
        self.correlation_id += 1;
        let mut request = request_header(api(name), version, self.correlation_id);
        request.extend_from_slice(body);
        self.send_frame(&request);
        self.correlation_id
    }

    /// Sends bytes with their size in front.
    pub(crate) fn send_frame(&mut self, request: &[u8]) {
        let mut frame = (request.len() as i32).to_be_bytes().to_vec();
        frame.extend_from_slice(request);
        self.send_raw(&frame);
    }

    /// Sends bytes as they are. A broker that closed the connection before it took them all is found out by who reads.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// The answer to the request with this correlation id, which must be the next to come.
    #[track_caller]
    pub(crate) fn answer(&mut self, name: &str, version: i16, correlation_id: i32) -> Value {
        self.answer_or_close(name, version, correlation_id)
            .unwrap_or_else(|| panic!("{name} v{version}: the connection was closed"))
    }

    /// As [`Self::answer`], or `None` if the connection was closed instead.
    #[track_caller]
    pub(crate) fn answer_or_close(&mut self, name: &str, version: i16, correlation_id: i32) -> Option<Value> {
        let frame = self.frame()?;
        let (header, rest) = frame.split_at(4);
        assert_eq!(i32::from_be_bytes(header.try_into().unwrap()), correlation_id, "{name} v{version}: correlation id");
        let rest = response_body(name, version, rest);
        let answer = message::decode(&api(name).response, version, rest);
        Some(answer.unwrap_or_else(|error| panic!("{name} v{version}: {error} in {}", message::hex(rest))))
    }

    /// The next frame without its size; `None` when the connection was closed instead.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Option<Vec<u8>> {
        let mut size = [0; 4];
        self.fill(&mut size)?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
        self.fill(&mut frame)?;
        Some(frame)
    }

    #[track_caller]
    fn fill(&mut self, buffer: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(buffer) {
            Ok(()) => Some(()),
            Err(error) => {
                let ended = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
                assert!(ended.contains(&error.kind()), "no answer and no end: {error}");
                None
            }
        }
    }

    /// Fails unless the broker closes the connection without another byte.
    #[track_caller]
    pub(crate) fn expect_close(&mut self) {
        if let Some(frame) = self.frame() {
            panic!("the connection was to be closed, but an answer came: {}", message::hex(&frame));
        }
    }

    /// Fails if anything arrives, or the connection ends, within this time.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let read = self.stream.read(&mut [0; 1]);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match read {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            other => panic!("there was to be silence, not {other:?}"),
        }
    }
}

/// Header version 1 or, where the request is flexible, 2: it ends with tagged fields, here none.
pub(crate) fn request_header(api: &Api, version: i16, correlation_id: i32) -> Vec<u8> {
    let mut header = api.code.to_be_bytes().to_vec();
    header.extend(version.to_be_bytes());
    header.extend(correlation_id.to_be_bytes());
    let client_id = b"cases";
    header.extend((client_id.len() as i16).to_be_bytes());
    header.extend(client_id);
    if api.request.flexible.holds(version) {
        header.push(0);
    }
    header
}

/// What stands after the correlation id and the header's tagged fields, which a flexible response has unless it is one to
/// ApiVersions.
fn response_body<'b>(name: &str, version: i16, bytes: &'b [u8]) -> &'b [u8] {
    if name != "ApiVersions" && api(name).response.flexible.holds(version) {
        assert_eq!(bytes[0], 0, "{name} v{version}: tagged fields in the header");
        return &bytes[1..];
    }
    bytes
}
