//! Random values for tests: every field that the version has, and nothing that it cannot carry.

use super::types::{ident, scalar_method};
use super::{Code, Shape};
use crate::definition::{Field, Type};

pub(super) fn emit(code: &mut Code, shape: &Shape<'_>) {
    code.line("#[cfg(feature = \"testing\")]");
    code.open(&format!("impl<'a> crate::testing::Arbitrary<'a> for {}", shape.rust_type("'a")));
    let mut body = code.inner();
    for field in shape.fields {
        let assign = format!("value.{} = {};", ident(&field.name), expression(field, shape));
        match shape.condition(field.versions) {
            Some(condition) => body.line(&format!("if {condition} {{ {assign} }}")),
            None => body.line(&assign),
        }
    }
    let version = if body.mentions("version") { "" } else { "_" };
    let source = if body.mentions("source") { "" } else { "_" };
    code.open(&format!("fn arbitrary({source}source: &mut crate::testing::Source<'a>, {version}version: i16) -> Self"));
    code.line(if body.mentions("value") { "let mut value = Self::default();" } else { "let value = Self::default();" });
    code.append(&body);
    code.line("value");
    code.close();
    code.close();
}

fn expression(field: &Field, shape: &Shape<'_>) -> String {
    let plain = plain(&field.kind, shape);
    match field.nullable {
        None => plain,
        Some(versions) => match shape.condition(versions).filter(|_| !field.is_always_nullable()) {
            None => format!("source.optional(|source| {plain})"),
            Some(condition) => {
                format!("if {condition} {{ source.optional(|source| {plain}) }} else {{ Some({plain}) }}")
            }
        },
    }
}

fn plain(kind: &Type, shape: &Shape<'_>) -> String {
    match kind {
        Type::Scalar(scalar) => format!("source.{}()", scalar_method(*scalar)),
        Type::String if shape.is_borrowed() => "source.text()".to_owned(),
        Type::String => "source.text().to_owned()".to_owned(),
        Type::Bytes | Type::Records if shape.is_borrowed() => "source.bytes()".to_owned(),
        Type::Bytes => "::bytes::Bytes::copy_from_slice(source.bytes())".to_owned(),
        Type::Records => "crate::ResponseRecords::copy_from_slice(source.bytes())".to_owned(),
        Type::Struct(_) => "crate::testing::Arbitrary::arbitrary(source, version)".to_owned(),
        Type::Array(element) => format!("source.list(|source| {})", plain(element, shape)),
    }
}
