//! `cargo xtask tidy`: what the compiler and clippy do not check about the tree. Also run as a test.
//!
//! Owns: the list of checks. Each is a module that takes the files as texts, so that its tests can show that it fails; the
//! rules that may differ from project to project stand in tidy.toml.

mod code;
mod configs;
mod crates;
mod dead_files;
mod dependencies;
mod formats;
pub(crate) mod handlers;
mod links;
mod macros;
pub(crate) mod metrics;
mod modules;
mod rules;
mod sizes;
mod supply;
mod todos;
pub(crate) mod tree;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use self::rules::Rules;
use self::tree::Tree;

/// Something that is not as it should be, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    /// The first is 1; 0 is the file as a whole.
    line: usize,
    problem: String,
}

impl Finding {
    fn new(path: &str, line: usize, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.problem),
            line => write!(f, "{}:{line}: {}", self.path, self.problem),
        }
    }
}

/// Why the tree is not tidy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TidyError {
    /// The files or the crates cannot be listed.
    #[error("{0}")]
    Unreadable(String),
    /// tidy.toml is not what it should be.
    #[error("tidy.toml: {0}")]
    Rules(#[from] toml::de::Error),
    /// Findings, each on a line.
    #[error("{0}")]
    Untidy(String),
}

/// The names of the integration tests of the workspace.
pub(crate) fn test_targets(root: &Path) -> Result<BTreeSet<String>, TidyError> {
    Ok(crates::test_targets(&crates::packages(root)?))
}

/// Runs every check on the repository at `root`.
pub(crate) fn run(root: &Path) -> Result<(), TidyError> {
    let tree = Tree::read(root)?;
    let rules: Rules = toml::from_str(tree.text("tidy.toml").unwrap_or_default())?;
    let packages = crates::packages(root)?;
    let mut findings = crates::check(&packages, &rules);
    findings.extend(crates::unused(&packages, &tree));
    findings.extend(supply::check(root, tree.text("deny.toml").unwrap_or_default())?);
    for check in [
        modules::check,
        sizes::check,
        handlers::check,
        configs::check,
        dependencies::check,
        formats::check,
        macros::check,
        metrics::check,
        todos::check,
        links::check,
    ] {
        findings.extend(check(&tree, &rules));
    }
    findings.extend(dead_files::check(&tree, &crates::roots(&packages)));
    findings.sort();
    if findings.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Err(TidyError::Untidy(format!("{}\n{} findings", lines.join("\n"), findings.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        if let Err(error) = run(&crate::root()) {
            panic!("{error}");
        }
    }
}
