//! The bytes: checksums, and offsets without a gap; where records are compacted away, rising ones.

use super::Logs;
use crate::history::History;

pub(super) fn check(_history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, log) in logs {
        let mut next = None;
        for batch in &log.batches {
            let base = batch.base_offset;
            if !batch.crc_is_right {
                wrong.push(format!("{name}: the checksum of the batch at {base} is wrong"));
            }
            let fits = next.is_none_or(|next| if log.is_compacted { base >= next } else { base == next });
            if !fits || batch.last_offset < base {
                wrong.push(format!("{name}: a batch from {base} to {} where {next:?} is due", batch.last_offset));
            }
            next = Some(batch.last_offset + 1);
        }
        let ends_right = next.is_none_or(|next| if log.is_compacted { next <= log.end } else { next == log.end });
        if !ends_right || (next.is_none() && log.start < log.end && !log.is_compacted) {
            wrong.push(format!("{name}: the batches end at {next:?}, the log from {} at {}", log.start, log.end));
        }
    }
    wrong
}
