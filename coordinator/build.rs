//! Turns the records of the internal topics into Rust.

use std::error::Error;
use std::path::PathBuf;

/// The records that the coordinators write and read; the rest of `schema/records` comes with what writes it.
const RECORDS: [&str; 9] = [
    "group/offset_commit",
    "group/group_metadata",
    "group/consumer_group_metadata",
    "group/consumer_group_member_metadata",
    "group/consumer_group_target_assignment_metadata",
    "group/consumer_group_target_assignment_member",
    "group/consumer_group_current_member_assignment",
    "group/consumer_group_regular_expression",
    "transaction/transaction_log",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    // The generated code can make random values; tests/oracle is where that is used.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"testing\"))");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut files = Vec::new();
    for name in RECORDS {
        let path = PathBuf::from(format!("../schema/records/{name}.txt"));
        println!("cargo::rerun-if-changed={}", path.display());
        let text = std::fs::read_to_string(&path)?;
        files.push(schema::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    files.sort_by_key(|file| file.code);
    for file in &files {
        std::fs::write(out.join(format!("{}.rs", file.snake_name())), schema::rust::module(file))?;
    }
    std::fs::write(out.join("records.rs"), schema::rust::modules(&files))?;
    Ok(())
}
