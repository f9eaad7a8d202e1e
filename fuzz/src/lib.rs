//! What the fuzz targets share: how much memory an input may cost, and a log to damage.
//!
//! Each target is one reader of bytes from outside. libFuzzer finds inputs that reach new code; a panic, a hang (`-timeout`)
//! or more memory than [`frugal`] allows is a finding.
#![forbid(unsafe_code)]

pub mod log;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What an input may cost whatever its size.
const FREE_BYTES: usize = 1 << 20;

/// Runs `act`, and fails if at its peak it held more than ten times the input and a mebibyte.
///
/// # Panics
/// If it did.
pub fn frugal<T>(input_size: usize, act: impl FnOnce() -> T) -> T {
    within(input_size.saturating_mul(10).saturating_add(FREE_BYTES), act)
}

/// Runs `act`, and fails if at its peak it held more than `bytes_max`.
///
/// # Panics
/// If it did.
pub fn within<T>(bytes_max: usize, act: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = act();
    let cost = MEMORY.peak_usage().saturating_sub(before);
    assert!(cost <= bytes_max, "{cost} bytes of memory where {bytes_max} are allowed");
    result
}
