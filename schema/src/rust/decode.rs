//! The decoders: every field in wire order, each under the condition of its versions, then the tagged fields.

use super::types::{ident, scalar_method};
use super::{Code, INLINE, Shape, find};
use crate::definition::{Field, Type};

pub(super) fn emit(code: &mut Code, shape: &Shape<'_>, shapes: &[Shape<'_>]) {
    code.open(&format!("impl<'a> wire::Decode<'a> for {}", shape.rust_type("'a")));
    let mut body = code.inner();
    for field in shape.fields.iter().filter(|field| field.tag.is_none()) {
        let assign = format!("value.{} = {};", ident(&field.name), expression(field, shape));
        match shape.condition(field.versions) {
            Some(condition) => body.line(&format!("if {condition} {{ {assign} }}")),
            None => body.line(&assign),
        }
    }
    tagged(&mut body, shape);
    let needs_form = body.mentions("form");
    let version = if body.mentions("version") || needs_form && shape.form().contains("version") { "" } else { "_" };
    let reader = if body.mentions("reader") { "" } else { "_" };
    code.line(INLINE);
    code.open(&format!(
        "fn decode({reader}reader: &mut wire::Reader<'a>, {version}version: i16) -> Result<Self, wire::WireError>"
    ));
    if needs_form {
        code.line(&shape.form());
    }
    code.line(if body.mentions("value") { "let mut value = Self::default();" } else { "let value = Self::default();" });
    code.append(&body);
    code.line("Ok(value)");
    code.close();
    size_min(code, shape, shapes);
    code.close();
}

fn tagged(body: &mut Code, shape: &Shape<'_>) {
    if !shape.has_flexible_versions() {
        return;
    }
    let fields: Vec<&Field> = shape.fields.iter().filter(|field| field.tag.is_some()).collect();
    if fields.is_empty() {
        body.line("if form.is_compact() { reader.skip_tagged_fields()?; }");
        return;
    }
    body.open("if form.is_compact()");
    body.open("reader.tagged_fields(|tag, reader|");
    body.open("match tag");
    for field in fields {
        let guard = shape.condition(field.versions).map(|condition| format!(" if {condition}")).unwrap_or_default();
        let tag = field.tag.unwrap_or_default();
        body.line(&format!("{tag}{guard} => value.{} = {},", ident(&field.name), expression(field, shape)));
    }
    body.line("_ => return Ok(wire::Tagged::Unknown),");
    body.close();
    body.line("Ok(wire::Tagged::Known)");
    body.close_with(")?;");
    body.close();
}

fn expression(field: &Field, shape: &Shape<'_>) -> String {
    let Some(nullable) = field.nullable else { return plain(&field.kind, shape) };
    if let (Type::Struct(_), Some(_)) = (&field.kind, field.tag) {
        return "reader.nullable_tagged_struct(version)?".to_owned();
    }
    let or_null = or_null(&field.kind, shape);
    if field.is_always_nullable() {
        return or_null;
    }
    match shape.condition(nullable) {
        None => or_null,
        Some(condition) => format!("if {condition} {{ {or_null} }} else {{ Some({}) }}", plain(&field.kind, shape)),
    }
}

fn plain(kind: &Type, shape: &Shape<'_>) -> String {
    let borrowed = shape.is_borrowed();
    match kind {
        Type::Scalar(scalar) => format!("reader.{}()?", scalar_method(*scalar)),
        Type::String if borrowed => "reader.string(form)?".to_owned(),
        Type::String => "reader.string(form)?.to_owned()".to_owned(),
        Type::Bytes | Type::Records if borrowed => "reader.bytes(form)?".to_owned(),
        Type::Bytes => "::bytes::Bytes::copy_from_slice(reader.bytes(form)?)".to_owned(),
        Type::Records => "crate::ResponseRecords::copy_from_slice(reader.bytes(form)?)".to_owned(),
        Type::Struct(_) => "wire::Decode::decode(reader, version)?".to_owned(),
        Type::Array(element) => array("elements", element, shape),
    }
}

fn or_null(kind: &Type, shape: &Shape<'_>) -> String {
    let borrowed = shape.is_borrowed();
    match kind {
        Type::Scalar(scalar) => format!("Some(reader.{}()?)", scalar_method(*scalar)),
        Type::String if borrowed => "reader.nullable_string(form)?".to_owned(),
        Type::String => "reader.nullable_string(form)?.map(str::to_owned)".to_owned(),
        Type::Bytes | Type::Records if borrowed => "reader.nullable_bytes(form)?".to_owned(),
        Type::Bytes => "reader.nullable_bytes(form)?.map(::bytes::Bytes::copy_from_slice)".to_owned(),
        Type::Records => "reader.nullable_bytes(form)?.map(crate::ResponseRecords::copy_from_slice)".to_owned(),
        Type::Struct(_) => "reader.nullable_struct(version)?".to_owned(),
        Type::Array(element) => array("nullable_elements", element, shape),
    }
}

fn array(method: &str, element: &Type, shape: &Shape<'_>) -> String {
    let size_min = match element {
        Type::Scalar(scalar) => scalar.size().to_string(),
        Type::Struct(name) => format!("{name}::size_min(version)"),
        Type::String => "form.string_size_min()".to_owned(),
        Type::Bytes | Type::Records | Type::Array(_) => "1".to_owned(),
    };
    let size_min = size_min.replace("::size_min", " as wire::Decode>::size_min");
    let size_min = if size_min.contains(" as ") { format!("<{size_min}") } else { size_min };
    // `elements(…, |reader| Ok(x?))?` is what a person would write as `elements(…, |reader| x)?`.
    let read = plain(element, shape);
    let read = match element {
        Type::Struct(_) | Type::Scalar(_) => read.trim_end_matches('?').to_owned(),
        Type::String | Type::Bytes | Type::Records | Type::Array(_) => format!("Ok({read})"),
    };
    format!("reader.{method}(form, {size_min}, |reader| {read})?")
}

/// The fewest bytes of the struct, by version: neighbouring versions that agree share a line.
fn size_min(code: &mut Code, shape: &Shape<'_>, shapes: &[Shape<'_>]) {
    let mut steps: Vec<(i16, usize)> = Vec::new();
    for version in shape.message.versions.iter() {
        let size = smallest(shape, shapes, version);
        match steps.last_mut() {
            Some((last, known)) if *known == size => *last = version,
            _ => steps.push((version, size)),
        }
    }
    let (_, newest) = steps.pop().unwrap_or_default();
    let version = if steps.is_empty() { "_version" } else { "version" };
    code.line(INLINE);
    code.open(&format!("fn size_min({version}: i16) -> usize"));
    if steps.is_empty() {
        code.line(&newest.to_string());
    } else {
        code.open("match version");
        for (last, size) in steps {
            code.line(&format!("..={last} => {size},"));
        }
        code.line(&format!("_ => {newest},"));
        code.close();
    }
    code.close();
}

fn smallest(shape: &Shape<'_>, shapes: &[Shape<'_>], version: i16) -> usize {
    let flexible = shape.message.is_flexible(version);
    let fields = shape.fields.iter().filter(|field| field.tag.is_none() && field.versions.contains(version));
    let sizes = fields.map(|field| match &field.kind {
        Type::Scalar(scalar) => scalar.size(),
        Type::String if !flexible => 2,
        Type::Bytes | Type::Records | Type::Array(_) if !flexible => 4,
        Type::String | Type::Bytes | Type::Records | Type::Array(_) => 1,
        Type::Struct(_) if field.is_nullable() => 1,
        Type::Struct(name) => find(shapes, name).map_or(0, |inner| smallest(inner, shapes, version)),
    });
    sizes.sum::<usize>() + usize::from(flexible)
}
