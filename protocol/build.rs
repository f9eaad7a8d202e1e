//! Turns every file of `schema/` into Rust.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=schema");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut files = Vec::new();
    for entry in std::fs::read_dir("schema")? {
        let path = entry?.path();
        files.push(read(&path).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    files.sort_by_key(|file| file.code);
    for file in &files {
        std::fs::write(out.join(format!("{}.rs", file.snake_name())), schema::rust::module(file))?;
    }
    std::fs::write(out.join("messages.rs"), schema::rust::modules(&files))?;
    std::fs::write(out.join("api_keys.rs"), schema::rust::api_keys(&files))?;
    std::fs::write(out.join("cases.rs"), schema::rust::cases(&files, "crate::messages"))?;
    Ok(())
}

fn read(path: &Path) -> Result<schema::File, Box<dyn Error>> {
    Ok(schema::parse(&std::fs::read_to_string(path)?)?)
}
