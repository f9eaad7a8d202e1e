//! The pattern of `ListTransactions` (KIP-1152): which transactional ids are asked for.

use model::ErrorCode;
use regex::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take. A bound of ours.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A pattern that matches whole transactional ids. Cheap to clone.
///
/// Kafka has Java's patterns, which may take exponential time. This has those of the `regex` crate: the same syntax without
/// look-around, back-references and possessive quantifiers, which are refused.
#[derive(Clone, Debug)]
pub struct TransactionalIdPattern(Regex);

impl TransactionalIdPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// `INVALID_REGULAR_EXPRESSION` for what is none, or too large.
    pub fn compile(pattern: &str) -> Result<Self, ErrorCode> {
        let compile = |text: &str| RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build();
        // On its own first: `a)(b` must not become valid by what is put around it.
        compile(pattern)
            .and_then(|_| compile(&format!(r"\A(?:{pattern})\z")))
            .map(Self)
            .map_err(|_| ErrorCode::InvalidRegularExpression)
    }

    /// Whether the whole of this id matches.
    #[must_use]
    pub fn matches(&self, transactional_id: &str) -> bool {
        self.0.is_match(transactional_id)
    }
}
