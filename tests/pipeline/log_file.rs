//! A log file as large as a test wants it, of lines that a real system wrote.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

/// A file of the machine's own log lines, repeated, each behind its number in the file.
pub(crate) struct LogFile {
    pub dir: tempfile::TempDir,
    pub path: PathBuf,
    pub lines: u64,
}

/// What a Debian machine has, from the most to the least like a log.
const SOURCES: &[&str] = &[
    "/var/log/dpkg.log",
    "/var/log/alternatives.log",
    "/var/log/apt/history.log",
    "/var/log/apt/term.log",
    "/var/log/bootstrap.log",
    "/var/log/syslog",
    "/var/lib/dpkg/status",
];

/// rsyslog takes messages of 8 KiB by default.
const LINE_BYTES_MAX: usize = 4096;

impl LogFile {
    #[track_caller]
    pub(crate) fn generate(bytes: u64) -> Self {
        let texts: Vec<Vec<u8>> = SOURCES.iter().filter_map(|path| std::fs::read(path).ok()).collect();
        let lines = texts.iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
        let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty() && line.len() < LINE_BYTES_MAX).collect();
        assert!(lines.len() > 100, "no log lines in any of {SOURCES:?}");

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.log");
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
        let mut written = 0;
        let mut number = 0;
        for line in lines.iter().cycle() {
            if written >= bytes {
                break;
            }
            write!(file, "{number:09} ").unwrap();
            file.write_all(line).unwrap();
            file.write_all(b"\n").unwrap();
            written += 11 + u64::try_from(line.len()).unwrap();
            number += 1;
        }
        file.flush().unwrap();
        Self { dir, path, lines: number }
    }
}
