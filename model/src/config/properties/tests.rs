use proptest::prelude::*;

use super::*;

/// Everything that `java.util.Properties` read from the same text (JDK 17), as `line key value`.
#[track_caller]
fn check(text: &str, expected: &[(usize, &str, &str)]) {
    let entries = parse(text).unwrap();
    let entries: Vec<_> = entries.iter().map(|entry| (entry.line, entry.key.as_str(), entry.value.as_str())).collect();
    assert_eq!(entries, expected, "{text:?}");
}

#[test]
fn a_key_ends_at_equals_colon_or_blank() {
    check(
        "a=1\nb:2\nc 3\nd\t4\n e = 5 \n",
        &[(1, "a", "1"), (2, "b", "2"), (3, "c", "3"), (4, "d", "4"), (5, "e", "5 ")],
    );
    check("a = = b", &[(1, "a", "= b")]);
    check("a", &[(1, "a", "")]);
    check("a\\=b=c\\:d", &[(1, "a=b", "c:d")]);
}

#[test]
fn comments_and_empty_lines_do_not_count() {
    check("# a=1\n ! b=2\n\n   \na=#1\r\nb=2\rc=3", &[(5, "a", "#1"), (6, "b", "2"), (7, "c", "3")]);
}

#[test]
fn a_line_that_ends_with_a_backslash_goes_on() {
    check("a=1,\\\n   2,\\\r\n   3\nb=4", &[(1, "a", "1,2,3"), (4, "b", "4")]);
    check("a=1\\\\\nb=2", &[(1, "a", "1\\"), (2, "b", "2")]);
    check("a=1\\\n#2", &[(1, "a", "1#2")]);
    check("a=1\\", &[(1, "a", "1")]);
}

#[test]
fn escapes_stand_for_characters() {
    check(r"a=\t\n\r\f\\\x\u0041\u00e9\uD83D\uDE00", &[(1, "a", "\t\n\r\u{c}\\xAé😀")]);
}

#[test]
fn a_wrong_line_is_named() {
    let problem = |text: &str| parse(text).map_err(|error| (error.line, error.problem));
    assert_eq!(problem("a=1\nb=\\u12"), Err((2, SyntaxProblem::UnicodeEscape)));
    assert_eq!(problem("\n\na=\\uD83D"), Err((3, SyntaxProblem::LoneSurrogate)));
    assert_eq!(problem("=1"), Err((1, SyntaxProblem::NoKey)));
}

/// The same text with everything escaped that could be taken for syntax.
fn escape(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '=' | ':' | ' ' | '#' | '!' | '\\' => format!("\\{character}"),
            other => other.to_string(),
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_escaped_reads_back(entries in prop::collection::vec(("\\PC{1,8}|[ =:#!\\\\\t\n]{1,4}", any::<String>()), 0..8)) {
        let lines: Vec<_> = entries.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
        let text = lines.join("\n");
        let read: Vec<_> = parse(&text).unwrap().into_iter().map(|entry| (entry.key, entry.value)).collect();
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn no_text_is_a_panic(text in any::<String>()) {
        drop(parse(&text));
    }
}
