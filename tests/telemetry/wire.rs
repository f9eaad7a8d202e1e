//! One connection that says what no well-behaved client would, by somebody else's encoder (kafka-protocol).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

pub(crate) struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { stream }
    }

    pub(crate) fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).unwrap();
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
        self.stream.read_exact(&mut frame).unwrap();
        let mut frame = Bytes::from(frame);
        ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
        let answer = R::Response::decode(&mut frame, version).unwrap();
        assert!(!frame.has_remaining());
        answer
    }

    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(StrBytes::from_static_str("wire")));
        let mut body = BytesMut::new();
        header.encode(&mut body, R::header_version(version)).unwrap();
        request.encode(&mut body, version).unwrap();
        self.send_frame(&body);
    }

    pub(crate) fn send_frame(&mut self, frame: &[u8]) {
        let size = i32::try_from(frame.len()).unwrap();
        self.stream.write_all(&[&size.to_be_bytes(), frame].concat()).unwrap();
    }

    /// Waits until the broker has closed the connection.
    pub(crate) fn expect_close(&mut self) {
        let read = self.stream.read(&mut [0; 1]);
        assert!(matches!(read, Ok(0) | Err(_)), "an answer came");
    }
}
