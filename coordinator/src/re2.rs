//! Patterns as RE2 has them: Kafka compiles them with RE2/J.
//!
//! The `regex` crate has the same family of syntax, without look-around and back-references, and the same guarantee: a match
//! takes linear time, whatever the pattern. What it knows beyond RE2 is refused here, so that a pattern which is accepted
//! means the same on both.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{
    self, AssertionKind, Ast, Flag, Flags, FlagsItemKind, GroupKind, RepetitionKind, RepetitionRange,
};

/// Bytes that a compiled pattern may take. A bound of ours.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Bytes that a pattern may take beside that while names are matched.
const CACHE_BYTES_MAX: usize = 1 << 16;

/// The most repetitions that RE2 takes.
const REPEAT_MAX: u32 = 1_000;

/// Why a pattern is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejected {
    /// It is no pattern.
    #[error("{}", .0.kind())]
    Syntax(#[from] Box<ast::Error>),
    /// It has a flag that RE2 does not know.
    #[error("invalid or unsupported Perl syntax")]
    UnknownFlag,
    /// A repetition of a repetition.
    #[error("invalid nested repetition operator")]
    NestedRepetition,
    /// More repetitions than may be.
    #[error("invalid repeat count")]
    RepeatCount,
    /// It does not compile.
    #[error("{}", summary(.0))]
    Compile(#[from] Box<regex::Error>),
    /// It would take too much memory.
    #[error("it is too big")]
    TooBig,
}

/// Compiles a pattern to match whole names.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Rejected> {
    let pattern = spelled_out(pattern);
    // On its own: `a)(b` must not become valid by what is put around it.
    let tree = ast::parse::Parser::new().parse(&pattern).map_err(Box::new)?;
    ast::visit(&tree, KnownToRe2)?;
    let whole = format!(r"\A(?:{pattern})\z");
    let builder = RegexBuilder::new(&whole).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(CACHE_BYTES_MAX).build();
    Ok(builder.map_err(Box::new)?)
}

/// Looks for what RE2 does not know.
struct KnownToRe2;

impl ast::Visitor for KnownToRe2 {
    type Output = ();
    type Err = Rejected;

    fn finish(self) -> Result<(), Rejected> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Rejected> {
        match ast {
            Ast::Flags(set) => check_flags(&set.flags),
            Ast::Group(group) => match &group.kind {
                GroupKind::NonCapturing(flags) => check_flags(flags),
                GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => Ok(()),
            },
            Ast::Repetition(repetition) if matches!(*repetition.ast, Ast::Repetition(_)) => {
                Err(Rejected::NestedRepetition)
            }
            Ast::Repetition(repetition) => check_count(&repetition.op.kind),
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText
                | AssertionKind::WordBoundary
                | AssertionKind::NotWordBoundary => Ok(()),
                AssertionKind::WordBoundaryStart
                | AssertionKind::WordBoundaryEnd
                | AssertionKind::WordBoundaryStartAngle
                | AssertionKind::WordBoundaryEndAngle
                | AssertionKind::WordBoundaryStartHalf
                | AssertionKind::WordBoundaryEndHalf => Err(Rejected::UnknownFlag),
            },
            Ast::Empty(_)
            | Ast::Literal(_)
            | Ast::Dot(_)
            | Ast::ClassUnicode(_)
            | Ast::ClassPerl(_)
            | Ast::ClassBracketed(_)
            | Ast::Alternation(_)
            | Ast::Concat(_) => Ok(()),
        }
    }
}

/// An error in one line: the crate draws the pattern above it, with our own additions.
fn summary(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn check_flags(flags: &Flags) -> Result<(), Rejected> {
    let known = flags.items.iter().all(|item| match &item.kind {
        FlagsItemKind::Negation => true,
        FlagsItemKind::Flag(flag) => match flag {
            Flag::CaseInsensitive | Flag::MultiLine | Flag::DotMatchesNewLine | Flag::SwapGreed => true,
            Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace => false,
        },
    });
    if known { Ok(()) } else { Err(Rejected::UnknownFlag) }
}

fn check_count(kind: &RepetitionKind) -> Result<(), Rejected> {
    let most = match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(RepetitionRange::Exactly(count) | RepetitionRange::AtLeast(count)) => *count,
        RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => *least.max(most),
    };
    if most > REPEAT_MAX { Err(Rejected::RepeatCount) } else { Ok(()) }
}

/// Writes out what RE2 lets one leave to it, and this crate does not know: quotes as `\Q...\E`, and braces that are no
/// repetition.
fn spelled_out(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(place) = rest.find(['\\', '{']) {
        let (before, from) = rest.split_at(place);
        plain.push_str(before);
        if let Some(quoted) = from.strip_prefix("\\Q") {
            let (text, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            plain.push_str(&regex::escape(text));
            rest = after;
            continue;
        }
        if from.starts_with('{') && !is_repetition(from) {
            plain.push('\\');
        }
        let (whole, after) = from.split_at(end_of_escape(from));
        plain.push_str(whole);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Whether this begins with a repetition: `{2}`, `{2,}` or `{2,3}`.
fn is_repetition(text: &str) -> bool {
    let Some((counts, _)) = text.strip_prefix('{').and_then(|inner| inner.split_once('}')) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match counts.split_once(',') {
        None => is_number(counts),
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
    }
}

/// Where an escape ends that this begins with: behind its letter, or the braces that belong to it. Anything else is a
/// character.
fn end_of_escape(text: &str) -> usize {
    let has_braces = ["\\x{", "\\p{", "\\P{"].iter().any(|begin| text.starts_with(begin));
    let count = if text.starts_with('\\') { 2 } else { 1 };
    let end_of = |count: usize| text.char_indices().nth(count).map_or(text.len(), |(end, _)| end);
    match text.find('}') {
        Some(brace) if has_braces => brace + 1,
        // An escaped backslash does not begin a quote with what follows it.
        Some(_) | None => end_of(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_re2_leaves_unsaid_is_spelled_out() {
        for (pattern, plain) in [
            ("a{2}b{2,}c{2,3}", "a{2}b{2,}c{2,3}"),
            ("a{2", r"a\{2"),
            ("{x}{,3}{2,x}", r"\{x}\{,3}\{2,x}"),
            (r"\{2\\{", r"\{2\\\{"),
            (r"\x{41}\p{Greek}\P{L}", r"\x{41}\p{Greek}\P{L}"),
            (r"\Qa{b\E{2}", r"a\{b{2}"),
            (r"\\Q{", r"\\Q\{"),
            ("\\", "\\"),
        ] {
            assert_eq!(spelled_out(pattern), plain, "{pattern}");
        }
    }

    #[test]
    fn braces_that_are_no_repetition_stand_for_themselves() {
        assert!(compile("a{2").unwrap().is_match("a{2"));
        assert!(compile("a{2}").unwrap().is_match("aa"));
        assert!(compile("[{}]+").unwrap().is_match("{}"));
        assert!(compile(r"\x{61}{2}").unwrap().is_match("aa"));
    }
}
