//! Generates the codecs of the internal topics' records, as a coordinator does, and the whole schema in one text that
//! can be compared with what Kafka's classes say of themselves.

use std::error::Error;
use std::path::{Path, PathBuf};

use schema::definition::{Field, File, Message, Type};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut records = Vec::new();
    for folder in ["../../schema/records/group", "../../schema/records/transaction"] {
        records.extend(read_all(Path::new(folder))?);
    }
    for file in &records {
        std::fs::write(out.join(format!("{}.rs", file.snake_name())), schema::rust::module(file))?;
    }
    std::fs::write(out.join("records.rs"), schema::rust::modules(&records))?;
    std::fs::write(out.join("cases.rs"), schema::rust::cases(&records, "crate::records"))?;

    let mut all = read_all(Path::new("../../protocol/schema"))?;
    all.extend(records);
    std::fs::write(out.join("schemas.txt"), all.iter().map(describe_file).collect::<String>())?;
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<File>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        files.push(schema::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    files.sort_by_key(|file| file.code);
    Ok(files)
}

/// A line for each message and version, in the notation of `Oracle.java`.
fn describe_file(file: &File) -> String {
    let mut text = String::new();
    for message in &file.messages {
        for version in message.versions.iter() {
            let fields = describe_fields(message, &message.fields, version);
            text.push_str(&[&file.name, message.role.suffix(), " ", &version.to_string(), " ", &fields, "\n"].concat());
        }
    }
    text
}

fn describe_fields(message: &Message, fields: &[Field], version: i16) -> String {
    let here = || fields.iter().filter(|field| field.versions.contains(version));
    let mut words: Vec<String> = here()
        .filter(|field| field.tag.is_none())
        .map(|field| format!("{}:{}", field.name, describe_field(message, field, version)))
        .collect();
    if message.is_flexible(version) {
        let mut tagged: Vec<&Field> = here().filter(|field| field.tag.is_some()).collect();
        tagged.sort_by_key(|field| field.tag);
        let tagged = tagged.iter().map(|field| {
            let tag = field.tag.unwrap_or_default();
            format!("{tag}={}:{}", field.name, describe_field(message, field, version))
        });
        words.push(format!("<{}>", tagged.collect::<Vec<_>>().join(" ")));
    }
    format!("{{{}}}", words.join(" "))
}

fn describe_field(message: &Message, field: &Field, version: i16) -> String {
    let nullable = field.nullable.is_some_and(|versions| versions.contains(version));
    describe_type(message, field, &field.kind, version, nullable)
}

fn describe_type(message: &Message, field: &Field, kind: &Type, version: i16, nullable: bool) -> String {
    let flexible = message.is_flexible(version);
    let mark = if nullable { "?" } else { "" };
    let named = |name: &str| {
        let compact = if flexible { "COMPACT_" } else { "" };
        let nullable = if nullable { "NULLABLE_" } else { "" };
        format!("{compact}{nullable}{name}")
    };
    match kind {
        Type::Scalar(scalar) => match scalar.word() {
            "bool" => "BOOLEAN".to_owned(),
            "uint32" => "UINT32".to_owned(),
            word => word.to_uppercase(),
        },
        Type::String => named("STRING"),
        Type::Bytes => named("BYTES"),
        Type::Records => named("RECORDS"),
        Type::Array(element) => {
            let compact = if flexible { "compact" } else { "" };
            format!("{compact}[{}]{mark}", describe_type(message, field, element, version, false))
        }
        Type::Struct(name) => {
            let common = message.structs.iter().find(|common| common.name == *name);
            let fields = common.map_or(field.fields.as_slice(), |common| common.fields.as_slice());
            format!("{}{mark}", describe_fields(message, fields, version))
        }
    }
}
