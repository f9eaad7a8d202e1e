//! Check: each crate of others has a row in the decision about dependencies, and each row its crate.

use super::Finding;
use super::rules::Rules;
use super::tree::Tree;

const PAGE: &str = "docs/decisions/0002-dependencies.md";

pub(super) fn check(tree: &Tree, _: &Rules) -> Vec<Finding> {
    let read = |path: &str| {
        toml::from_str::<toml::Table>(tree.text(path).unwrap_or_default())
            .map_err(|error| vec![Finding::new(path, 0, error.to_string())])
    };
    let (workspace, fuzz) = match (read("Cargo.toml"), read("fuzz/Cargo.toml")) {
        (Ok(workspace), Ok(fuzz)) => (workspace, fuzz),
        (Err(findings), _) | (_, Err(findings)) => return findings,
    };
    let tables =
        [workspace.get("workspace").and_then(|workspace| workspace.get("dependencies")), fuzz.get("dependencies")];
    let dependencies = tables.into_iter().flatten().filter_map(toml::Value::as_table).flatten();
    let names: Vec<_> =
        dependencies.filter(|(_, value)| value.get("path").is_none()).map(|(name, _)| name.as_str()).collect();
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
