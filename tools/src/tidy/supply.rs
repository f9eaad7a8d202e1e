//! Check: what we depend on, directly or not, has a licence that deny.toml allows, comes from the registry, and is not banned.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::{Finding, TidyError};

const RULES: &str = "deny.toml";

/// The parts of deny.toml that are checked here; cargo-deny reads the rest.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Debug, Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// Everything that the lock file names, as cargo describes it.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for crates of ours.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<String>,
}

/// Checks the repository at `root`.
pub(super) fn check(root: &Path, rules: &str) -> Result<Vec<Finding>, TidyError> {
    let rules: Deny = toml::from_str(rules).map_err(|error| TidyError::Unreadable(format!("{RULES}: {error}")))?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // Of the many crates for other systems none is downloaded for this.
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root)
        .output()
        .map_err(|error| TidyError::Unreadable(format!("cargo metadata: {error}")))?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        TidyError::Unreadable(format!("cargo metadata: {error}; {}", said.trim()))
    })?;
    Ok(judge(&metadata.packages, &rules))
}

fn judge(packages: &[Package], rules: &Deny) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Package { name, version, license, source, dependencies } = package;
        let mut find = |problem: String| findings.push(Finding::new(RULES, 0, format!("{name} {version}: {problem}")));
        let license = license.as_deref().unwrap_or_default();
        if !is_allowed(license, &rules.licenses.allow) {
            find(format!("the licence {license:?} is not allowed"));
        }
        if source.as_ref().is_some_and(|source| !source.starts_with("registry+")) {
            find("it comes from somewhere else than the registry".to_owned());
        }
        if let Some(banned) = rules.bans.deny.iter().find(|banned| banned.name == *name) {
            find(format!("it is banned: {}", banned.reason));
        }
        let ours = dependencies.iter().filter(|_| source.is_none());
        for wildcard in ours.filter(|dependency| dependency.req == "*" && dependency.path.is_none()) {
            find(format!("any version of {} will do, so none is known to", wildcard.name));
        }
    }
    findings
}

/// Whether an SPDX expression can be met with the allowed licences. OR is an alternative, AND binds closer and wants both; a
/// slash is the OR of old manifests.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut words = Vec::new();
    for word in expression.split_whitespace() {
        let (opened, rest) = word.split_at(word.len() - word.trim_start_matches('(').len());
        let name = rest.trim_end_matches(')');
        words.extend(opened.chars().map(|_| "("));
        words.push(name);
        words.extend(rest.get(name.len()..).unwrap_or_default().chars().map(|_| ")"));
    }
    let mut words = words.into_iter().peekable();
    !expression.trim().is_empty() && any_of(&mut words, allowed)
}

type Words<'a> = std::iter::Peekable<std::vec::IntoIter<&'a str>>;

fn any_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut holds = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        holds |= all_of(words, allowed);
    }
    holds
}

fn all_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut holds = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        holds &= one(words, allowed);
    }
    holds
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let holds = any_of(words, allowed);
        return words.next_if_eq(&")").is_some() && holds;
    }
    let mut name = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_expressions() {
        let allowed = ["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/GPL-3.0",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "GPL-3.0 OR MIT AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR GPL-3.0", "MIT AND (GPL-3.0 OR BSD-3-Clause)"]
        {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        let rules = r#"
            licenses.allow = ["MIT"]
            bans.deny = [{ crate = "left-pad", reason = "write it" }]
        "#;
        let rules: Deny = toml::from_str(rules).unwrap();
        let package = |name: &str, license: &str, source: Option<&str>, req: &str| Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some(license.to_owned()),
            source: source.map(str::to_owned),
            dependencies: vec![Dependency { name: "other".to_owned(), req: req.to_owned(), path: None }],
        };
        let registry = Some("registry+https://example.org");
        let good = [package("a", "MIT", registry, "*"), package("ours", "MIT", None, "^1")];
        assert_eq!(judge(&good, &rules), []);
        for (package, word) in [
            (package("a", "GPL-3.0", registry, "^1"), "licence"),
            (package("a", "MIT", Some("git+https://example.org"), "^1"), "registry"),
            (package("left-pad", "MIT", registry, "^1"), "write it"),
            (package("ours", "MIT", None, "*"), "any version"),
        ] {
            let findings = judge(&[package], &rules);
            assert!(findings.len() == 1 && findings[0].problem.contains(word), "{word}: {findings:?}");
        }
    }
}
