//! Check: our crates depend on no others of ours than tidy.toml says, and on nothing that it forbids.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::rules::Rules;
use super::{Finding, TidyError};

/// A crate of ours, as cargo describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    /// Only crates of ours have one.
    path: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: String,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: String,
}

/// The crates of the workspace; paths are relative to its root.
pub(super) fn packages(root: &Path) -> Result<Vec<Package>, TidyError> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| TidyError::Unreadable(format!("cargo metadata: {error}")))?;
    let mut metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        TidyError::Unreadable(format!("cargo metadata: {error}; {}", said.trim()))
    })?;
    let prefix = format!("{}/", metadata.workspace_root);
    for target in metadata.packages.iter_mut().flat_map(|package| &mut package.targets) {
        target.src_path = target.src_path.trim_start_matches(&prefix).to_owned();
    }
    Ok(metadata.packages)
}

/// The files with which crates, tests and build scripts begin.
pub(super) fn roots(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(|package| &package.targets).map(|target| target.src_path.clone()).collect()
}

/// The names of the integration tests.
pub(super) fn test_targets(packages: &[Package]) -> BTreeSet<String> {
    let targets = packages.iter().flat_map(|package| &package.targets);
    targets.filter(|target| target.kind.iter().any(|kind| kind == "test")).map(|target| target.name.clone()).collect()
}

pub(super) fn check(packages: &[Package], rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(rule) = rules.crates.get(&package.name) else {
            findings.push(Finding::new(
                "tidy.toml",
                0,
                format!("the crate {} needs an entry in [crates]", package.name),
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let name = &dependency.name;
            let allowed = match dependency.kind.as_deref() {
                // A crate may ask itself for a feature that only its tests need.
                Some("dev") if *name == package.name => true,
                Some("dev") => rule.test.contains(name) || rule.may.contains(name),
                Some("build") => rule.build.contains(name),
                _ => rule.may.contains(name),
            };
            if (dependency.path.is_some() && !allowed) || rule.never.contains(name) {
                let problem = format!("the crate {} must not depend on {name}", package.name);
                findings.push(Finding::new("Cargo.toml", 0, problem));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(dependencies: &[(&str, Option<&str>, bool)]) -> Package {
        let dependency = |(name, kind, ours): &(&str, Option<&str>, bool)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
            path: ours.then(|| "/x".to_owned()),
        };
        Package {
            name: "storage".to_owned(),
            dependencies: dependencies.iter().map(dependency).collect(),
            targets: vec![],
        }
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found() {
        let rules: Rules =
            toml::from_str("[crates.storage]\nmay = ['model']\nbuild = ['schema']\nnever = ['tokio']").unwrap();
        let problems = |dependency| check(&[package(&[dependency])], &rules).len();
        assert_eq!(problems(("model", None, true)), 0);
        assert_eq!(problems(("schema", Some("build"), true)), 0);
        assert_eq!(problems(("bytes", None, false)), 0);
        assert_eq!(problems(("protocol", None, true)), 1);
        assert_eq!(problems(("schema", None, true)), 1);
        assert_eq!(problems(("protocol", Some("dev"), true)), 1);
        assert_eq!(problems(("tokio", Some("dev"), false)), 1);
        assert_eq!(check(&[package(&[])], &Rules::default()).len(), 1);
    }
}
