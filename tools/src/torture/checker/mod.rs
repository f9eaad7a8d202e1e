//! The checks: what the clients noted against what was promised to them.
//!
//! Owns: the list of checks, and what a violation is. A check reads histories and nothing else (`files` reads
//! those of the broker); it knows nothing of how they came about.

pub(super) mod files;
mod groups;
mod healthy;
pub(super) mod history;
mod offsets;
mod readings;
mod sends;
mod spans;
mod topics;
mod transactions;

#[cfg(test)]
mod tests;

pub(super) use history::History;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The check that found it.
    pub(super) check: &'static str,
    pub(super) what: String,
    /// How many this stands for.
    pub(super) count: u64,
}

/// A check: its name, and how it is done.
type Check = (&'static str, fn(&History, &mut Findings<'_>));

/// All of those that need nothing but histories.
pub(super) const CHECKS: [Check; 14] = [
    ("lost", sends::lost),
    ("duplicates", sends::duplicates),
    ("order", sends::order),
    ("sequence", sends::sequence),
    ("refused", sends::refused),
    ("aborted", transactions::aborted),
    ("torn", transactions::torn),
    ("one-value", readings::one_value),
    ("polls", readings::polls),
    ("unseen", readings::unseen),
    ("watermarks", offsets::watermarks),
    ("commits", groups::commits),
    ("topics", topics::topics),
    ("healthy", healthy::healthy),
];

/// Violations beyond these of one check are only counted.
const VIOLATIONS_MAX: usize = 10;

/// What a check has found.
#[derive(Debug)]
pub(super) struct Findings<'v> {
    check: &'static str,
    found: &'v mut Vec<Violation>,
    count: usize,
}

impl Findings<'_> {
    fn add(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.count <= VIOLATIONS_MAX {
            self.found.push(Violation { check: self.check, what: what(), count: 1 });
        }
    }
}

/// Does all checks.
pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, check) in CHECKS {
        let mut findings = Findings { check: name, found: &mut found, count: 0 };
        check(history, &mut findings);
        let more = findings.count.saturating_sub(VIOLATIONS_MAX);
        if more > 0 {
            let count = u64::try_from(more).unwrap_or(u64::MAX);
            found.push(Violation { check: name, what: format!("and {more} more"), count });
        }
    }
    found
}
