//! A scraper: one GET, and the series of the answer.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// One series: its name and its labels, as `name` or `name{label="value"}`.
pub(crate) type Samples = BTreeMap<String, f64>;

pub(crate) struct Scraper {
    port: u16,
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Scraper {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends a request as it is, and reads to the end of the connection.
    #[track_caller]
    pub(crate) fn request(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {request}: {answer}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    #[track_caller]
    pub(crate) fn text(&self) -> String {
        let answer = self.request("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(answer.status, 200, "{}", answer.head);
        answer.body
    }

    /// All series. Fails for a line that is none, for a series that is there twice, and for one outside its family's lines.
    #[track_caller]
    pub(crate) fn samples(&self) -> Samples {
        let text = self.text();
        let (mut samples, mut families, mut family) = (Samples::new(), Vec::new(), String::new());
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.split(' ');
                if words.next() == Some("TYPE") {
                    family = words.next().unwrap().to_owned();
                    assert!(!families.contains(&family), "{family} comes twice");
                    families.push(family.clone());
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no series: {line}"));
            assert!(series.starts_with(&family), "{series} stands among {family}");
            let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
        }
        samples
    }

    /// Scrapes until a series is as it should be.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&Samples) -> bool) {
        test_support::wait_until(what, Duration::from_mins(1), || holds(&self.samples()));
    }
}
