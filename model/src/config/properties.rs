//! The syntax of server.properties, which is that of `java.util.Properties`: one `key=value` a line, with comments,
//! escapes, and lines that go on.
//!
//! Owns: text to entries. Does not know which keys exist.

/// One `key=value` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, without escapes.
    pub key: String,
    /// The value, without escapes.
    pub value: String,
    /// The line on which the entry begins; the first is 1.
    pub line: usize,
}

/// A text that is not in the syntax.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SyntaxError {
    /// The line on which the entry begins; the first is 1.
    pub line: usize,
    /// What is wrong.
    pub problem: SyntaxProblem,
}

/// What can be wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxProblem {
    /// `\u` without four hexadecimal digits behind it.
    #[error("\\u must be followed by four hexadecimal digits")]
    UnicodeEscape,
    /// `\uD800` to `\uDFFF` that are not a pair.
    #[error("\\uD800 to \\uDFFF are halves of a character: they come in pairs")]
    LoneSurrogate,
    /// A separator with no key before it.
    #[error("there is no key before the separator")]
    NoKey,
}

/// Reads a file's text. A key that is there twice is returned twice.
///
/// # Errors
/// [`SyntaxError`] names the first line that is not in the syntax.
pub fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    logical_lines(text).iter().filter_map(|line| parse_entry(line).transpose()).collect()
}

/// Lines that were joined because all but the last ended with a backslash. Escapes are still in it.
struct LogicalLine {
    text: String,
    line: usize,
}

fn logical_lines(text: &str) -> Vec<LogicalLine> {
    let mut lines = Vec::new();
    let mut open: Option<LogicalLine> = None;
    for (index, natural) in natural_lines(text).enumerate() {
        let natural = natural.trim_start_matches(is_blank);
        // A comment is one only where an entry begins: a continued line may start with '#'.
        if open.is_none() && (natural.is_empty() || natural.starts_with(['#', '!'])) {
            continue;
        }
        let mut line = open.take().unwrap_or_else(|| LogicalLine { text: String::new(), line: index + 1 });
        if let Some(continued) = natural.strip_suffix('\\').filter(|_| ends_with_odd_backslashes(natural)) {
            line.text.push_str(continued);
            open = Some(line);
        } else {
            line.text.push_str(natural);
            lines.push(line);
        }
    }
    lines.extend(open);
    lines
}

/// Lines end with a line feed, a carriage return, or both.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{c}')
}

fn ends_with_odd_backslashes(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn parse_entry(line: &LogicalLine) -> Result<Option<Entry>, SyntaxError> {
    let (key, value) = split_key(&line.text);
    let unescaped = |text| unescape(text).map_err(|problem| SyntaxError { line: line.line, problem });
    let entry = Entry { key: unescaped(key)?, value: unescaped(value)?, line: line.line };
    match (entry.key.is_empty(), entry.value.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(SyntaxError { line: line.line, problem: SyntaxProblem::NoKey }),
        (false, _) => Ok(Some(entry)),
    }
}

/// The key ends at the first `=`, `:` or blank that is not escaped; blanks around the separator belong to neither.
fn split_key(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|character| {
        let is_end = !escaped && (matches!(character, '=' | ':') || is_blank(character));
        escaped = !escaped && character == '\\';
        is_end
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Result<String, SyntaxProblem> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => plain.push(unicode_escape(&mut characters)?),
            Some(other) => plain.push(other),
            // A file that ends in the middle of an entry: the backslash stands for nothing.
            None => {}
        }
    }
    Ok(plain)
}

/// The character of `\uXXXX`, or of two such that are the halves of one (UTF-16).
fn unicode_escape(characters: &mut std::str::Chars<'_>) -> Result<char, SyntaxProblem> {
    let first = four_digits(characters)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Ok(character);
    }
    if (characters.next(), characters.next()) != (Some('\\'), Some('u')) {
        return Err(SyntaxProblem::LoneSurrogate);
    }
    let second = four_digits(characters)?;
    match char::decode_utf16([first, second]).next() {
        Some(Ok(character)) => Ok(character),
        _ => Err(SyntaxProblem::LoneSurrogate),
    }
}

fn four_digits(characters: &mut std::str::Chars<'_>) -> Result<u16, SyntaxProblem> {
    let mut unit = 0_u16;
    for _ in 0..4 {
        let digit = characters.next().and_then(|digit| digit.to_digit(16)).ok_or(SyntaxProblem::UnicodeEscape)?;
        let digit = u16::try_from(digit).map_err(|_| SyntaxProblem::UnicodeEscape)?;
        unit = unit << 4 | digit;
    }
    Ok(unit)
}

#[cfg(test)]
mod tests;
