//! `cargo xtask schema import`: Kafka's message definitions, as the published jars carry them, into our schema text.
//!
//! The definitions are JSON with `//` comments. What the import takes is the format itself: names, types, versions,
//! defaults, tags. Comments and descriptions stay behind; the notes in our files are written by hand, and an import
//! keeps them. A version that Kafka calls unstable is left out with the fields that only it has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use schema::definition::{Default, Field, File, Kind, Message, Role, Scalar, Struct, Type, Versions, snake_case};
use serde::Deserialize;
use serde_json::Value;

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// A file or directory could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what the jars say.
    #[error("{path} is out of date: run `cargo xtask schema import`")]
    Stale {
        /// Which.
        path: PathBuf,
    },
    /// A program that the import needs failed or is not installed.
    #[error("'{program}' did not succeed; the import needs a JDK and Maven")]
    Program {
        /// Which.
        program: &'static str,
    },
    /// A definition is not the JSON that we know.
    #[error("{name}: {source}")]
    Json {
        /// Which definition.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A definition says something that our format has no word for.
    #[error("{name}: {what}")]
    Unknown {
        /// Which definition.
        name: String,
        /// What it says.
        what: String,
    },
}

/// The release whose wire we speak.
const KAFKA_VERSION: &str = "4.4.0";

/// What `cargo xtask schema` can do.
#[derive(clap::Subcommand)]
pub(crate) enum Task {
    /// Writes the schema files anew from Kafka's published jars; notes in them are kept.
    Import(Args),
}

/// What `cargo xtask schema import` can be told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder that holds the jars; without it, the tests' own script finds or downloads them.
    #[arg(long)]
    jars: Option<PathBuf>,
    /// The release, as it stands in the jars' names.
    #[arg(long, default_value = KAFKA_VERSION)]
    kafka_version: String,
    /// Writes nothing; fails if a file is not what the jars say.
    #[arg(long)]
    check: bool,
}

/// Imports into the schema files below `root`, or holds them against the jars.
pub(crate) fn run(root: &Path, task: &Task) -> Result<(), ImportError> {
    let Task::Import(args) = task;
    let jars = match &args.jars {
        Some(jars) => jars.clone(),
        None => installed_jars(root)?,
    };
    let import = Import { jars, root: root.to_owned(), kafka_version: args.kafka_version.clone() };
    for (path, file) in import.files()? {
        let text = schema::print(&file);
        if !args.check {
            std::fs::create_dir_all(path.parent().unwrap_or(root)).map_err(|source| io(&path, source))?;
            std::fs::write(&path, text).map_err(|source| io(&path, source))?;
        } else if std::fs::read_to_string(&path).ok() != Some(text) {
            return Err(ImportError::Stale { path });
        }
    }
    Ok(())
}

/// Holds the schema files below `root` against the jars of the default release.
pub(crate) fn check(root: &Path) -> Result<(), ImportError> {
    run(root, &Task::Import(Args { jars: None, kafka_version: KAFKA_VERSION.to_owned(), check: true }))
}

/// The folder of jars that `tests/support/install.sh` prints.
fn installed_jars(root: &Path) -> Result<PathBuf, ImportError> {
    let failed = ImportError::Program { program: "tests/support/install.sh" };
    let script = root.join("tests/support/install.sh");
    let Ok(output) = Command::new(script).arg("kafka-jars").stderr(Stdio::inherit()).output() else {
        return Err(failed);
    };
    match String::from_utf8(output.stdout) {
        Ok(path) if output.status.success() => Ok(PathBuf::from(path.trim())),
        _ => Err(failed),
    }
}

/// Where the jars are and where the text goes.
struct Import {
    jars: PathBuf,
    root: PathBuf,
    kafka_version: String,
}

impl Import {
    /// Every schema file and its place, with the notes of the file that is there.
    fn files(&self) -> Result<Vec<(PathBuf, File)>, ImportError> {
        let places = [
            ("protocol/schema", apis(&self.definitions("kafka-clients")?)?),
            ("schema/records/group", records(&self.definitions("kafka-group-coordinator")?)?),
            ("schema/records/transaction", records(&self.definitions("kafka-transaction-coordinator")?)?),
        ];
        let mut files = Vec::new();
        for (place, imported) in places {
            for mut file in imported {
                let path = self.root.join(place).join(format!("{}.txt", file.snake_name()));
                keep_notes(&mut file, &path);
                files.push((path, file));
            }
        }
        Ok(files)
    }

    /// The definitions in one jar, by name. The JDK's own tool opens the jar: whoever imports has one.
    fn definitions(&self, artifact: &str) -> Result<BTreeMap<String, Definition>, ImportError> {
        let jar = self.jars.join(format!("{artifact}-{}.jar", self.kafka_version));
        let jar = jar.canonicalize().map_err(|source| io(&jar, source))?;
        let scratch = self.root.join("target/schema-import").join(artifact);
        std::fs::create_dir_all(&scratch).map_err(|source| io(&scratch, source))?;
        let status = Command::new("jar").arg("xf").arg(&jar).arg("common/message").current_dir(&scratch).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(ImportError::Program { program: "jar" });
        }
        let directory = scratch.join("common/message");
        let mut definitions = BTreeMap::new();
        for entry in std::fs::read_dir(&directory).map_err(|source| io(&directory, source))? {
            let path = entry.map_err(|source| io(&directory, source))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(|source| io(&path, source))?;
            let definition: Definition = serde_json::from_str(&without_comments(&text))
                .map_err(|source| ImportError::Json { name: path.display().to_string(), source })?;
            definitions.insert(definition.name.clone(), definition);
        }
        Ok(definitions)
    }
}

fn io(path: &Path, source: std::io::Error) -> ImportError {
    ImportError::Io { path: path.to_owned(), source }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    api_key: Option<i16>,
    #[serde(default)]
    listeners: Vec<String>,
    valid_versions: String,
    flexible_versions: Option<String>,
    #[serde(default)]
    latest_version_unstable: bool,
    #[serde(default)]
    fields: Vec<RawField>,
    #[serde(default)]
    common_structs: Vec<RawStruct>,
}

#[derive(Debug, Deserialize)]
struct RawStruct {
    name: String,
    fields: Vec<RawField>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawField {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    versions: Option<String>,
    nullable_versions: Option<String>,
    tagged_versions: Option<String>,
    tag: Option<u32>,
    default: Option<Value>,
    #[serde(default)]
    ignorable: bool,
    #[serde(default)]
    fields: Vec<RawField>,
}

/// Removes `//` comments outside strings.
fn without_comments(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    for line in text.lines() {
        let (mut in_string, mut before, mut end) = (false, ' ', line.len());
        for (place, character) in line.char_indices() {
            match character {
                '"' if before != '\\' => in_string = !in_string,
                '/' if before == '/' && !in_string => {
                    end = place.saturating_sub(1);
                    break;
                }
                _ => {}
            }
            before = character;
        }
        bare.push_str(line.get(..end).unwrap_or(line));
        bare.push('\n');
    }
    bare
}

/// One file for each API that a broker serves to clients.
fn apis(definitions: &BTreeMap<String, Definition>) -> Result<Vec<File>, ImportError> {
    let mut files = Vec::new();
    for request in definitions.values().filter(|d| d.kind == "request" && d.listeners.iter().any(|l| l == "broker")) {
        let name = request.name.trim_end_matches("Request");
        let unknown = |what: &str| ImportError::Unknown { name: request.name.clone(), what: what.to_owned() };
        let response = definitions.get(&format!("{name}Response")).ok_or_else(|| unknown("has no response"))?;
        let unstable = request.latest_version_unstable || response.latest_version_unstable;
        let mut listeners = request.listeners.clone();
        listeners.sort();
        let messages = vec![message(request, Role::Request, unstable)?, message(response, Role::Response, unstable)?];
        let code = request.api_key.ok_or_else(|| unknown("has no API key"))?;
        let mut file = File { notes: Vec::new(), kind: Kind::Api, name: name.to_owned(), code, listeners, messages };
        tell_structs_apart(&mut file);
        files.push(file);
    }
    Ok(files)
}

/// One file for each kind of record: its key and its value, where it has one.
fn records(definitions: &BTreeMap<String, Definition>) -> Result<Vec<File>, ImportError> {
    let mut files = Vec::new();
    for key in definitions.values().filter(|definition| definition.name.ends_with("Key")) {
        let name = key.name.trim_end_matches("Key");
        let code = key
            .api_key
            .ok_or_else(|| ImportError::Unknown { name: key.name.clone(), what: "has no record type".to_owned() })?;
        let mut messages = vec![message(key, Role::Key, false)?];
        if let Some(value) = definitions.get(&format!("{name}Value")) {
            messages.push(message(value, Role::Value, false)?);
        }
        let mut file = File {
            notes: Vec::new(),
            kind: Kind::Record,
            name: name.to_owned(),
            code,
            listeners: Vec::new(),
            messages,
        };
        tell_structs_apart(&mut file);
        files.push(file);
    }
    Ok(files)
}

fn message(definition: &Definition, role: Role, unstable: bool) -> Result<Message, ImportError> {
    let everything = Versions { first: 0, last: i16::MAX };
    let unknown = |what: &str| ImportError::Unknown { name: definition.name.clone(), what: what.to_owned() };
    let mut valid = versions(&definition.valid_versions, everything).ok_or_else(|| unknown("has no versions"))?;
    if unstable {
        valid.last -= 1;
    }
    let flexible = definition.flexible_versions.as_deref().and_then(|text| versions(text, everything));
    let context = Context { name: &definition.name, valid };
    let structs = definition
        .common_structs
        .iter()
        .map(|common| Ok(Struct { name: common.name.clone(), fields: context.fields(&common.fields)? }));
    Ok(Message {
        role,
        versions: valid,
        flexible: flexible.map(|flexible| flexible.first).filter(|first| *first <= valid.last),
        structs: structs.collect::<Result<_, _>>()?,
        fields: context.fields(&definition.fields)?,
    })
}

/// The message whose fields are translated.
struct Context<'d> {
    name: &'d str,
    valid: Versions,
}

impl Context<'_> {
    fn unknown(&self, what: String) -> ImportError {
        ImportError::Unknown { name: self.name.to_owned(), what }
    }

    fn fields(&self, raw: &[RawField]) -> Result<Vec<Field>, ImportError> {
        let mut fields = Vec::new();
        for raw in raw {
            let range = raw.versions.as_deref().or(raw.tagged_versions.as_deref()).unwrap_or("none");
            // A field that only removed or unstable versions had is none of ours.
            if let Some(versions) = versions(range, self.valid) {
                fields.push(self.field(raw, versions)?);
            }
        }
        Ok(fields)
    }

    fn field(&self, raw: &RawField, versions: Versions) -> Result<Field, ImportError> {
        let tagged = raw.tagged_versions.as_deref().and_then(|text| self::versions(text, versions));
        if tagged.is_some_and(|tagged| tagged != versions) || tagged.is_some() != raw.tag.is_some() {
            return Err(self.unknown(format!("{} is tagged in some of its versions only", raw.name)));
        }
        let nullable = raw.nullable_versions.as_deref().and_then(|text| self::versions(text, versions));
        let mut field = Field {
            name: snake_case(&raw.name),
            kind: field_type(&raw.kind).ok_or_else(|| self.unknown(format!("has a type {}", raw.kind)))?,
            versions,
            nullable,
            default: None,
            tag: raw.tag,
            ignorable: raw.ignorable,
            fields: self.fields(&raw.fields)?,
            note: None,
        };
        field.default = self.default(raw, &field)?;
        Ok(field)
    }

    /// The default, if it is not the one that a field has anyway: null where it always may be null, else zero.
    fn default(&self, raw: &RawField, field: &Field) -> Result<Option<Default>, ImportError> {
        let text = match &raw.default {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.to_ascii_lowercase(),
            Some(other) => other.to_string(),
        };
        let bad = || self.unknown(format!("{} has a default {text}", raw.name));
        Ok(match (text.as_str(), &field.kind) {
            ("null", _) => (!field.is_always_nullable()).then_some(Default::Null),
            // Kafka's zero shows on the wire only where the field is tagged: whoever leaves it out means zero.
            ("", _) => (field.tag.is_some() && field.is_always_nullable()).then_some(Default::Zero),
            ("false", Type::Scalar(Scalar::Bool)) => None,
            ("true", Type::Scalar(Scalar::Bool)) => Some(Default::Boolean(true)),
            (_, Type::Scalar(_)) => {
                let value = match text.strip_prefix("0x") {
                    Some(digits) => i64::from_str_radix(digits, 16),
                    None => text.parse(),
                };
                Some(value.map_err(|_| bad())?).filter(|value| *value != 0).map(Default::Integer)
            }
            _ => return Err(bad()),
        })
    }
}

/// `3`, `3-7`, `3+` or `none`, cut to `within`.
fn versions(text: &str, within: Versions) -> Option<Versions> {
    let range = if let Some(first) = text.strip_suffix('+') {
        Versions { first: first.parse().ok()?, last: i16::MAX }
    } else if let Some((first, last)) = text.split_once('-') {
        Versions { first: first.parse().ok()?, last: last.parse().ok()? }
    } else {
        Versions { first: text.parse().ok()?, last: text.parse().ok()? }
    };
    range.intersect(within)
}

fn field_type(word: &str) -> Option<Type> {
    if let Some(element) = word.strip_prefix("[]") {
        return Some(Type::Array(Box::new(field_type(element)?)));
    }
    if let Some(scalar) = Scalar::ALL.into_iter().find(|scalar| scalar.word() == word) {
        return Some(Type::Scalar(scalar));
    }
    match word {
        "string" => Some(Type::String),
        "bytes" => Some(Type::Bytes),
        "records" => Some(Type::Records),
        _ if word.starts_with(|first: char| first.is_ascii_uppercase()) => Some(Type::Struct(word.to_owned())),
        _ => None,
    }
}

/// A struct name that both messages of a file use gets the message's role in front: a file's structs share a module.
fn tell_structs_apart(file: &mut File) {
    let names: Vec<Vec<String>> = file.messages.iter().map(struct_names).collect();
    for (place, message) in file.messages.iter_mut().enumerate() {
        let elsewhere = |name: &str| {
            names.iter().enumerate().any(|(other, list)| other != place && list.iter().any(|taken| taken == name))
        };
        let suffix = message.role.suffix();
        let rename = |name: &mut String| {
            if elsewhere(name) {
                *name = format!("{suffix}{name}");
            }
        };
        for common in &mut message.structs {
            rename(&mut common.name);
            rename_in(&mut common.fields, &rename);
        }
        rename_in(&mut message.fields, &rename);
    }
}

fn struct_names(message: &Message) -> Vec<String> {
    fn collect(fields: &[Field], names: &mut Vec<String>) {
        for field in fields {
            names.extend(field.kind.struct_name().map(str::to_owned));
            collect(&field.fields, names);
        }
    }
    let mut names: Vec<String> = message.structs.iter().map(|common| common.name.clone()).collect();
    message.structs.iter().for_each(|common| collect(&common.fields, &mut names));
    collect(&message.fields, &mut names);
    names
}

fn rename_in(fields: &mut [Field], rename: &impl Fn(&mut String)) {
    for field in fields {
        match &mut field.kind {
            Type::Struct(name) => rename(name),
            Type::Array(element) => {
                if let Type::Struct(name) = element.as_mut() {
                    rename(name);
                }
            }
            Type::Scalar(_) | Type::String | Type::Bytes | Type::Records => {}
        }
        rename_in(&mut field.fields, rename);
    }
}

/// Takes over the hand-written notes of the file that the import replaces.
fn keep_notes(file: &mut File, path: &Path) {
    let Some(old) = std::fs::read_to_string(path).ok().and_then(|text| schema::parse(&text).ok()) else { return };
    file.notes.clone_from(&old.notes);
    for message in &mut file.messages {
        let Some(before) = old.message(message.role) else { continue };
        keep_field_notes(&mut message.fields, &before.fields);
        for common in &mut message.structs {
            if let Some(earlier) = before.structs.iter().find(|earlier| earlier.name == common.name) {
                keep_field_notes(&mut common.fields, &earlier.fields);
            }
        }
    }
}

fn keep_field_notes(fields: &mut [Field], before: &[Field]) {
    for field in fields {
        if let Some(earlier) = before.iter().find(|earlier| earlier.name == field.name) {
            field.note.clone_from(&earlier.note);
            keep_field_notes(&mut field.fields, &earlier.fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_slashes_in_strings_stay() {
        let text = "// first\n{ \"a\": \"x//y\", // why\n  \"b\": \"\\\"//\" }";
        assert_eq!(without_comments(text), "\n{ \"a\": \"x//y\", \n  \"b\": \"\\\"//\" }\n");
    }

    fn imported(json: &str) -> Message {
        let definition: Definition = serde_json::from_str(json).unwrap();
        message(&definition, Role::Request, definition.latest_version_unstable).unwrap()
    }

    #[test]
    fn an_unstable_version_goes_with_the_fields_that_only_it_has() {
        let message = imported(
            r#"{ "name": "XRequest", "type": "request", "validVersions": "1-3", "flexibleVersions": "2+",
                "latestVersionUnstable": true, "fields": [
                { "name": "OldId", "type": "int32", "versions": "0-2", "default": "0x10" },
                { "name": "NewId", "type": "int32", "versions": "3+" } ] }"#,
        );
        assert_eq!((message.versions, message.flexible), (Versions { first: 1, last: 2 }, Some(2)));
        let [field] = message.fields.as_slice() else { panic!("{:?}", message.fields) };
        assert_eq!((field.name.as_str(), field.versions), ("old_id", Versions { first: 1, last: 2 }));
        assert_eq!(field.default, Some(Default::Integer(16)));
    }

    #[test]
    fn a_default_is_kept_where_it_is_not_the_one_that_the_type_has_anyway() {
        let message = imported(
            r#"{ "name": "XRequest", "type": "request", "validVersions": "0-1", "flexibleVersions": "0+", "fields": [
                { "name": "A", "type": "string", "versions": "0+", "nullableVersions": "0+", "default": "null" },
                { "name": "B", "type": "string", "versions": "0+", "nullableVersions": "1+", "default": "null" },
                { "name": "C", "type": "string", "versions": "0+", "nullableVersions": "0+",
                  "taggedVersions": "0+", "tag": 0 },
                { "name": "D", "type": "bool", "versions": "0+", "default": "false" } ] }"#,
        );
        let defaults: Vec<_> = message.fields.iter().map(|field| field.default.clone()).collect();
        assert_eq!(defaults, [None, Some(Default::Null), Some(Default::Zero), None]);
    }
}
