//! Everything that the command line prints goes through here: results to standard output, words to standard error.

use std::io::Write as _;

/// Prints an error and what caused it, one line, on standard error.
pub(crate) fn problem(error: &dyn std::error::Error) {
    let mut line = format!("tidelog: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // An error whose text already contains its source's would say everything twice.
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    // Nobody is left to tell when standard error is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}
