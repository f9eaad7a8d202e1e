//! Bytes that a scan found, written once more.
//!
//! When a sync fails, Linux takes the pages for written and goes on to show what is in them. A process that is started again,
//! without the machine, reads them as if they were on the disk, and another sync says so too; the next power cut takes them away.
//! So before a log is opened that was not left cleanly, its tail is written where it lies: its pages differ from the disk again, for
//! all that the kernel knows, and the sync that follows tells the truth.

use std::io;

use super::window::Window;
use crate::disk::{DiskFile, is_refusal};

/// Writes the bytes of `file` from `from` up to `upto` again. Where there is no room for that, on file systems that never write in
/// place, they stay as they are: a full disk must not keep a log from being opened.
pub(super) fn write_again(file: &dyn DiskFile, from: u32, upto: u32) -> io::Result<()> {
    let mut window = Window::new(file, upto);
    let mut position = from;
    while position < upto {
        let bytes = window.at(position, upto - position)?;
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        match file.write_all_at(bytes, &[], u64::from(position)) {
            Err(error) if is_refusal(&error) => {
                tracing::warn!("no room to write again what a crash left behind: {error}");
                return Ok(());
            }
            written => written?,
        }
        position = position.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }
    Ok(())
}
