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
pub(super) enum Rejected {
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
pub(super) fn compile(pattern: &str) -> Result<Regex, Rejected> {
    let pattern = unquoted(pattern);
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

/// Writes out what RE2 lets one quote as `\Q...\E`, which this crate does not know.
fn unquoted(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(place) = rest.find('\\') {
        let (before, from) = rest.split_at(place);
        plain.push_str(before);
        if let Some(quoted) = from.strip_prefix("\\Q") {
            let (text, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            plain.push_str(&regex::escape(text));
            rest = after;
        } else {
            // An escaped backslash does not begin a quote with what follows it.
            let end = from.char_indices().nth(2).map_or(from.len(), |(end, _)| end);
            let (escape, after) = from.split_at(end);
            plain.push_str(escape);
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}
