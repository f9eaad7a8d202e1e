//! The HTTP listener itself.

use std::io::{Read as _, Write as _};

use crate::Shown;

#[test]
fn one_path_two_methods_and_two_formats() {
    let mut shown = Shown::start(&[]);
    let ask = |method: &str, path: &str, more: &str| {
        shown.scraper.request(&format!("{method} {path} HTTP/1.1\r\nHost: test\r\n{more}\r\n"))
    };
    let plain = ask("GET", "/metrics", "");
    assert_eq!(plain.status, 200);
    assert!(plain.head.contains("text/plain; version=0.0.4"), "{}", plain.head);
    assert!(!plain.body.contains("# EOF"));
    let open = ask("GET", "/metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert!(open.head.contains("application/openmetrics-text"), "{}", open.head);
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);
    let head = ask("HEAD", "/metrics", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(ask("GET", "/", "").status, 404);
    assert_eq!(ask("GET", "/metrics/x", "").status, 404);
    assert_eq!(ask("POST", "/metrics", "").status, 405);
    // Its end comes while it is still being written, so the refusal may be lost on the way.
    let mut endless = shown.scraper.connect();
    drop(endless.write_all(format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)).as_bytes()));
    let mut answer = Vec::new();
    drop(endless.read_to_end(&mut answer));
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    assert!(shown.broker.stop().success());
}

#[test]
fn a_scraper_beyond_the_limit_is_closed_at_once_and_the_others_are_served() {
    let shown = Shown::start(&["metrics.connections.max=2"]);
    let mut slow: Vec<_> = (0..2).map(|_| shown.scraper.connect()).collect();
    // Their places are taken when the next one is closed without an answer.
    test_support::wait_until("a refused scraper", std::time::Duration::from_secs(20), || {
        let mut third = shown.scraper.connect();
        drop(third.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n"));
        matches!(third.read(&mut [0; 1]), Ok(0) | Err(_))
    });
    let mut answer = String::new();
    slow[0].write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    slow[0].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn series_beyond_the_limit_are_left_out_and_counted() {
    let shown = Shown::start(&["metrics.series.max=0"]);
    let mut wire = crate::wire::Wire::connect(&shown.address());
    crate::rows::create_topic(&mut wire, "t", 2);
    let samples = shown.scraper.samples();
    assert!(samples.keys().all(|series| !series.contains("topic=")), "{samples:?}");
    // Seven of the topic, five of each partition, and two of each state of transactions.
    assert_eq!(format!("{}", samples["tidelog_metrics_omitted_series"]), "23");
}
