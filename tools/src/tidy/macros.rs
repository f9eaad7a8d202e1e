//! Check: three macros carry the project (`apis!`, `config_table!`, `metrics!`); any other has its reason in tidy.toml.

use std::collections::BTreeSet;

use super::Finding;
use super::rules::{Rules, is_reason};
use super::tree::Tree;

const HOUSE: &[&str] = &["apis", "config_table", "metrics"];

pub(super) fn check(tree: &Tree, rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, code) in tree.production() {
        for (number, line) in code.lines() {
            let Some(name) = line.trim().strip_prefix("macro_rules! ") else {
                continue;
            };
            let name = name.trim_end_matches('{').trim();
            seen.insert(name.to_owned());
            if !HOUSE.contains(&name) && !rules.macros.contains_key(name) {
                let problem = format!("a macro {name}: write functions, or give the reason in [macros] of tidy.toml");
                findings.push(Finding::new(path, number, problem));
            }
        }
    }
    for (name, reason) in &rules.macros {
        if !seen.contains(name) {
            findings.push(Finding::new(
                "tidy.toml",
                0,
                format!("there is no macro {name}: its entry in [macros] can go"),
            ));
        }
        if !is_reason(reason) {
            findings.push(Finding::new("tidy.toml", 0, format!("the entry of {name} in [macros] needs a reason")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str, rules: &str) -> usize {
        check(&Tree::of(&[("src/a.rs", text)]), &toml::from_str(rules).unwrap()).len()
    }

    #[test]
    fn a_macro_needs_a_reason() {
        assert_eq!(problems("macro_rules! apis {\n}", ""), 0);
        assert_eq!(problems("macro_rules! mine {\n}", ""), 1);
        assert_eq!(problems("macro_rules! mine {\n}", "[macros]\nmine = 'saves forty equal lines'"), 0);
        assert_eq!(problems("macro_rules! mine {\n}", "[macros]\nmine = 'why'"), 1);
        assert_eq!(problems("", "[macros]\nmine = 'saves forty equal lines'"), 1);
        assert_eq!(problems("// macro_rules! mine {\n#[cfg(test)]\nmod t { macro_rules! mine {} }", ""), 0);
    }
}
