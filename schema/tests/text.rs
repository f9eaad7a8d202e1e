//! The text format: what is printed reads back, and what is wrong is named with its line.

use std::path::{Path, PathBuf};

use schema::definition::{Default, Role, Scalar, Type, Versions};
use schema::{ParseError, Problem, parse, print};

fn committed() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ["protocol/schema", "schema/records/group", "schema/records/transaction"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).into_iter().flatten())
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect()
}

#[test]
fn every_committed_file_is_as_the_printer_writes_it_and_named_after_what_it_defines() {
    let files = committed();
    assert!(files.len() > 100, "only {} files found", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(print(&file), text, "{}", path.display());
        assert_eq!(path.file_stem().and_then(|name| name.to_str()), Some(file.snake_name().as_str()));
        assert!(!file.notes.is_empty(), "{} has no note that says what it is for", path.display());
    }
}

const EXAMPLE: &str = "\
# What it is for.
api 999 Example
listeners broker

request 2-7 flexible 5+
  name:   string?    2+
  limit:  int32      3-6  = -1 ignorable
  topics: []Topic    2+   nullable 4+  # null asks for all
    topic_id: uuid  2+
  extra:  Extra      5+   tag 0

struct Extra
  flag: bool  5+  = true

response 2-7 flexible 5+
  error_code: int16  2+
";

#[test]
fn a_file_says_what_its_definition_holds() {
    let file = parse(EXAMPLE).unwrap();
    assert_eq!(
        (file.code, file.name.as_str(), file.notes.as_slice()),
        (999, "Example", &["What it is for.".to_owned()][..])
    );
    let request = file.message(Role::Request).unwrap();
    assert_eq!((request.versions, request.flexible), (Versions { first: 2, last: 7 }, Some(5)));
    let [name, limit, topics, extra] = request.fields.as_slice() else { panic!("{request:?}") };
    assert!(name.is_always_nullable() && name.is_null_by_default());
    assert_eq!((limit.versions, limit.default.clone()), (Versions { first: 3, last: 6 }, Some(Default::Integer(-1))));
    assert!(limit.ignorable && !topics.ignorable);
    assert_eq!(topics.nullable, Some(Versions { first: 4, last: 7 }));
    assert_eq!(topics.note.as_deref(), Some("null asks for all"));
    assert_eq!(topics.fields[0].kind, Type::Scalar(Scalar::Uuid));
    assert_eq!(extra.tag, Some(0));
    assert_eq!(parse(&print(&file)), Ok(file));
}

fn problem(from: &str, to: &str) -> Option<ParseError> {
    assert!(EXAMPLE.contains(from), "{from}");
    parse(&EXAMPLE.replace(from, to)).err()
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let at = |line, problem| Some(ParseError { line, problem });
    assert_eq!(problem("api 999", "app 999"), at(2, Problem::NoOpening));
    assert_eq!(problem("999", "many"), at(2, Problem::BadNumber("many".to_owned())));
    assert_eq!(problem("int32 ", "int33 "), at(7, Problem::BadType("int33".to_owned())));
    assert_eq!(problem("3-6", "3-8"), at(7, Problem::BadVersions("3-8".to_owned())));
    assert_eq!(problem("= -1", "= few"), at(7, Problem::BadDefault("few".to_owned())));
    assert_eq!(
        problem("ignorable", "ignored"),
        at(7, Problem::Unexpected("limit:  int32      3-6  = -1 ignored".to_owned()))
    );
    assert_eq!(problem("    topic_id", "     topic_id"), at(9, Problem::BadIndentation));
    assert_eq!(problem("struct Extra", "struct Other"), at(1, Problem::BadStruct("Extra".to_owned())));
    assert_eq!(problem("struct Extra", "struct Topic"), at(1, Problem::BadStruct("Extra".to_owned())));
}
