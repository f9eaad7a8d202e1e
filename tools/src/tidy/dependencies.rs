//! Check: each crate of others has a row in the decision about dependencies, and each row its crate.

use super::Finding;
use super::rules::Rules;
use super::tree::Tree;

const PAGE: &str = "docs/decisions/0002-dependencies.md";

pub(super) fn check(tree: &Tree, _: &Rules) -> Vec<Finding> {
    let manifest: toml::Table = match toml::from_str(tree.text("Cargo.toml").unwrap_or_default()) {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new("Cargo.toml", 0, error.to_string())],
    };
    let dependencies = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let dependencies = dependencies.and_then(toml::Value::as_table);
    let names =
        dependencies.into_iter().flatten().filter(|(_, value)| value.get("path").is_none()).map(|(name, _)| name);
    let names: Vec<_> = names.map(String::as_str).collect();
    let rows = rows(tree.text(PAGE).unwrap_or_default());
    let unexplained = names.iter().filter(|name| !rows.contains(*name));
    let unused = rows.iter().filter(|row| !names.contains(row));
    let unexplained = unexplained.map(|name| Finding::new("Cargo.toml", 0, format!("{PAGE} has no row for {name}")));
    let unused = unused.map(|row| Finding::new(PAGE, 0, format!("no crate {row} is in Cargo.toml")));
    unexplained.chain(unused).collect()
}

/// The crates in the first column of the table.
fn rows(page: &str) -> Vec<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let words = cells.flat_map(|cell| cell.split(" with ").next().unwrap_or_default().split(','));
    words.map(|word| word.trim_matches([' ', '`'])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(crates: &str, rows: &str) -> usize {
        let manifest = format!("[workspace.dependencies]\nmodel = {{ path = 'model' }}\n{crates}");
        check(&Tree::of(&[("Cargo.toml", &manifest), (PAGE, rows)]), &Rules::default()).len()
    }

    #[test]
    fn a_crate_without_a_row_is_found_and_a_row_without_a_crate() {
        let rows = "| crate | for |\n|---|---|\n| `serde`, `flate2` with `zlib-rs` | x |\n";
        assert_eq!(problems("serde = '1'\nflate2 = { version = '1' }", rows), 0);
        assert_eq!(problems("serde = '1'\nflate2 = '1'\nbytes = '1'", rows), 1);
        assert_eq!(problems("serde = '1'", rows), 1);
    }
}
