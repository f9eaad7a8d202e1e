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

/// A moment: milliseconds since 1970, `2026-11-22T20:15:00Z`, or a span before now such as `-90s`, `-15m`, `-2h`, `-7d`.
/// What comes back is milliseconds since 1970.
pub(crate) fn moment(text: &str, now_ms: i64) -> Result<i64, String> {
    let wrong = || {
        format!("'{text}' is no time; use milliseconds since 1970, 2026-11-22T20:15:00Z, or -15m for 15 minutes ago")
    };
    if let Ok(ms) = text.parse::<i64>() {
        return if ms >= 0 { Ok(ms) } else { Err(wrong()) };
    }
    if let Some(span) = text.strip_prefix('-') {
        let unit = span.chars().last().ok_or_else(wrong)?;
        let number: i64 = span.trim_end_matches(unit).parse().map_err(|_| wrong())?;
        let unit_ms = match unit {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return Err(wrong()),
        };
        return number.checked_mul(unit_ms).and_then(|span| now_ms.checked_sub(span)).ok_or_else(wrong);
    }
    utc(text).ok_or_else(wrong)
}

/// `YYYY-MM-DDTHH:MM:SS[.mmm]Z` as milliseconds since 1970.
fn utc(text: &str) -> Option<i64> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    // Days since 1970 of the proleptic Gregorian calendar, counting years from March so that leap days come last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    fits.then_some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + ms)
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

    #[test]
    fn moments_are_read_in_three_ways() {
        assert_eq!(moment("1700000000000", 0), Ok(1_700_000_000_000));
        assert_eq!(moment("-15m", 1_000_000), Ok(100_000));
        assert_eq!(moment("1970-01-01T00:00:00Z", 0), Ok(0));
        assert_eq!(moment("2024-02-29T12:30:15.25Z", 0), Ok(1_709_209_815_250));
        assert_eq!(moment("2000-03-01T00:00:00Z", 0), Ok(951_868_800_000));
        for wrong in ["", "-", "-5", "yesterday", "2024-13-01T00:00:00Z", "2024-01-01"] {
            assert!(moment(wrong, 0).is_err(), "{wrong}");
        }
    }
}
