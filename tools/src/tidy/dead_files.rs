//! Check: every Rust file belongs to a crate, a test or a build script.

use std::collections::BTreeSet;

use super::Finding;
use super::code::Code;
use super::tree::Tree;

/// `roots` are the files with which crates, tests and build scripts begin.
pub(super) fn check(tree: &Tree, roots: &[String]) -> Vec<Finding> {
    let mut alive = BTreeSet::new();
    let mut next: Vec<String> = roots.to_vec();
    while let Some(path) = next.pop() {
        let text = tree.text(&path).unwrap_or_default();
        let is_root = roots.contains(&path);
        next.extend(modules(text).iter().filter_map(|module| module.file(tree, &path, is_root)));
        alive.insert(path);
    }
    let dead = tree.ending(".rs").filter(|(path, _)| !alive.contains(*path));
    dead.map(|(path, _)| Finding::new(path, 0, "no crate, test or build script has this file")).collect()
}

/// A `mod name;`, perhaps with a `#[path]`.
struct Module {
    name: String,
    path: Option<String>,
}

impl Module {
    /// The file of a module that `from` declares.
    fn file(&self, tree: &Tree, from: &str, is_root: bool) -> Option<String> {
        let (folder, file) = from.rsplit_once('/').unwrap_or(("", from));
        if let Some(path) = &self.path {
            return Some(format!("{folder}/{path}"));
        }
        let stem = file.trim_end_matches(".rs");
        let folder = if is_root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
        let name = &self.name;
        [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")].into_iter().find(|file| tree.has(file))
    }
}

fn modules(text: &str) -> Vec<Module> {
    let code = Code::new(text);
    let mut path = None;
    let mut modules = Vec::new();
    for (line, raw) in code.text().lines().zip(text.lines()) {
        if line.trim().starts_with("#[path") {
            path = raw.split('"').nth(1).map(str::to_owned);
        }
        let name = line
            .trim()
            .strip_suffix(';')
            .and_then(|line| line.rsplit_once("mod "))
            .map(|(before, name)| (before, name.trim()));
        if let Some((before, name)) = name
            && (before.is_empty() || before.starts_with("pub") || before.ends_with("] "))
        {
            modules.push(Module { name: name.to_owned(), path: path.take() });
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_no_crate_is_found() {
        let tree = Tree::of(&[
            ("src/main.rs", "mod a;\npub(crate) mod b;\n#[cfg(test)] mod c;\n// mod dead;\n"),
            ("src/a.rs", "mod inner;\n#[path = \"elsewhere.rs\"]\nmod other;"),
            ("src/a/inner.rs", ""),
            ("src/elsewhere.rs", ""),
            ("src/b/mod.rs", "pub mod deep;"),
            ("src/b/deep.rs", ""),
            ("src/c.rs", ""),
            ("src/dead.rs", ""),
        ]);
        assert_eq!(
            check(&tree, &["src/main.rs".to_owned()]),
            [Finding::new("src/dead.rs", 0, "no crate, test or build script has this file")]
        );
    }
}
