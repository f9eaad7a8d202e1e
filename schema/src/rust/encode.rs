//! The encoders: what the decoders read, and an error where a version cannot carry what a message says.

use super::types::{differs_from_default, ident, scalar_method};
use super::{Code, INLINE, Shape};
use crate::definition::{Field, Type};

pub(super) fn emit(code: &mut Code, shape: &Shape<'_>) {
    let lifetime = if shape.borrows { "<'_>" } else { "" };
    code.open(&format!("impl wire::Encode for {}{lifetime}", shape.name));
    let mut body = code.inner();
    for field in shape.fields.iter().filter(|field| field.tag.is_none()) {
        emit_field(&mut body, field, shape);
    }
    tagged(&mut body, shape);
    let needs_form = body.mentions("form");
    let version = if body.mentions("version") || needs_form && shape.form().contains("version") { "" } else { "_" };
    let encoder = if body.mentions("encoder") { "" } else { "_" };
    code.line(INLINE);
    code.open(&format!(
        "fn encode(&self, {encoder}encoder: &mut wire::Encoder, {version}version: i16) -> Result<(), wire::EncodeError>"
    ));
    if needs_form {
        code.line(&shape.form());
    }
    code.append(&body);
    code.line("Ok(())");
    code.close();
    code.close();
}

fn emit_field(body: &mut Code, field: &Field, shape: &Shape<'_>) {
    let Some(condition) = shape.condition(field.versions) else { return statement(body, field, shape) };
    body.open(&format!("if {condition}"));
    statement(body, field, shape);
    refuse_elsewhere(body, field);
    body.close();
}

/// The branch for versions without the field: a value that matters must not be lost silently.
fn refuse_elsewhere(body: &mut Code, field: &Field) {
    if !field.ignorable {
        body.turn(&format!("else if {}", differs_from_default(field)));
        let name = &field.name;
        body.line(&format!("return Err(wire::EncodeError::FieldNotInVersion {{ field: \"{name}\", version }});"));
    }
}

fn tagged(body: &mut Code, shape: &Shape<'_>) {
    if !shape.has_flexible_versions() {
        return;
    }
    let mut fields: Vec<&Field> = shape.fields.iter().filter(|field| field.tag.is_some()).collect();
    fields.sort_by_key(|field| field.tag);
    if fields.is_empty() {
        body.line("if form.is_compact() { encoder.unsigned_varint(0); }");
        return;
    }
    let present = |field: &Field| match shape.condition(field.versions) {
        Some(condition) => format!("{condition} && {}", differs_from_default(field)),
        None => differs_from_default(field),
    };
    body.open("if form.is_compact()");
    let count: Vec<String> = fields.iter().map(|field| format!("u32::from({})", present(field))).collect();
    body.line(&format!("encoder.unsigned_varint({});", count.join(" + ")));
    for field in &fields {
        body.open(&format!("if {}", present(field)));
        body.open(&format!("encoder.tagged_field({}, |encoder|", field.tag.unwrap_or_default()));
        statement(body, field, shape);
        body.line("Ok(())");
        body.close_with(")?;");
        body.close();
    }
    body.close();
    for field in fields {
        if let (Some(condition), false) = (shape.condition(field.versions), field.ignorable) {
            body.open(&format!("if !({condition}) && {}", differs_from_default(field)));
            let name = &field.name;
            body.line(&format!("return Err(wire::EncodeError::FieldNotInVersion {{ field: \"{name}\", version }});"));
            body.close();
        }
    }
}

fn statement(body: &mut Code, field: &Field, shape: &Shape<'_>) {
    let place = format!("self.{}", ident(&field.name));
    let Some(nullable) = field.nullable else {
        body.line(&plain(&field.kind, &place, Access::Place, shape));
        return;
    };
    if let (Type::Struct(_), true) = (&field.kind, field.is_always_nullable()) {
        let method = if field.tag.is_some() { "nullable_tagged_struct" } else { "nullable_struct" };
        body.line(&format!("encoder.{method}({place}.as_ref(), version)?;"));
        return;
    }
    body.open(&format!("match &{place}"));
    let some = if let Type::Struct(_) = &field.kind {
        "encoder.nullable_struct(Some(value), version)?;".to_owned()
    } else {
        plain(&field.kind, "value", Access::Reference, shape)
    };
    body.line(&format!("Some(value) => {{ {some} }}"));
    let null = match &field.kind {
        Type::String => "encoder.nullable_string(form, None)?".to_owned(),
        Type::Struct(_) => "encoder.i8(-1)".to_owned(),
        Type::Scalar(_) | Type::Bytes | Type::Records | Type::Array(_) => "encoder.null(form)".to_owned(),
    };
    match shape.condition(nullable).filter(|_| !field.is_always_nullable()) {
        None => body.line(&format!("None => {null},")),
        Some(condition) => {
            body.line(&format!("None if {condition} => {null},"));
            let error = format!("wire::EncodeError::NullNotInVersion {{ field: \"{}\", version }}", field.name);
            body.line(&format!("None => return Err({error}),"));
        }
    }
    body.close();
}

/// How a value is at hand: as a field of `self`, or as a reference to it.
#[derive(Clone, Copy, PartialEq)]
enum Access {
    Place,
    Reference,
}

fn plain(kind: &Type, value: &str, access: Access, shape: &Shape<'_>) -> String {
    let (by_value, by_reference) = match access {
        Access::Place => (value.to_owned(), format!("&{value}")),
        Access::Reference => (format!("*{value}"), value.to_owned()),
    };
    match kind {
        Type::Scalar(scalar) => format!("encoder.{}({by_value});", scalar_method(*scalar)),
        Type::String => format!("encoder.string(form, {by_reference})?;"),
        Type::Records if !shape.is_borrowed() => format!("crate::records::encode(encoder, form, {by_reference})?;"),
        Type::Bytes | Type::Records => format!("encoder.bytes(form, {by_reference})?;"),
        Type::Struct(_) => format!("wire::Encode::encode({by_reference}, encoder, version)?;"),
        Type::Array(element) => {
            let write = if let Type::Struct(_) = element.as_ref() {
                "wire::Encode::encode(value, encoder, version)".to_owned()
            } else {
                format!("{{ {} Ok(()) }}", plain(element, "value", Access::Reference, shape))
            };
            format!("encoder.elements(form, {by_reference}, |encoder, value| {write})?;")
        }
    }
}
