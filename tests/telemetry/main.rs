//! The metrics as a scraper sees them: each row after work that changes it, and what real clients push (KIP-714).
#![cfg(test)]

mod endpoint;
mod open;
mod pushed;
mod rows;
mod scrape;
mod wire;

use tempfile::TempDir;
use test_support::{Tidelog, free_port};

use scrape::Scraper;

/// A broker that shows its metrics.
struct Shown {
    broker: Tidelog,
    scraper: Scraper,
    dir: TempDir,
}

impl Shown {
    fn start(settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let listener = format!("metrics.listener=http://127.0.0.1:{port}");
        let settings: Vec<&str> = settings.iter().copied().chain([listener.as_str()]).collect();
        let broker = Tidelog::start(env!("CARGO_BIN_EXE_tidelog"), dir.path().join("data"), &settings);
        Self { broker, scraper: Scraper::new(port), dir }
    }

    fn address(&self) -> String {
        self.broker.address().to_string()
    }
}
