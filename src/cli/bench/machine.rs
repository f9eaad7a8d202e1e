//! What the machine itself can do, measured in the same minute as a broker: no broker is faster than these.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::control::histogram;
use super::report::float;
use crate::cli::error::CliError;
use crate::cli::{OutputFormat, output, time};

/// `tidelog bench machine`.
#[derive(Clone, Debug, Args)]
pub(super) struct MachineArgs {
    /// Where to write: the disk of the log
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Seconds for each of the measurements
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = super::seconds)]
    each: f64,
}

/// Large enough to fall out of every cache, as a broker's traffic does.
const BLOCK: usize = 64 << 20;
const APPEND: usize = 64 << 10;
/// What a file grows to before the next begins, so that the page cache is the same for short and long runs.
const FILE_BYTES: u64 = 256 << 20;

/// Measures and prints.
pub(super) fn run(args: &MachineArgs, format: OutputFormat) -> Result<(), CliError> {
    let span = Duration::from_secs_f64(args.each);
    let io = |source| CliError::Io { what: args.dir.display().to_string(), source };
    let growing = sync_latency(&args.dir, span, true).map_err(io)?;
    let overwriting = sync_latency(&args.dir, span, false).map_err(io)?;
    let round_trip = ping_pong(span).map_err(io)?;
    let us = |histogram: &Histogram<u64>, percent| float(histogram.value_at_percentile(percent)) / 1e3;
    let result = json!({
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get),
        "memcpy_gb_per_second": memcpy(span),
        "crc32c_gb_per_second": checksum(span),
        "page_cache_append_gb_per_second": append(&args.dir, span).map_err(io)?,
        "fdatasync_4k_growing_us": { "p50": us(&growing, 50.0), "p99": us(&growing, 99.0) },
        "fdatasync_4k_overwriting_us": { "p50": us(&overwriting, 50.0), "p99": us(&overwriting, 99.0) },
        "loopback_gb_per_second": loopback(span).map_err(io)?,
        "loopback_round_trip_us": { "p50": us(&round_trip, 50.0), "p99": us(&round_trip, 99.0) },
    });
    match format {
        OutputFormat::Json => output::json(&result),
        OutputFormat::Text => {
            let Value::Object(rows) = result else { return Ok(()) };
            rows.iter().try_for_each(|(name, value)| output::line(&format!("{name}: {value}")))
        }
    }
}

/// Runs `step`, which says how many bytes it moved, until `span` is over: GB per second.
fn pace(span: Duration, mut step: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<f64> {
    let begun = time::now();
    let mut bytes = 0;
    loop {
        bytes += model::num::u64_from_usize(step()?);
        let elapsed = time::now().duration_since(begun);
        if elapsed >= span {
            return Ok(float(bytes) / 1e9 / elapsed.as_secs_f64());
        }
    }
}

fn memcpy(span: Duration) -> f64 {
    let (from, mut to) = (vec![1_u8; BLOCK], vec![2_u8; BLOCK]);
    let copied = pace(span, || {
        to.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&mut to);
        Ok(BLOCK)
    });
    copied.unwrap_or(0.0)
}

/// Over 1 MiB, which is in a cache as a received batch is.
fn checksum(span: Duration) -> f64 {
    let block = vec![7_u8; 1 << 20];
    let summed = pace(span, || {
        std::hint::black_box(crc32c::crc32c(std::hint::black_box(&block)));
        Ok(block.len())
    });
    summed.unwrap_or(0.0)
}

/// A file that is gone from the directory at once and from the disk when it is closed.
fn scratch(directory: &Path) -> std::io::Result<File> {
    let path = directory.join(format!(".tidelog-bench-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn append(directory: &Path, span: Duration) -> std::io::Result<f64> {
    let block = vec![3_u8; APPEND];
    let (mut file, mut size) = (scratch(directory)?, 0);
    pace(span, || {
        if size >= FILE_BYTES {
            (file, size) = (scratch(directory)?, 0);
        }
        file.write_all(&block)?;
        size += model::num::u64_from_usize(block.len());
        Ok(block.len())
    })
}

/// 4 KiB and a sync, again and again: into a file that grows, or over bytes that are there.
fn sync_latency(directory: &Path, span: Duration, growing: bool) -> std::io::Result<Histogram<u64>> {
    let block = vec![5_u8; 4 << 10];
    let file = scratch(directory)?;
    let places = 1024;
    if !growing {
        for place in 0..places {
            file.write_all_at(&block, place * 4096)?;
        }
        file.sync_all()?;
    }
    let mut place = 0;
    latencies(span, || {
        file.write_all_at(&block, place * 4096)?;
        place = if growing { place + 1 } else { (place + 1) % places };
        file.sync_data()
    })
}

fn latencies(span: Duration, mut step: impl FnMut() -> std::io::Result<()>) -> std::io::Result<Histogram<u64>> {
    let mut histogram = histogram().map_err(std::io::Error::other)?;
    let begun = time::now();
    let mut before = begun;
    while before.duration_since(begun) < span {
        step()?;
        let after: Instant = time::now();
        histogram.saturating_record(u64::try_from(after.duration_since(before).as_nanos()).unwrap_or(u64::MAX));
        before = after;
    }
    Ok(histogram)
}

fn pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    let (other, _) = listener.accept()?;
    one.set_nodelay(true)?;
    other.set_nodelay(true)?;
    Ok((one, other))
}

fn loopback(span: Duration) -> std::io::Result<f64> {
    let (mut sender, mut receiver) = pair()?;
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while receiver.read(&mut buffer)? > 0 {}
            Ok(())
        });
        let block = vec![9_u8; APPEND];
        let moved = pace(span, || sender.write(&block));
        drop(sender);
        reader.join().unwrap_or_else(|_| Err(std::io::Error::other("the reader panicked")))?;
        moved
    })
}

fn ping_pong(span: Duration) -> std::io::Result<Histogram<u64>> {
    let (mut here, mut there) = pair()?;
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || -> std::io::Result<()> {
            let mut message = [0; 64];
            while there.read(&mut message)? > 0 {
                there.write_all(&message)?;
            }
            Ok(())
        });
        let mut message = [1; 64];
        let measured = latencies(span, || {
            here.write_all(&message)?;
            here.read_exact(&mut message)
        });
        drop(here);
        echo.join().unwrap_or_else(|_| Err(std::io::Error::other("the echo panicked")))?;
        measured
    })
}
