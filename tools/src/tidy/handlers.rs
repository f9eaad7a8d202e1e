//! Check: a handler's file, its row in the table, and the version note at its top say the same.
//!
//! A file with `impl Api for` begins with `//! Name (key N), versions A-B`.

use protocol::ApiKey;

use super::Finding;
use super::rules::Rules;
use super::tree::Tree;

const FOLDER: &str = "src/api/";
const TABLE: &str = "src/api/table.rs";

/// One API, as its handler's file describes it.
#[derive(Debug)]
pub(crate) struct Handler {
    path: String,
    /// Its name, which is Kafka's.
    pub(crate) name: String,
    /// Its number on the wire; -1 if there is no API of the name.
    pub(crate) key: i16,
    first: i16,
    last: i16,
    /// The comment at the top of the file, as one line.
    pub(crate) note: String,
}

impl Handler {
    /// What the note must begin with.
    fn expected_note(&self) -> String {
        format!("{} (key {}), {}", self.name, self.key, self.versions())
    }

    /// `version 0`, or `versions 3-13`.
    fn versions(&self) -> String {
        let plural = if self.first == self.last { "" } else { "s" };
        format!("version{plural} {}", self.versions_short())
    }

    /// `0`, or `3-13`.
    pub(crate) fn versions_short(&self) -> String {
        let Self { first, last, .. } = self;
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    }

    /// What the note says behind the versions.
    pub(crate) fn remark(&self) -> &str {
        let remark = self.note.strip_prefix(&self.expected_note()).unwrap_or(&self.note);
        remark.trim_start_matches(['.', ',', ';', ':', ' '])
    }
}

/// The handlers in the order of their keys, and what is wrong with files that should be some.
pub(crate) fn read(tree: &Tree) -> Result<Vec<Handler>, Vec<Finding>> {
    let files =
        tree.production().filter(|(path, code)| path.starts_with(FOLDER) && code.text().contains("impl Api for "));
    let (mut handlers, mut findings) = (Vec::new(), Vec::new());
    for (path, code) in files {
        if let Some(handler) = handler(path, code.text(), tree.text(path).unwrap_or_default()) {
            handlers.push(handler);
        } else {
            let problem = "a handler has `const KEY: ApiKey = ApiKey::Name` and `const VERSIONS: ... = A..=B`";
            findings.push(Finding::new(path, 0, problem));
        }
    }
    handlers.sort_by_key(|handler| handler.key);
    if findings.is_empty() { Ok(handlers) } else { Err(findings) }
}

fn handler(path: &str, code: &str, text: &str) -> Option<Handler> {
    let value = |mark: &str| Some(code.split_once(mark)?.1.split_once('=')?.1.split(';').next()?.trim());
    let name = value("const KEY: ApiKey")?.strip_prefix("ApiKey::")?.to_owned();
    let (first, last) = value("const VERSIONS")?.split_once("..=")?;
    let key = (0..i16::MAX).take(1000).find(|code| ApiKey::from_code(*code).is_some_and(|key| key.name() == name));
    let note = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect::<Vec<_>>().join(" ");
    let (path, key) = (path.to_owned(), key.unwrap_or(-1));
    Some(Handler { path, name, key, first: first.parse().ok()?, last: last.parse().ok()?, note })
}

pub(super) fn check(tree: &Tree, _: &Rules) -> Vec<Finding> {
    let handlers = match read(tree) {
        Ok(handlers) => handlers,
        Err(findings) => return findings,
    };
    let mut findings = Vec::new();
    let table = tree.text(TABLE).unwrap_or_default();
    for handler in &handlers {
        let Handler { path, name, note, .. } = handler;
        let expected = handler.expected_note();
        let is_noted =
            note.strip_prefix(&expected).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
        if !is_noted {
            findings.push(Finding::new(path, 1, format!("a handler begins with its versions: //! {expected}")));
        }
        if !table.lines().any(|line| line.trim().ends_with(&format!("::{name};"))) {
            findings.push(Finding::new(path, 0, format!("{TABLE} has no row for {name}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(note: &str, versions: &str, row: &str) -> usize {
        let code = format!(
            "//! {note}\n\nimpl Api for Heartbeat {{\n    const KEY: ApiKey = ApiKey::Heartbeat;\n    \
             const VERSIONS: RangeInclusive<i16> = {versions};\n}}\n"
        );
        check(&Tree::of(&[("src/api/heartbeat.rs", &code), (TABLE, row)]), &Rules::default()).len()
    }

    #[test]
    fn note_and_row_must_say_what_the_handler_says() {
        let row = "apis! {\n    heartbeat::Heartbeat;\n}";
        assert_eq!(problems("Heartbeat (key 12), versions 0-4. v4 flexible.", "0..=4", row), 0);
        assert_eq!(problems("Heartbeat (key 12), version 0 (KIP-1).", "0..=0", row), 0);
        assert_eq!(problems("Heartbeat (key 12), versions 0-3. v4 flexible.", "0..=4", row), 1);
        assert_eq!(problems("Heartbeat (key 13), versions 0-4.", "0..=4", row), 1);
        assert_eq!(problems("Heartbeat (key 12), versions 0-41.", "0..=4", row), 1);
        assert_eq!(problems("Heartbeat (key 12), versions 0-4.", "0..=4", "apis! {}"), 1);
        assert_eq!(problems("Heartbeat (key 12), versions 0-4.", "FIRST..=4", row), 1);
    }
}
