//! Rust source as far as the checks must understand it: what is code, what is text or comment, what is a test, and which
//! paths are named.

/// Source with its comments and texts blanked out; lines and columns are those of the file.
#[derive(Clone, Debug)]
pub(super) struct Code {
    text: String,
}

/// A path such as `crate::net::listener`, which a `use` or an expression names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedPath {
    /// The line; the first is 1.
    pub(super) line: usize,
    /// Its parts, without `::`.
    pub(super) parts: Vec<String>,
}

impl Code {
    pub(super) fn new(source: &str) -> Self {
        Self { text: blank(source) }
    }

    /// The code's text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The code without what is only there for tests: `#[cfg(test)]` and the item behind it.
    pub(super) fn without_tests(mut self) -> Self {
        const MARK: &str = "#[cfg(test)]";
        while let Some(start) = self.text.find(MARK) {
            let rest = self.text.get(start..).unwrap_or_default();
            let end = start + MARK.len() + item_length(rest.get(MARK.len()..).unwrap_or_default());
            let blanked = spaces(self.text.get(start..end).unwrap_or_default());
            self.text.replace_range(start..end, &blanked);
        }
        self
    }

    /// The lines that are not blank and not blanked: those of code.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Whether a word stands in the code.
    pub(super) fn has_word(&self, word: &str) -> bool {
        tokens(&self.text).iter().any(|token| token.text == word)
    }

    /// Every path with at least two parts; `use a::{b, c::d}` names two.
    pub(super) fn paths(&self) -> Vec<NamedPath> {
        let tokens = tokens(&self.text);
        let mut paths = Vec::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1).map(|next| next.text);
            let is_path = next == Some("::");
            // `use<'a>` in a bound captures lifetimes.
            if token.text == "use" && next != Some("<") {
                at = use_tree(&tokens, at + 1, &[], &mut paths);
            } else if is_word(token.text) && is_path {
                at = plain_path(&tokens, at, &mut paths);
            } else {
                at += 1;
            }
        }
        paths.retain(|path| path.parts.len() > 1);
        paths
    }
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Words, `::`, and single characters.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if is_word_part(c) => rest.find(|c| !is_word_part(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        let (text, behind) = rest.split_at(length);
        if first == '\n' {
            line += 1;
        }
        if !first.is_whitespace() {
            tokens.push(Token { text, line });
        }
        rest = behind;
    }
    tokens
}

fn is_word_part(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn plain_path(tokens: &[Token<'_>], start: usize, paths: &mut Vec<NamedPath>) -> usize {
    let mut parts = Vec::new();
    let mut at = start;
    let line = tokens.get(start).map_or(0, |token| token.line);
    while let Some(word) = tokens.get(at).filter(|token| is_word(token.text)) {
        parts.push(word.text.to_owned());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    paths.push(NamedPath { line, parts });
    at
}

/// Reads the tree of a `use` below `prefix`; gives the place behind it.
fn use_tree(tokens: &[Token<'_>], start: usize, prefix: &[String], paths: &mut Vec<NamedPath>) -> usize {
    let mut parts = prefix.to_vec();
    let mut at = start;
    let line = tokens.get(start).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match token.text {
            "::" => at += 1,
            "{" => return use_group(tokens, at + 1, &parts, paths),
            "as" => at += 2,
            "," | "}" | ";" => break,
            text => {
                parts.push(text.to_owned());
                at += 1;
            }
        }
    }
    paths.push(NamedPath { line, parts });
    at
}

fn use_group(tokens: &[Token<'_>], start: usize, prefix: &[String], paths: &mut Vec<NamedPath>) -> usize {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            // What does not end is no group; the compiler says so.
            ";" => return at,
            "," => at += 1,
            _ => at = use_tree(tokens, at, prefix, paths),
        }
    }
    at
}

/// The length of the item at the start of `code`: up to its closing brace, or up to a semicolon before any brace.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (index, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(character, '}' | ';') {
            return index + 1;
        }
    }
    code.len()
}

fn spaces(text: &str) -> String {
    text.chars().map(|character| if character == '\n' { '\n' } else { ' ' }).collect()
}

/// The source with spaces for every character of comments, texts and character literals.
fn blank(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let hidden = hidden_length(rest, code.chars().next_back());
        let length = if hidden == 0 { first.len_utf8() } else { hidden };
        let (taken, behind) = rest.split_at(length);
        if hidden == 0 {
            code.push_str(taken);
        } else {
            code.push_str(&spaces(taken));
        }
        rest = behind;
    }
    code
}

/// The length of the comment, text or character literal at the start of `rest`; 0 if there is none.
fn hidden_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('"') {
        return quoted_length(rest);
    }
    if rest.starts_with('r') && !before.is_some_and(is_word_part_or_quote) {
        return raw_length(rest);
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    0
}

fn is_word_part_or_quote(character: char) -> bool {
    // The `b` of a raw byte text may stand before the `r`.
    (is_word_part(character) && character != 'b') || character == '\''
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted_length(rest: &str) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"..."` or `r#"..."#`, with any number of `#`.
fn raw_length(rest: &str) -> usize {
    let behind = rest.trim_start_matches('r');
    let marks = behind.len() - behind.trim_start_matches('#').len();
    if behind.len() + 1 != rest.len() || !behind.trim_start_matches('#').starts_with('"') {
        return 0;
    }
    let start = 1 + marks + 1;
    let end = format!("\"{}", "#".repeat(marks));
    let body = rest.get(start..).unwrap_or_default();
    body.find(&end).map_or(rest.len(), |found| start + found + end.len())
}

/// `'x'` or `'\...'`; a lifetime is none.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            characters.next();
            characters.find(|(_, character)| *character == '\'').map_or(0, |(index, _)| index + 1)
        }
        Some(_) => characters.next().filter(|(_, character)| *character == '\'').map_or(0, |(index, _)| index + 1),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        Code::new(source).paths().into_iter().map(|path| format!("{} {}", path.line, path.parts.join("::"))).collect()
    }

    #[test]
    fn every_path_of_a_use_tree_is_named() {
        let source = "use crate::a;\nuse crate::{b::{c, d as e},\n    f::*, self};\npub(crate) use storage::X;";
        assert_eq!(
            named(source),
            ["1 crate::a", "2 crate::b::c", "2 crate::b::d", "3 crate::f::*", "3 crate::self", "4 storage::X"]
        );
    }

    #[test]
    fn a_bound_that_captures_and_a_group_without_an_end_are_read_past() {
        assert_eq!(named("fn f() -> impl X + use<> { let a = b; c::d }"), ["1 c::d"]);
        assert_eq!(named("use a::{b; c::d"), ["1 a::b", "1 c::d"]);
    }

    #[test]
    fn paths_in_expressions_are_named() {
        assert_eq!(
            named("fn f() -> crate::net::X { super::g::<storage::Y>() }"),
            ["1 crate::net::X", "1 super::g", "1 storage::Y"]
        );
    }

    #[test]
    fn comments_and_texts_name_nothing() {
        let source = "// a::b\n/* a::b /* c::d */ e::f */ let x = \"a::b \\\" c::d\"; let y = r#\"a::b\"c::d\"#; let z = '\"'; g::h";
        assert_eq!(named(source), ["2 g::h"]);
        assert_eq!(named("fn f<'a>(x: &'a str) { b'\\'' ; a::b }"), ["1 a::b"]);
    }

    #[test]
    fn tests_are_taken_out() {
        let source =
            "a::b;\n#[cfg(test)]\nmod tests {\n use c::d; fn f() { { e::g } }\n}\nh::i;\n#[cfg(test)]\nmod more;\nj::k";
        let code = Code::new(source).without_tests();
        let named: Vec<_> = code.paths().into_iter().map(|path| path.parts.join("::")).collect();
        assert_eq!(named, ["a::b", "h::i", "j::k"]);
        assert_eq!(code.text().lines().count(), source.lines().count());
    }
}
