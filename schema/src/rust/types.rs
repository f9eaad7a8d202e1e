//! The structs, their documentation and their defaults.

use super::{Code, INLINE, Shape, find};
use crate::definition::{Default, Field, File, Kind, Scalar, Type};

pub(super) fn emit(code: &mut Code, file: &File, shape: &Shape<'_>, shapes: &[Shape<'_>]) {
    document(code, file, shape, shapes);
    code.line("#[derive(Clone, Debug, PartialEq)]");
    code.open(&format!("pub struct {}", shape.rust_type("'a")));
    for field in shape.fields {
        code.line(&format!("/// {}", describe(field, shape)));
        if let Some(note) = &field.note {
            code.line("///");
            code.line(&format!("/// {note}"));
        }
        code.line(&format!("pub {}: {},", ident(&field.name), field_type(field, shape, shapes)));
    }
    code.close();
    let (generics, ty) = if shape.borrows { ("<'a>", shape.rust_type("'a")) } else { ("", shape.name.clone()) };
    code.open(&format!("impl{generics} Default for {ty}"));
    code.line(INLINE);
    code.open("fn default() -> Self");
    code.open("Self");
    for field in shape.fields {
        code.line(&format!("{}: {},", ident(&field.name), default_value(field, shape)));
    }
    code.close();
    code.close();
    code.close();
}

fn document(code: &mut Code, file: &File, shape: &Shape<'_>, shapes: &[Shape<'_>]) {
    let is_message = shapes.first().is_some_and(|first| first.name == shape.name);
    let (role, versions) = (shape.message.role.word(), shape.message.versions);
    let flexible = match shape.message.flexible {
        Some(first) => format!(", flexible from {first}"),
        None => String::new(),
    };
    let what = match file.kind {
        Kind::Api => format!("{} (key {})", file.name, file.code),
        Kind::Record => format!("{} (record type {})", file.name, file.code),
    };
    if is_message {
        code.line(&format!("/// The {role} of {what}, versions {versions}{flexible}."));
        notes(code, file);
    } else {
        code.line(&format!("/// A part of the {role} of {what}."));
    }
}

/// The notes of the file, as a paragraph of documentation.
pub(super) fn notes(code: &mut Code, file: &File) {
    if !file.notes.is_empty() {
        code.line("///");
    }
    for note in &file.notes {
        code.line(&format!("/// {note}"));
    }
}

/// What the schema says of a field, in words.
fn describe(field: &Field, shape: &Shape<'_>) -> String {
    let of = shape.message.versions;
    let versions = if field.versions == of {
        "every version".to_owned()
    } else if field.versions.last == of.last {
        format!("versions from {}", field.versions.first)
    } else {
        format!("versions {}", field.versions)
    };
    let mut words = vec![format!("`{}`, {versions}", field.kind)];
    match field.nullable {
        Some(versions) if versions == field.versions => words.push("may be null".to_owned()),
        Some(versions) => words.push(format!("may be null in versions {versions}")),
        None => {}
    }
    match &field.default {
        Some(Default::Integer(value)) => words.push(format!("{value} by default")),
        Some(Default::Boolean(value)) => words.push(format!("{value} by default")),
        Some(Default::Null | Default::Zero) | None => {}
    }
    words.extend(field.tag.map(|tag| format!("tag {tag}")));
    words.extend(field.ignorable.then(|| "ignorable".to_owned()));
    format!("{}.", words.join("; "))
}

fn field_type(field: &Field, shape: &Shape<'_>, shapes: &[Shape<'_>]) -> String {
    let plain = plain_type(&field.kind, shape, shapes);
    if field.is_nullable() { format!("Option<{plain}>") } else { plain }
}

fn plain_type(kind: &Type, shape: &Shape<'_>, shapes: &[Shape<'_>]) -> String {
    let borrowed = shape.is_borrowed();
    match kind {
        Type::Scalar(scalar) => scalar_type(*scalar).to_owned(),
        Type::String if borrowed => "&'a str".to_owned(),
        Type::String => "String".to_owned(),
        Type::Bytes | Type::Records if borrowed => "&'a [u8]".to_owned(),
        Type::Bytes => "::bytes::Bytes".to_owned(),
        Type::Records => "crate::ResponseRecords".to_owned(),
        Type::Struct(name) => find(shapes, name).map_or_else(|| name.clone(), |inner| inner.rust_type("'a")),
        Type::Array(element) => format!("Vec<{}>", plain_type(element, shape, shapes)),
    }
}

const fn scalar_type(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Bool => "bool",
        Scalar::Int8 => "i8",
        Scalar::Int16 => "i16",
        Scalar::Uint16 => "u16",
        Scalar::Int32 => "i32",
        Scalar::Uint32 => "u32",
        Scalar::Int64 => "i64",
        Scalar::Float64 => "f64",
        Scalar::Uuid => "::model::TopicId",
    }
}

/// What the reader's, the encoder's and the test source's methods for a scalar are called.
pub(super) const fn scalar_method(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Bool => "boolean",
        Scalar::Uuid => "uuid",
        Scalar::Int8
        | Scalar::Int16
        | Scalar::Uint16
        | Scalar::Int32
        | Scalar::Uint32
        | Scalar::Int64
        | Scalar::Float64 => scalar_type(scalar),
    }
}

pub(super) fn holds_text_or_bytes(kind: &Type) -> bool {
    match kind {
        Type::String | Type::Bytes | Type::Records => true,
        Type::Array(element) => holds_text_or_bytes(element),
        Type::Scalar(_) | Type::Struct(_) => false,
    }
}

fn default_value(field: &Field, shape: &Shape<'_>) -> String {
    if field.is_null_by_default() {
        return "None".to_owned();
    }
    let value = match (&field.default, &field.kind) {
        (Some(Default::Integer(value)), _) => value.to_string(),
        (Some(Default::Boolean(value)), _) => value.to_string(),
        (_, Type::Scalar(Scalar::Bool)) => "false".to_owned(),
        (_, Type::Scalar(Scalar::Float64)) => "0.0".to_owned(),
        (_, Type::Scalar(Scalar::Uuid)) => "::model::TopicId::ZERO".to_owned(),
        (_, Type::Scalar(_)) => "0".to_owned(),
        (_, Type::String) if shape.is_borrowed() => "\"\"".to_owned(),
        (_, Type::Bytes | Type::Records) if shape.is_borrowed() => "&[]".to_owned(),
        (_, Type::Array(_)) => "Vec::new()".to_owned(),
        (_, Type::String) => "String::new()".to_owned(),
        (_, Type::Bytes) => "::bytes::Bytes::new()".to_owned(),
        (_, Type::Records | Type::Struct(_)) => "Default::default()".to_owned(),
    };
    if field.is_nullable() { format!("Some({value})") } else { value }
}

/// An expression that is true when the field has another value than its default.
pub(super) fn differs_from_default(field: &Field) -> String {
    let place = format!("self.{}", ident(&field.name));
    if field.is_null_by_default() {
        return format!("{place}.is_some()");
    }
    match (&field.default, &field.kind) {
        (_, Type::Struct(_)) if field.is_nullable() => format!("{place} != Some(Default::default())"),
        (_, Type::Struct(_)) => format!("{place} != Default::default()"),
        (_, Type::String | Type::Bytes | Type::Records | Type::Array(_)) if field.is_nullable() => {
            format!("{place}.as_ref().is_none_or(|value| !value.is_empty())")
        }
        (_, Type::String | Type::Bytes | Type::Records | Type::Array(_)) => format!("!{place}.is_empty()"),
        (Some(Default::Boolean(true)), _) => format!("!{place}"),
        (_, Type::Scalar(Scalar::Bool)) => place,
        (Some(Default::Integer(value)), _) => format!("{place} != {value}"),
        (_, Type::Scalar(Scalar::Float64)) => format!("{place} != 0.0"),
        (_, Type::Scalar(Scalar::Uuid)) => format!("!{place}.is_zero()"),
        (_, Type::Scalar(_)) => format!("{place} != 0"),
    }
}

/// A field's name as an identifier.
pub(super) fn ident(name: &str) -> String {
    // The words of Rust that could name a field; the compiler finds any that is missing here.
    let keyword = matches!(
        name,
        "abstract"
            | "as"
            | "box"
            | "final"
            | "fn"
            | "for"
            | "in"
            | "match"
            | "mod"
            | "move"
            | "override"
            | "ref"
            | "type"
            | "use"
            | "where"
            | "yield"
    );
    if keyword { format!("r#{name}") } else { name.to_owned() }
}
