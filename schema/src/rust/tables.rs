//! What spans all files of a directory: the list of modules, the enum of the API keys, and the table that tests walk.

use super::{Code, borrows_at_top, types};
use crate::definition::{File, Kind, Message, Role};

/// `enum ApiKey` with what the schema knows of each API. The files stand in the order of their codes.
#[must_use]
pub fn api_keys(files: &[File]) -> String {
    let files: Vec<&File> = files.iter().filter(|file| file.kind == Kind::Api).collect();
    let mut code = Code::new();
    code.line("/// An API of the client listener.");
    code.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]");
    code.open("pub enum ApiKey");
    for file in &files {
        code.line(&format!("/// Key {}, [module](crate::messages::{}).", file.code, file.snake_name()));
        code.line(&format!("{},", file.name));
    }
    code.close();
    code.open("impl ApiKey");
    let all: Vec<String> = files.iter().map(|file| format!("Self::{}", file.name)).collect();
    code.line("/// Every API, in the order of the codes.");
    code.line(&format!("pub const ALL: [Self; {}] = [{}];", files.len(), all.join(", ")));
    code.line("/// The API of this code, if the client listener has it.");
    code.line("#[must_use]");
    code.open("pub const fn from_code(code: i16) -> Option<Self>");
    code.open("match code");
    for file in &files {
        code.line(&format!("{} => Some(Self::{}),", file.code, file.name));
    }
    code.line("_ => None,");
    code.close();
    code.close();
    code.open("pub(super) const fn facts(self) -> Facts");
    code.open("match self");
    for file in &files {
        let facts = facts(file);
        code.line(&format!("Self::{} => {facts},", file.name));
    }
    code.close();
    code.close();
    code.close();
    code.into_text()
}

fn facts(file: &File) -> String {
    let flexible = |role| file.message(role).and_then(|message| message.flexible);
    let (first, last) = file.messages.first().map_or((0, 0), |m: &Message| (m.versions.first, m.versions.last));
    format!(
        "Facts {{ code: {}, name: {:?}, first: {first}, last: {last}, flexible_request: {:?}, flexible_response: {:?} }}",
        file.code,
        file.name,
        flexible(Role::Request),
        flexible(Role::Response)
    )
}

/// `pub mod` for each file, including what the build script wrote to `OUT_DIR`.
#[must_use]
pub fn modules(files: &[File]) -> String {
    let mut code = Code::new();
    for file in files {
        let name = file.snake_name();
        let what = if file.kind == Kind::Api { "key" } else { "record type" };
        code.line(&format!("/// {} ({what} {}).", file.name, file.code));
        types::notes(&mut code, file);
        code.open(&format!("pub mod {name}"));
        code.line(&format!("include!(concat!(env!(\"OUT_DIR\"), \"/{name}.rs\"));"));
        code.close();
    }
    code.into_text()
}

/// The table of all messages that tests walk: a `crate::testing::Case` for each, whose modules stand in `parent`.
#[must_use]
pub fn cases(files: &[File], parent: &str) -> String {
    let mut code = Code::new();
    code.line("/// Every message.");
    code.line("pub static CASES: &[crate::testing::Case] = &[");
    for (file, message) in files.iter().flat_map(|file| file.messages.iter().map(move |message| (file, message))) {
        let name = format!("{}{}", file.name, message.role.suffix());
        let lifetime = if borrows_at_top(&name, message) { "<'_>" } else { "" };
        let ty = format!("{parent}::{}::{name}{lifetime}", file.snake_name());
        code.open("crate::testing::Case");
        code.line(&format!(
            "name: \"{name}\", code: {}, versions: {}..={},",
            file.code, message.versions.first, message.versions.last
        ));
        code.line(&format!("random: |source, version| crate::testing::random::<{ty}>(source, version),"));
        code.line(&format!("reencode: |bytes, version| crate::testing::reencode::<{ty}>(bytes, version),"));
        code.line(&format!("decode: |bytes, version| crate::testing::decode::<{ty}>(bytes, version),"));
        code.close_with(",");
    }
    code.line("];");
    code.into_text()
}
