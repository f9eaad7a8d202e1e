//! A definition as text: the form that `docs/schema.md` describes and `parse` reads back.

use std::fmt::Write;

use crate::definition::{Default, Field, File, Kind, Message, Versions};

/// The file's text.
#[must_use]
pub fn print(file: &File) -> String {
    let mut text = String::new();
    for note in &file.notes {
        push_line(&mut text, format!("# {note}").trim_end());
    }
    let word = match file.kind {
        Kind::Api => "api",
        Kind::Record => "record",
    };
    push_line(&mut text, &format!("{word} {} {}", file.code, file.name));
    if !file.listeners.is_empty() {
        push_line(&mut text, &format!("listeners {}", file.listeners.join(" ")));
    }
    for message in &file.messages {
        print_message(&mut text, message);
    }
    text
}

fn print_message(text: &mut String, message: &Message) {
    let mut header = format!("\n{} {}", message.role.word(), message.versions);
    if let Some(first) = message.flexible {
        push(&mut header, format_args!(" flexible {first}+"));
    }
    push_line(text, &header);
    print_fields(text, &message.fields, message.versions, 1);
    for common in &message.structs {
        push_line(text, &format!("\nstruct {}", common.name));
        print_fields(text, &common.fields, message.versions, 1);
    }
}

/// The fields of one struct stand in columns; those of a nested struct in columns of their own.
fn print_fields(text: &mut String, fields: &[Field], of: Versions, depth: usize) {
    let indent = "  ".repeat(depth);
    let width = |cell: fn(&Field, Versions) -> String| fields.iter().map(|f| cell(f, of).len()).max().unwrap_or(0);
    let (names, types, versions) = (width(name_cell), width(type_cell), width(versions_cell));
    for field in fields {
        let (name, kind, range) = (name_cell(field, of), type_cell(field, of), versions_cell(field, of));
        let rest = attributes(field, of);
        let line = format!("{indent}{name:names$} {kind:types$}  {range:versions$}  {rest}");
        push_line(text, line.trim_end());
        print_fields(text, &field.fields, of, depth + 1);
    }
}

fn name_cell(field: &Field, _: Versions) -> String {
    format!("{}:", field.name)
}

fn type_cell(field: &Field, _: Versions) -> String {
    let mark = if field.is_always_nullable() { "?" } else { "" };
    format!("{}{mark}", field.kind)
}

fn versions_cell(field: &Field, of: Versions) -> String {
    range(field.versions, of)
}

fn attributes(field: &Field, of: Versions) -> String {
    let mut words = Vec::new();
    if let Some(nullable) = field.nullable.filter(|_| !field.is_always_nullable()) {
        words.push(format!("nullable {}", range(nullable, of)));
    }
    match &field.default {
        None => {}
        Some(Default::Null) => words.push("= null".to_owned()),
        Some(Default::Zero) => words.push("= zero".to_owned()),
        Some(Default::Integer(value)) => words.push(format!("= {value}")),
        Some(Default::Boolean(value)) => words.push(format!("= {value}")),
    }
    if let Some(tag) = field.tag {
        words.push(format!("tag {tag}"));
    }
    if field.ignorable {
        words.push("ignorable".to_owned());
    }
    if let Some(note) = &field.note {
        words.push(format!("# {note}"));
    }
    words.join(" ")
}

/// `3+` where the range ends with the message's last version: a new version then changes only the message's line.
fn range(versions: Versions, of: Versions) -> String {
    if versions.last == of.last { format!("{}+", versions.first) } else { versions.to_string() }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}
