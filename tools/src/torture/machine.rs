//! How the machine is doing: a write and a sync of our own, again and again, beside the broker's data but not on its disk. What
//! takes long there takes long for everybody, and is nobody's fault; `healthy` leaves such times out.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::TortureError;
use super::nemesis::monotonic;
use crate::bench::now;

const EVERY: Duration = Duration::from_millis(250);
/// What takes longer is noted.
const SLOW: Duration = Duration::from_millis(500);

/// The thread that looks; it ends with this.
#[derive(Debug)]
pub(super) struct Machine {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Machine {
    /// Begins to write to a file in `dir`, and to note in `history` what took long.
    pub(super) fn watch(dir: &Path, history: &Path) -> Result<Self, TortureError> {
        let probe = dir.join("probe");
        let file = File::create(&probe).map_err(|source| TortureError::io(&probe, source))?;
        let mut history = File::create(history).map_err(|source| TortureError::io(history, source))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_over);
        let watch = move || {
            while !stop.load(Ordering::Relaxed) {
                let (t, begun) = (monotonic().unwrap_or(0), now());
                // An error is the disk's, which its other users meet as well.
                drop(file.write_all_at(&[1; 4096], 0).and_then(|()| file.sync_data()));
                let took = now().duration_since(begun);
                if took > SLOW {
                    let n = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    drop(history.write_all(format!("{}\n", json!({ "e": "slow", "t": t, "n": n })).as_bytes()));
                }
                std::thread::sleep(EVERY);
            }
        };
        let thread = std::thread::Builder::new().name("machine".to_owned()).spawn(watch);
        let thread = thread.map_err(|source| TortureError::Io { what: "a thread".to_owned(), source })?;
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("the machine was not watched to the end");
        }
    }
}
