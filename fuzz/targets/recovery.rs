//! A data directory that somebody damaged: it opens or says why not; what opens can be read, looked up, cleaned, appended to and
//! stopped, and opens again as it was, or says where it is damaged. Nothing of it panics, hangs, or takes memory by a number from a file.
#![no_main]

use std::ops::ControlFlow;

use arbitrary::Arbitrary;
use fuzz::log::{self, Files};
use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use storage::{CleanOptions, PartitionLog, ReadSpec};

#[derive(Arbitrary, Debug)]
struct Damage {
    is_stopped: bool,
    edits: Vec<Edit>,
}

/// A change of one file.
#[derive(Arbitrary, Debug)]
struct Edit {
    file: u8,
    at: u16,
    change: Change,
    /// Makes the checksums of the batches of a segment right again.
    has_right_checksums: bool,
}

#[derive(Arbitrary, Debug)]
enum Change {
    Put(Vec<u8>),
    Insert(Vec<u8>),
    Flip(u8),
    Cut,
    Zeros(u8),
    Remove,
    /// The rest becomes that of another file.
    Graft(u8),
}

/// What opening and using a directory of some kilobytes may take: buffers, and the map of keys.
const BYTES_MAX: usize = 8 << 20;

fuzz_target!(|damage: Damage| {
    let mut files = log::written(damage.is_stopped).clone();
    for edit in damage.edits.iter().take(8) {
        apply(edit, &mut files);
    }
    let disk = log::disk_of(&files);
    fuzz::within(BYTES_MAX, || {
        let Ok((manager, opened)) = log::open(&disk) else { return };
        use_it(&opened);
        let before = (opened.log_start_offset(), opened.log_end_offset());
        let is_online = !opened.is_offline();
        let is_closed = manager.close().is_ok();
        drop((manager, opened));
        if is_online && is_closed {
            match log::open(&disk) {
                Ok((_manager, again)) => assert_eq!(before, (again.log_start_offset(), again.log_end_offset())),
                // What a start need not read may be found by a later one; it is named then.
                Err(error) => assert!(error.contains("damaged"), "it opened before: {error}"),
            }
        }
    });
});

fn apply(edit: &Edit, files: &mut Files) {
    let grafted = match &edit.change {
        Change::Graft(other) => files.values().nth(usize::from(*other) % files.len().max(1)).cloned(),
        _ => None,
    };
    let Some(path) = files.keys().nth(usize::from(edit.file) % files.len().max(1)).cloned() else { return };
    if let Change::Remove = edit.change {
        files.remove(&path);
        return;
    }
    let Some(bytes) = files.get_mut(&path) else { return };
    let at = usize::from(edit.at) % (bytes.len() + 1);
    match &edit.change {
        Change::Put(new) => {
            bytes.truncate(bytes.len().max(at));
            for (place, byte) in (at..).zip(new) {
                if place < bytes.len() { bytes[place] = *byte } else { bytes.push(*byte) }
            }
        }
        Change::Insert(new) => drop(bytes.splice(at..at, new.iter().copied())),
        Change::Flip(bits) => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
        Change::Cut => bytes.truncate(at),
        Change::Zeros(count) => bytes.extend(std::iter::repeat_n(0, usize::from(*count) * 16)),
        Change::Graft(_) => {
            bytes.truncate(at);
            bytes.extend(grafted.unwrap_or_default());
        }
        Change::Remove => {}
    }
    if edit.has_right_checksums && path.extension().is_some_and(|extension| extension == "log") {
        set_checksums(bytes);
    }
}

fn set_checksums(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        let end = at + 12 + usize::try_from(length).unwrap_or(usize::MAX / 4);
        let Some(batch) = bytes.get_mut(at..end).filter(|batch| batch.len() > 21) else { return };
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        at = end;
    }
}

fn use_it(opened: &PartitionLog) {
    let (from, upto) = (opened.log_start_offset(), opened.log_end_offset());
    let spec = ReadSpec { from, upto, max_bytes: 1 << 16, at_least_one_batch: true };
    if let Ok(slice) = opened.read(spec) {
        let _bytes = slice.read_to_vec().is_ok();
    }
    let _found = opened.offset_for_timestamp(log::NOW, upto).is_ok();
    let _found = opened.max_timestamp(upto).is_ok();
    let _found = opened.aborted_transactions(from, upto).is_ok();
    let _appended = log::append(opened, &log::batch(0..2, None)).is_ok();
    let _appended = log::append(opened, &log::batch(0..2, Some((3, 9, false)))).is_ok();
    let _synced = opened.sync().is_ok();
    let later = Timestamp::new(log::NOW.get() + 700_000_000);
    let _rolled = opened.roll_if_due(Timestamp::new(i64::MAX)).is_ok();
    if let Ok(Some(cleanable)) = opened.cleanable(opened.synced_offset(), later) {
        let options = CleanOptions { map_bytes_max: 1 << 16, map_load_factor: 0.9, buffer_size: 4096 };
        let _cleaned = opened.clean(&cleanable, options, later, &mut |_| ControlFlow::Continue(())).is_ok();
    }
    let _start = opened.retained_start(later, opened.synced_offset()).is_ok();
}
