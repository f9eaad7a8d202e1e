//! Everything that the command line prints goes through here: results to standard output, words and progress to
//! standard error.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};
use std::time::{Duration, Instant};

use super::error::CliError;
use super::time;

/// Prints an error and what caused it, one line, on standard error. Says nothing where nothing went wrong.
pub(crate) fn problem(error: &CliError) {
    if matches!(error, CliError::OutputClosed) {
        return;
    }
    let mut line = format!("tidelog: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        // An error whose text already contains its source's would say everything twice.
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    // A name from outside, such as a group's, may contain what a terminal would obey.
    note(&visible(&line));
}

/// Prints a line for people on standard error.
pub(crate) fn note(line: &str) {
    // Nobody is left to tell when standard error is closed.
    drop(writeln!(io::stderr(), "{line}"));
}

/// Standard output, buffered and locked: for results that are many.
pub(crate) fn results() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Prints one line of a result.
///
/// # Errors
/// [`CliError::OutputClosed`] when nobody reads.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(CliError::printing)
}

/// Prints a result as one JSON document.
///
/// # Errors
/// As [`line()`].
pub(crate) fn json(value: &serde_json::Value) -> Result<(), CliError> {
    line(&format!("{value:#}"))
}

/// Prints rows below a line of titles, in columns as wide as they must be. Control characters, which an id may contain and a
/// terminal would obey, are shown as their escapes.
///
/// # Errors
/// As [`line()`].
pub(crate) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> Result<(), CliError> {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| visible(cell))).collect();
    let titles = titles.map(str::to_owned);
    let mut widths = titles.each_ref().map(|title| title.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = results();
    for row in std::iter::once(&titles).chain(&rows) {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end()).map_err(CliError::printing)?;
    }
    out.flush().map_err(CliError::printing)
}

/// A text from outside as a terminal may have it.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A line on standard error that says how far long work is. Shown only to a terminal, a few times a second.
#[derive(Debug)]
pub(crate) struct Progress {
    visible: bool,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    const EVERY: Duration = Duration::from_millis(250);

    /// Work that starts now.
    pub(crate) fn start() -> Self {
        Self { visible: io::stderr().is_terminal(), begun: time::now(), shown: None }
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        time::now().duration_since(self.begun).as_secs_f64()
    }

    /// Shows a new state, if it is time to; `text` is only called then.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.visible {
            return;
        }
        let now = time::now();
        if self.shown.is_some_and(|shown| now.duration_since(shown) < Self::EVERY) {
            return;
        }
        self.shown = Some(now);
        // "\x1b[K" clears what a longer line left behind.
        drop(write!(io::stderr(), "\r{}\x1b[K", text()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

/// Bytes for people: `1.5 GB`. Powers of ten, as the benchmark's figures.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (size, unit) in UNITS {
        if count >= size {
            let tenths = count / (size / 10);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{count} B")
}
