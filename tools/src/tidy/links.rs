//! Check: a link in a document leads to a file of the repository, and every page of docs/ is reached by a link.

use std::collections::BTreeSet;

use super::Finding;
use super::rules::Rules;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, _: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut reached = BTreeSet::new();
    for (path, text) in tree.ending(".md") {
        for (number, target) in links(text) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() {
                continue;
            }
            match resolve(path, file).filter(|file| tree.has(file)) {
                Some(file) => {
                    reached.insert(file);
                }
                None => findings.push(Finding::new(path, number, format!("the link to {target} leads nowhere"))),
            }
        }
    }
    let is_reached = |path: &str| reached.iter().any(|link| link == path || path.starts_with(&format!("{link}/")));
    let pages = tree.ending(".md").filter(|(path, _)| path.starts_with("docs/") && !is_reached(path));
    findings.extend(pages.map(|(path, _)| Finding::new(path, 0, "no document links to this page")));
    findings
}

/// The targets of `[text](target)` outside of code, with their lines; those to other places are left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|behind| behind.split(')').next());
        found.extend(
            targets.filter(|target| !target.contains("://") && !target.contains(' ')).map(|target| (number, target)),
        );
    }
    found
}

/// A path relative to the file that names it, from the root; `None` if it leads out.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let problems = |link: &str| {
            let tree = Tree::of(&[("docs/a.md", link), ("src/b.rs", ""), ("README.md", "[docs](docs/)")]);
            check(&tree, &Rules::default()).len()
        };
        for link in [
            "[b](../src/b.rs)",
            "[b](../src)",
            "[a](a.md#part)",
            "[a](#part)",
            "[x](https://x.example/y)",
            "```\n[b](b)\n```",
        ] {
            assert_eq!(problems(link), 0, "{link}");
        }
        for link in ["[b](../src/c.rs)", "[b](src/b.rs)", "[b](../../b.rs)"] {
            assert_eq!(problems(link), 1, "{link}");
        }
    }

    #[test]
    fn a_page_that_nobody_links_to_is_found() {
        let tree = Tree::of(&[("docs/a.md", ""), ("README.md", "[b](docs/b.md)"), ("docs/b.md", "")]);
        assert_eq!(check(&tree, &Rules::default()).len(), 1);
    }
}
