//! Check: our crates depend on no others of ours than tidy.toml says, and on nothing that it forbids.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::code::Code;
use super::rules::Rules;
use super::tree::Tree;
use super::{Finding, TidyError};

/// A crate of ours, as cargo describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

impl Package {
    /// The folder of the crate, with a slash at its end; empty for the root's.
    fn folder(&self) -> &str {
        self.manifest_path.trim_end_matches("Cargo.toml")
    }
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

/// The crates of the workspace and the fuzz targets', which are a workspace of their own; paths are relative to the root.
pub(super) fn packages(root: &Path) -> Result<Vec<Package>, TidyError> {
    let workspace = metadata(root, "Cargo.toml")?;
    let prefix = format!("{}/", workspace.workspace_root);
    let mut packages = workspace.packages;
    packages.extend(metadata(root, "fuzz/Cargo.toml")?.packages);
    for package in &mut packages {
        package.manifest_path = package.manifest_path.trim_start_matches(&prefix).to_owned();
        for target in &mut package.targets {
            target.src_path = target.src_path.trim_start_matches(&prefix).to_owned();
        }
    }
    Ok(packages)
}

fn metadata(root: &Path, manifest: &str) -> Result<Metadata, TidyError> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path", manifest])
        .current_dir(root)
        .output()
        .map_err(|error| TidyError::Unreadable(format!("cargo metadata: {error}")))?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        TidyError::Unreadable(format!("cargo metadata: {error}; {}", said.trim()))
    })
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

/// Dependencies that no file of their crate names.
pub(super) fn unused(packages: &[Package], tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let code: Vec<_> = own_files(package, packages, tree).map(Code::new).collect();
        for dependency in package.dependencies.iter().filter(|dependency| dependency.name != package.name) {
            let word = dependency.name.replace('-', "_");
            if !code.iter().any(|code| code.has_word(&word)) {
                let manifest = &package.manifest_path;
                findings.push(Finding::new(
                    manifest,
                    0,
                    format!("no code of {} names {}", package.name, dependency.name),
                ));
            }
        }
    }
    findings
}

/// The Rust files below a crate's folder that are not below another crate's inside it.
fn own_files<'a>(package: &'a Package, packages: &'a [Package], tree: &'a Tree) -> impl Iterator<Item = &'a str> {
    let folder = package.folder();
    let inner = packages.iter().map(Package::folder).filter(move |other| other.len() > folder.len());
    let inner: Vec<_> = inner.filter(|other| other.starts_with(folder)).collect();
    let is_own = move |path: &str| path.starts_with(folder) && !inner.iter().any(|inner| path.starts_with(inner));
    tree.ending(".rs").filter(move |(path, _)| is_own(path)).map(|(_, text)| text)
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
            manifest_path: "storage/Cargo.toml".to_owned(),
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

    #[test]
    fn a_dependency_that_nobody_names_is_found() {
        let package = package(&[("tokio-util", None, false)]);
        let problems =
            |path: &str, text: &str| unused(std::slice::from_ref(&package), &Tree::of(&[(path, text)])).len();
        assert_eq!(problems("storage/src/lib.rs", "use tokio_util::io;"), 0);
        assert_eq!(problems("storage/src/lib.rs", "use tokio::io; // tokio_util"), 1);
        assert_eq!(problems("src/main.rs", "use tokio_util::io;"), 1);
    }
}
