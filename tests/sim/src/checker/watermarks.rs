//! The offsets that describe a log never fall, also over restarts, and stand in their order.

use super::Logs;
use crate::history::{History, Watermarks};

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, told) in &history.watermarks {
        let mut told = told.clone();
        told.sort_by_key(|marks| marks.order);
        for marks in &told {
            if !(marks.start <= marks.stable && marks.stable <= marks.high) {
                wrong.push(format!("{name}: {marks:?} do not stand in their order"));
            }
        }
        for (before, after) in told.iter().zip(told.iter().skip(1)) {
            if has_fallen(before, after) {
                wrong.push(format!("{name}: {before:?} was followed by {after:?}"));
            }
        }
        if let (Some(last), Some(log)) = (told.last(), logs.get(name))
            && (last.high != log.end || last.stable != log.end)
        {
            wrong.push(format!("{name}: at rest the log ends at {}, and readers were told {last:?}", log.end));
        }
    }
    wrong
}

const fn has_fallen(before: &Watermarks, after: &Watermarks) -> bool {
    after.start < before.start || after.stable < before.stable || after.high < before.high
}
