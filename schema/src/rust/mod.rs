//! A definition as Rust: types, a decoder and an encoder for each message and struct, for a build script to write out.
//!
//! The code leans on `model::wire` for everything that is the same in all messages, so what is generated stays short:
//! for each field one line that reads it and one that writes it, under the condition of its versions.
//!
//! Requests borrow from the frame; responses, keys and values own what they hold. `docs/schema.md` has the rules.

mod arbitrary;
mod code;
mod decode;
mod encode;
mod tables;
mod types;

use crate::definition::{Field, File, Kind, Message, Role, Versions};
use code::Code;

pub use tables::{api_keys, cases, modules};

/// Machine code is then made only of the messages that a crate uses: six times faster to build than all of them. Tests
/// use all of them, and would make it again in every unit that the compiler divides a crate into.
const INLINE: &str = "#[cfg_attr(not(feature = \"testing\"), inline)]";

/// The Rust module of one schema file: `crate::ApiKey`, `crate::Request` and the like are the generated code's context,
/// and so is the feature `testing` with `crate::testing`.
#[must_use]
pub fn module(file: &File) -> String {
    let mut code = Code::new();
    code.line("use ::model::wire;");
    for message in &file.messages {
        let name = format!("{}{}", file.name, message.role.suffix());
        let shapes = shapes(&name, message);
        for shape in &shapes {
            types::emit(&mut code, file, shape, &shapes);
            decode::emit(&mut code, shape, &shapes);
            encode::emit(&mut code, shape);
            arbitrary::emit(&mut code, shape);
        }
        if file.kind == Kind::Api {
            identity(&mut code, file, message.role, &shapes);
        }
    }
    code.into_text()
}

/// What ties a message to its API.
fn identity(code: &mut Code, file: &File, role: Role, shapes: &[Shape<'_>]) {
    let Some(shape) = shapes.first() else { return };
    let (ty, name) = (shape.rust_type("'a"), &file.name);
    if role == Role::Request {
        code.open(&format!("impl<'a> crate::Request<'a> for {ty}"));
        code.line(&format!("const API_KEY: crate::ApiKey = crate::ApiKey::{name};"));
        code.line(&format!("type Response = {name}Response;"));
    } else {
        code.open(&format!("impl crate::Response for {ty}"));
        code.line(&format!("const API_KEY: crate::ApiKey = crate::ApiKey::{name};"));
    }
    code.close();
}

/// One Rust struct to be: the message itself, or a struct in it.
struct Shape<'f> {
    name: String,
    message: &'f Message,
    fields: &'f [Field],
    /// Whether its fields borrow from the frame.
    borrows: bool,
}

impl Shape<'_> {
    /// The type with its lifetime, where it has one.
    fn rust_type(&self, lifetime: &str) -> String {
        if self.borrows { format!("{}<{lifetime}>", self.name) } else { self.name.clone() }
    }

    /// Whether strings and bytes are references here.
    fn is_borrowed(&self) -> bool {
        self.message.role == Role::Request
    }

    /// A statement that binds `form`.
    fn form(&self) -> String {
        let form = match self.message.flexible {
            None => "wire::Form::Classic".to_owned(),
            Some(first) if first <= self.message.versions.first => "wire::Form::Compact".to_owned(),
            Some(first) => format!("wire::Form::of(version, {first})"),
        };
        format!("let form = {form};")
    }

    /// Whether a field of some version is tagged, known or not.
    fn has_flexible_versions(&self) -> bool {
        self.message.flexible.is_some()
    }

    /// The condition under which `version` is in `versions`, if that is not always so.
    fn condition(&self, versions: Versions) -> Option<String> {
        let (of, Versions { first, last }) = (self.message.versions, versions);
        match (first > of.first, last < of.last) {
            (false, false) => None,
            (true, false) => Some(format!("version >= {first}")),
            (false, true) => Some(format!("version <= {last}")),
            (true, true) if first == last => Some(format!("version == {first}")),
            (true, true) => Some(format!("({first}..={last}).contains(&version)")),
        }
    }
}

/// The structs of a message, the message first.
fn shapes<'f>(name: &str, message: &'f Message) -> Vec<Shape<'f>> {
    let mut shapes = Vec::new();
    push_shape(&mut shapes, name, message, &message.fields);
    for common in &message.structs {
        push_shape(&mut shapes, &common.name, message, &common.fields);
    }
    let borrowing: Vec<bool> = shapes.iter().map(|shape| borrows(shape, &shapes)).collect();
    for (shape, borrows) in shapes.iter_mut().zip(borrowing) {
        shape.borrows = borrows;
    }
    shapes
}

/// Whether the message's own type has a lifetime.
fn borrows_at_top(name: &str, message: &Message) -> bool {
    shapes(name, message).first().is_some_and(|shape| shape.borrows)
}

fn push_shape<'f>(shapes: &mut Vec<Shape<'f>>, name: &str, message: &'f Message, fields: &'f [Field]) {
    shapes.push(Shape { name: name.to_owned(), message, fields, borrows: false });
    for field in fields.iter().filter(|field| !field.fields.is_empty()) {
        if let Some(name) = field.kind.struct_name() {
            push_shape(shapes, name, message, &field.fields);
        }
    }
}

fn find<'s, 'f>(shapes: &'s [Shape<'f>], name: &str) -> Option<&'s Shape<'f>> {
    shapes.iter().find(|shape| shape.name == name)
}

fn borrows(shape: &Shape<'_>, shapes: &[Shape<'_>]) -> bool {
    shape.is_borrowed()
        && shape.fields.iter().any(|field| match field.kind.struct_name() {
            Some(name) => find(shapes, name).is_some_and(|inner| borrows(inner, shapes)),
            None => types::holds_text_or_bytes(&field.kind),
        })
}
