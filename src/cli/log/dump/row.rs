//! One item of a dump: a line of names and values for people, or an object for programs, from the same fields.

use std::path::Path;

use serde_json::{Map, Value};

/// An item: what it is, and its fields in the order in which they are read.
#[derive(Clone, Debug)]
pub(super) struct Row {
    kind: &'static str,
    fields: Vec<(String, Value)>,
}

impl Row {
    /// An item without fields.
    pub(super) const fn new(kind: &'static str) -> Self {
        Self { kind, fields: Vec::new() }
    }

    /// The same with one more field.
    pub(super) fn with(self, name: &str, value: impl Into<Value>) -> Self {
        self.with_named(name.to_owned(), value.into())
    }

    /// As [`Self::with`].
    pub(super) fn with_named(mut self, name: String, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }

    /// A line, moved to the right by `depth`.
    pub(super) fn text(&self, depth: usize) -> String {
        let fields = self.fields.iter().flat_map(|(name, value)| [" ".to_owned(), format!("{name}={}", plain(value))]);
        let start = [" ".repeat(depth * 2), self.kind.to_owned()];
        start.into_iter().chain(fields).collect()
    }

    /// A line with an object, which also names the file.
    pub(super) fn json(self, path: &Path) -> String {
        let mut object = Map::new();
        object.insert("type".to_owned(), Value::from(self.kind));
        object.insert("file".to_owned(), Value::from(path.display().to_string()));
        object.extend(self.fields);
        Value::Object(object).to_string()
    }
}

/// A value as a word, or quoted where it would not read as one.
fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text)
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) =>
        {
            text.to_owned()
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_as_words_and_as_an_object() {
        let row =
            Row::new("record").with("offset", 7).with("key", "a b").with("value", Value::Null).with("codec", "gzip");
        assert_eq!(row.text(1), r#"  record offset=7 key="a b" value=null codec=gzip"#);
        let object: Value = serde_json::from_str(&row.json(Path::new("x.log"))).unwrap();
        assert_eq!(object["file"], "x.log");
        assert_eq!(object["offset"], 7);
    }
}
