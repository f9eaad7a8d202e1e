//! The pattern of `ListTransactions` (KIP-1152): which transactional ids are asked for.

use model::ErrorCode;
use regex::Regex;

use crate::re2;

/// A pattern of RE2's, as in Kafka, that matches whole transactional ids. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TransactionalIdPattern(Regex);

impl TransactionalIdPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// `INVALID_REGULAR_EXPRESSION` for what is none, or too large.
    pub fn compile(pattern: &str) -> Result<Self, ErrorCode> {
        re2::compile(pattern).map(Self).map_err(|_| ErrorCode::InvalidRegularExpression)
    }

    /// Whether the whole of this id matches.
    #[must_use]
    pub fn matches(&self, transactional_id: &str) -> bool {
        self.0.is_match(transactional_id)
    }
}
