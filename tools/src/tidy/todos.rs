//! Check: what is left to do has an issue, and its comment names it.

use super::Finding;
use super::rules::Rules;
use super::tree::Tree;

/// Spelt in two halves, so that this file does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

pub(super) fn check(tree: &Tree, _: &Rules) -> Vec<Finding> {
    let files = [".rs", ".toml", ".md", ".sh", ".py", ".txt"].into_iter().flat_map(|end| tree.ending(end));
    let lines = files.flat_map(|(path, text)| (1..).zip(text.lines()).map(move |(number, line)| (path, number, line)));
    let unnamed = lines.filter(|(_, _, line)| MARKS.iter().any(|mark| has_word(line, mark)) && !names_an_issue(line));
    unnamed.map(|(path, number, _)| Finding::new(path, number, "name the issue: (#123)")).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric() && character != '_').any(|part| part == word)
}

fn names_an_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|behind| behind.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_without_an_issue_is_found() {
        let mark = MARKS[0];
        let problems = |line: &str| check(&Tree::of(&[("src/a.rs", line)]), &Rules::default()).len();
        assert_eq!(problems(&format!("// {mark}: later")), 1);
        assert_eq!(problems(&format!("// {mark}(#12): later")), 0);
        assert_eq!(problems(&format!("// {mark}S are not marks")), 0);
    }
}
