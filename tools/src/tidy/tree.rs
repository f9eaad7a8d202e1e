//! The repository's text files, in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::TidyError;
use super::code::Code;

/// Every file that is in the repository, or would be if it were added now.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The texts; `None` for a file that is no text.
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads the files that git knows, or does not ignore, below `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, TidyError> {
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(root)
            .output()
            .map_err(|error| TidyError::Unreadable(format!("git ls-files: {error}")))?;
        if !listed.status.success() {
            let said = String::from_utf8_lossy(&listed.stderr);
            return Err(TidyError::Unreadable(format!("git ls-files: {}", said.trim())));
        }
        let names = String::from_utf8_lossy(&listed.stdout).into_owned();
        let there = names.split('\0').filter(|name| !name.is_empty() && root.join(name).is_file());
        let files = there.map(|name| (name.to_owned(), std::fs::read_to_string(root.join(name)).ok()));
        Ok(Self { files: files.collect() })
    }

    /// Files from literals, for tests of checks.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))).collect() }
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether a path is a file, or a folder with files in it.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || self.files.contains_key(path) || self.files.keys().any(|name| name.starts_with(&folder))
    }

    /// The paths and texts of the files whose names end with `end`.
    pub(super) fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)));
        texts.filter(move |(path, _)| path.ends_with(end))
    }

    /// The Rust files that are not tests, without the tests inside them.
    pub(super) fn production(&self) -> impl Iterator<Item = (&str, Code)> {
        self.ending(".rs")
            .filter(|(path, _)| !is_test(path))
            .map(|(path, text)| (path, Code::new(text).without_tests()))
    }
}

/// Whether a whole file is tests: `tests.rs` beside its module, or anything below a folder `tests` or `benches`.
pub(super) fn is_test(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
}
