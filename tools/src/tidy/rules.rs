//! tidy.toml: who may import whom, and the exceptions to the checks, each with its reason.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// Our crates, by name.
    #[serde(default)]
    pub(super) crates: BTreeMap<String, CrateRule>,
    /// The modules of the broker (src/), by path with dots; the longest that fits holds.
    #[serde(default)]
    pub(super) modules: BTreeMap<String, ModuleRule>,
    /// Modules of the broker that all others may use.
    #[serde(default)]
    pub(super) leaves: Vec<String>,
    /// Files that are longer than the limit.
    #[serde(default)]
    pub(super) long_files: BTreeMap<String, LongFile>,
    /// The kinds of files that are written, by name.
    #[serde(default)]
    pub(super) formats: BTreeMap<String, Format>,
    /// Macros beyond the three of the house, with the reason for each.
    #[serde(default)]
    pub(super) macros: BTreeMap<String, String>,
    /// Config keys that nothing reads yet, with the reason for each.
    #[serde(default)]
    pub(super) unread_configs: BTreeMap<String, String>,
}

/// What a crate of ours may depend on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrateRule {
    /// Crates of ours.
    #[serde(default)]
    pub(super) may: Vec<String>,
    /// Crates of ours for its build script.
    #[serde(default)]
    pub(super) build: Vec<String>,
    /// Crates of ours for its tests.
    #[serde(default)]
    pub(super) test: Vec<String>,
    /// Crates of others that it must not have.
    #[serde(default)]
    pub(super) never: Vec<String>,
}

/// What a module of the broker may name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleRule {
    /// Modules of the broker besides its own.
    #[serde(default)]
    pub(super) may: Vec<String>,
    /// Crates, or paths in them such as `storage::LogSlice`. `model` needs no leave.
    #[serde(default)]
    pub(super) crates: Vec<String>,
}

/// A kind of file that is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Format {
    /// The page that describes its bytes.
    pub(super) page: String,
    /// The files that read and write it, one for each version.
    pub(super) code: Vec<String>,
    /// Files that earlier versions wrote and that tests read, or folders of such.
    pub(super) golden: Vec<String>,
}

/// A file that may be longer than the limit. The number may only shrink.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongFile {
    /// Its lines, without tests.
    pub(super) lines: usize,
    /// Why it is one file.
    pub(super) reason: String,
}

/// Whether a reason says something.
pub(super) fn is_reason(reason: &str) -> bool {
    reason.split_whitespace().count() >= 3
}
