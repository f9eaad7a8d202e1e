//! Backups that are asked for.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use storage::BackupOptions;
use tokio::sync::watch;
use tracing::{info, warn};

use super::protocol::{Answer, MadeBackup};
use super::server::ControlParts;
use crate::throttle::Throttle;

/// How long a pause is before it is looked whether the broker stops.
const PAUSE_MAX_MS: u64 = 100;

/// Makes a backup. Blocks for as long as it takes, or until the broker stops.
pub(super) fn make(parts: &ControlParts, destination: &Path, stopping: &watch::Receiver<bool>) -> Answer {
    let clock = parts.clock;
    let mut throttle = Throttle::new(clock.tick());
    let mut pace = |bytes| {
        let mut pause_ms = match parts.backup_bytes_per_second_max {
            unbounded if unbounded >= f64::MAX => 0,
            per_second => throttle.note(bytes, per_second, clock.tick()),
        };
        while pause_ms > 0 && !*stopping.borrow() {
            let now = pause_ms.min(PAUSE_MAX_MS);
            std::thread::sleep(Duration::from_millis(now));
            pause_ms -= now;
        }
        if *stopping.borrow() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if !destination.is_absolute() {
        return Answer::Refused("the destination is not an absolute path".to_owned());
    }
    let mut options = BackupOptions { elapsed: &|| clock.elapsed(), pace: &mut pace };
    match parts.log_manager.back_up(destination, &mut options) {
        Ok(made) => {
            let made = MadeBackup::from(made);
            info!(destination = %destination.display(), ?made, "a backup was made");
            Answer::BackedUp(made)
        }
        Err(error) => {
            warn!(destination = %destination.display(), %error, "a backup was not made");
            Answer::Refused(error.to_string())
        }
    }
}
