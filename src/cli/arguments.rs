//! Small things that several commands take as arguments, read into values.

/// `KEY=VALUE`; the value may contain further equals signs.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("'{text}' is not KEY=VALUE")),
    }
}

/// Bytes that stand between things; `\t`, `\n`, `\r`, `\0`, `\\` and `\xNN` mean what they mean in most languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Separator(pub(crate) Vec<u8>);

impl Separator {
    /// Reads the text of an argument.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '\\' {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            bytes.push(match characters.next() {
                Some('t') => b'\t',
                Some('n') => b'\n',
                Some('r') => b'\r',
                Some('0') => 0,
                Some('\\') => b'\\',
                Some('x') => {
                    let digits: String = characters.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16)
                        .map_err(|_| format!("'\\x{digits}' is not \\x and two hex digits"))?
                }
                other => {
                    return Err(format!("'\\{}' is unknown; use \\t \\n \\r \\0 \\\\ or \\xNN", other.unwrap_or(' ')));
                }
            });
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_know_their_escapes() {
        assert_eq!(Separator::parse("\\t").unwrap().0, b"\t");
        assert_eq!(Separator::parse("a\\x00\\\\é").unwrap().0, "a\0\\é".as_bytes());
        assert!(Separator::parse("\\q").is_err());
        assert!(Separator::parse("\\x4").unwrap().0 == [4]);
    }
}
