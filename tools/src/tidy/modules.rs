//! Check: the modules of the broker (src/) name no others, and no crates of ours, than tidy.toml says.

use super::Finding;
use super::code::NamedPath;
use super::rules::{ModuleRule, Rules};
use super::tree::Tree;

pub(super) fn check(tree: &Tree, rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, code) in tree.production() {
        let Some(module) = module_of(path) else {
            continue;
        };
        let Some(rule) = rule_of(&module, rules) else {
            findings.push(Finding::new(
                path,
                0,
                format!("module {} needs an entry in [modules] of tidy.toml", module.join(".")),
            ));
            continue;
        };
        for named in code.paths() {
            if let Some(problem) = problem(&module, rule, rules, &named) {
                findings.push(Finding::new(path, named.line, problem));
            }
        }
    }
    let handlers = handlers(tree);
    for (path, code) in tree.production().filter(|(path, _)| handlers.iter().any(|(handler, _)| handler == path)) {
        let module = module_of(path).unwrap_or_default();
        for named in code.paths() {
            let target = resolve(&module, &named.parts);
            let other = handlers.iter().find(|(_, other)| {
                *other != module && target.as_deref().is_some_and(|target| target.starts_with(other))
            });
            if let Some((other, _)) = other {
                findings.push(Finding::new(path, named.line, format!("a handler must not know another one ({other})")));
            }
        }
    }
    findings
}

/// The handlers' files and modules.
fn handlers(tree: &Tree) -> Vec<(String, Vec<String>)> {
    let is_handler = |text: &str| text.contains("impl Api for ");
    let files = tree.production().filter(|(_, code)| is_handler(code.text()));
    files.filter_map(|(path, _)| Some((path.to_owned(), module_of(path)?))).collect()
}

/// The module of a file of the broker: `src/net/listener.rs` is net, listener. The root is empty.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut module: Vec<_> = inner.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || inner == "main" || inner == "lib" {
        module.pop();
    }
    Some(module)
}

/// The rule of the longest path that fits; the root's name is `main`.
fn rule_of<'a>(module: &[String], rules: &'a Rules) -> Option<&'a ModuleRule> {
    if module.is_empty() {
        return rules.modules.get("main");
    }
    (1..=module.len()).rev().find_map(|length| rules.modules.get(&module.get(..length)?.join(".")))
}

fn problem(module: &[String], rule: &ModuleRule, rules: &Rules, named: &NamedPath) -> Option<String> {
    if let Some(target) = resolve(module, &named.parts) {
        let top = target.first()?;
        let is_type = top.starts_with(|first: char| first.is_uppercase()) || top == "*" || top == "self";
        let is_own = module.first() == Some(top) || module.is_empty() && is_type;
        let is_allowed = rules.leaves.contains(top) || allows(&rule.may, &target);
        return (!is_own && !is_allowed && !is_type)
            .then(|| format!("module {} must not know {}", name(module), target.join("::")));
    }
    let top = named.parts.first()?;
    let is_ours = rules.crates.contains_key(top) && top != "model";
    (is_ours && !allows(&rule.crates, &named.parts))
        .then(|| format!("module {} must not know {}", name(module), named.parts.join("::")))
}

fn name(module: &[String]) -> String {
    if module.is_empty() { "main".to_owned() } else { module.join("::") }
}

/// Whether a path begins with one that is allowed; `*` at the end of a name stands for anything.
fn allows(allowed: &[String], path: &[String]) -> bool {
    allowed.iter().any(|allowed| {
        let mut parts = path.iter();
        allowed.split("::").all(|wanted| {
            let part = parts.next().map_or("", String::as_str);
            match wanted.strip_prefix('*') {
                Some(end) => part.ends_with(end),
                None => part == wanted,
            }
        })
    })
}

/// A path inside the broker, from its root; `None` if it leads elsewhere.
fn resolve(module: &[String], parts: &[String]) -> Option<Vec<String>> {
    let (first, rest) = parts.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let (_, parent) = module.split_last()?;
            match rest.first().map(String::as_str) {
                Some("super") => resolve(parent, rest),
                _ => Some([parent, rest].concat()),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "leaves = ['clock']\n[crates.storage]\n[crates.model]\n[modules.main]\nmay = ['net']\n[modules.net]\n\
        may = ['api::dispatch']\ncrates = ['storage::LogSlice', 'storage::*Error']\n[modules.api]\n[modules.broker]\n\
        [modules.'net.tls']\nmay = ['broker']";

    fn problems(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)]), &toml::from_str(RULES).unwrap()).len()
    }

    #[test]
    fn an_import_that_is_not_in_the_table_is_found() {
        assert_eq!(problems("src/net/mod.rs", "use crate::api::dispatch; use crate::clock::Clock; use self::a::B;"), 0);
        assert_eq!(problems("src/net/mod.rs", "use crate::api::produce;"), 1);
        assert_eq!(problems("src/net/listener.rs", "use crate::{net, broker::Broker};"), 1);
        assert_eq!(problems("src/net/listener.rs", "fn f() { super::super::broker::f() }"), 1);
        assert_eq!(problems("src/net/listener.rs", "use super::connection::C;"), 0);
        assert_eq!(problems("src/net/tls.rs", "use crate::broker::Broker;"), 0);
        assert_eq!(problems("src/main.rs", "use net::X; use crate::net;"), 0);
        assert_eq!(problems("src/main.rs", "use crate::broker;"), 1);
        assert_eq!(problems("src/strange.rs", ""), 1);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        assert_eq!(
            problems("src/net/mod.rs", "use model::Offset; use storage::{LogSlice, ReadError}; use std::fmt;"),
            0
        );
        assert_eq!(problems("src/net/mod.rs", "use storage::PartitionLog;"), 1);
        assert_eq!(problems("src/broker.rs", "fn f(x: storage::LogSlice) {}"), 1);
        assert_eq!(problems("src/broker.rs", "#[cfg(test)] mod tests { use storage::X; }"), 0);
    }

    #[test]
    fn a_handler_that_knows_another_is_found() {
        let fetch = ("src/api/fetch.rs", "impl Api for Fetch {}");
        let with =
            |text| check(&Tree::of(&[fetch, ("src/api/produce.rs", text)]), &toml::from_str(RULES).unwrap()).len();
        assert_eq!(with("use super::{Api, Reply}; impl Api for Produce {}"), 0);
        assert_eq!(with("use super::fetch::Wait; impl Api for Produce {}"), 1);
        assert_eq!(with("use super::fetch::Wait;"), 0);
    }
}
