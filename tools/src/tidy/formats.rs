//! Check: every kind of file that Tidelog writes has its code, a golden file, and its page, as the table `formats` of tidy.toml
//! lists them.

use super::Finding;
use super::rules::Rules;
use super::tree::Tree;

const CODE: &str = "storage/src/format/";
const PAGES: &str = "docs/format/";

pub(super) fn check(tree: &Tree, rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, format) in &rules.formats {
        for path in format.code.iter().chain(&format.golden).chain([&format.page]) {
            if !tree.has(path) {
                findings.push(Finding::new("tidy.toml", 0, format!("format {name}: there is no {path}")));
            }
        }
        if format.code.is_empty() || format.golden.is_empty() {
            findings.push(Finding::new("tidy.toml", 0, format!("format {name} needs code and a golden file")));
        }
    }
    let listed = |path: &str| {
        rules.formats.values().any(|format| format.page == path || format.code.iter().any(|code| code == path))
    };
    let is_format = |path: &str| path.starts_with(PAGES) || (path.starts_with(CODE) && !path.ends_with("/mod.rs"));
    let unlisted = tree.ending("").filter(|(path, _)| is_format(path) && !listed(path));
    findings.extend(unlisted.map(|(path, _)| Finding::new(path, 0, "no format in tidy.toml has this file")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "[formats.offset_index]\npage = 'docs/format/offset_index.md'\n\
        code = ['storage/src/format/offset_index_v1.rs']\ngolden = ['storage/golden/offset_index_v1']";

    fn problems(files: &[&str]) -> usize {
        let files: Vec<_> = files.iter().map(|path| (*path, "")).collect();
        check(&Tree::of(&files), &toml::from_str(RULES).unwrap()).len()
    }

    #[test]
    fn a_format_without_code_golden_file_or_page_is_found() {
        let (page, code) = ("docs/format/offset_index.md", "storage/src/format/offset_index_v1.rs");
        let golden = "storage/golden/offset_index_v1/00000000000000000000.index";
        assert_eq!(problems(&[page, code, golden, "storage/src/format/mod.rs"]), 0);
        assert_eq!(problems(&[code, golden]), 1);
        assert_eq!(problems(&[page, golden]), 1);
        assert_eq!(problems(&[page, code]), 1);
        assert_eq!(problems(&[page, code, golden, "storage/src/format/time_index_v1.rs"]), 1);
        assert_eq!(problems(&[page, code, golden, "docs/format/time_index.md"]), 1);
    }
}
