//! Check: a file has at most 500 lines without its tests, or an entry in tidy.toml that says why. Entries only shrink.

use super::Finding;
use super::rules::{Rules, is_reason};
use super::tree::{Tree, is_test};

const LINES_MAX: usize = 500;

pub(super) fn check(tree: &Tree, rules: &Rules) -> Vec<Finding> {
    let files = tree.ending(".rs").filter(|(path, _)| !is_test(path));
    let mut findings: Vec<_> = files.filter_map(|(path, text)| too_long(path, lines(text), rules)).collect();
    for (path, entry) in &rules.long_files {
        let lines = tree.text(path).map_or(0, lines);
        if lines <= LINES_MAX {
            findings.push(Finding::new(
                "tidy.toml",
                0,
                format!("{path} has {lines} lines: its entry in [long_files] can go"),
            ));
        } else if lines < entry.lines {
            let problem = format!("{path} has {lines} lines: lower its entry in [long_files] from {}", entry.lines);
            findings.push(Finding::new("tidy.toml", 0, problem));
        }
        if !is_reason(&entry.reason) {
            findings.push(Finding::new("tidy.toml", 0, format!("the entry of {path} in [long_files] needs a reason")));
        }
    }
    findings
}

fn too_long(path: &str, lines: usize, rules: &Rules) -> Option<Finding> {
    let most = rules.long_files.get(path).map_or(LINES_MAX, |entry| entry.lines);
    let problem = format!("{lines} lines without tests, at most {most}: split it by concept");
    (lines > most).then(|| Finding::new(path, 0, problem))
}

/// Lines up to the tests at the end; comments count, because they are read.
fn lines(text: &str) -> usize {
    let tests = text.lines().position(|line| line == "#[cfg(test)]");
    tests.unwrap_or_else(|| text.lines().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(lines: usize, rules: &str) -> usize {
        let text = "x\n".repeat(lines) + "#[cfg(test)]\nmod tests {}\n";
        check(&Tree::of(&[("src/a.rs", &text)]), &toml::from_str(rules).unwrap()).len()
    }

    #[test]
    fn a_long_file_needs_an_entry_that_fits() {
        assert_eq!(problems(500, ""), 0);
        assert_eq!(problems(501, ""), 1);
        let entry = |lines| format!("[long_files.'src/a.rs']\nlines = {lines}\nreason = 'one table of many rows'");
        assert_eq!(problems(600, &entry(600)), 0);
        assert_eq!(problems(601, &entry(600)), 1);
        assert_eq!(problems(599, &entry(600)), 1);
        assert_eq!(problems(400, &entry(600)), 1);
        assert_eq!(problems(600, "[long_files.'src/a.rs']\nlines = 600\nreason = 'long'"), 1);
    }
}
