//! Moments and spans as people and ISO 8601 write them, read into milliseconds.

/// A moment: milliseconds since 1970, `2026-11-22T20:15:00Z` (without a zone: UTC), or a span before now such as `-90s`,
/// `-15m`, `-2h`, `-7d`. What comes back is milliseconds since 1970.
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
        return unit_ms(unit)
            .and_then(|unit_ms| number.checked_mul(unit_ms))
            .and_then(|span| now_ms.checked_sub(span))
            .ok_or_else(wrong);
    }
    date_time(text).ok_or_else(wrong)
}

/// A span of ISO 8601 in days and smaller (`P7D`, `PT1H30M`, `-PT0.5S`) as Kafka's tools take it, in milliseconds.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("'{text}' is no duration; use PnDTnHnMnS, such as P7D, PT1H30M or PT45S");
    let upper = text.to_ascii_uppercase();
    let (sign, span) = match upper.strip_prefix('-') {
        Some(span) => (-1, span),
        None => (1, upper.strip_prefix('+').unwrap_or(&upper)),
    };
    let span = span.strip_prefix('P').ok_or_else(wrong)?;
    let (days, clock) = match span.split_once('T') {
        Some((days, clock)) => (days, Some(clock)),
        None => (span, None),
    };
    let days = if days.is_empty() { None } else { Some(parts(days, "D").ok_or_else(wrong)?) };
    let clock = clock.map(|clock| parts(clock, "HMS").ok_or_else(wrong)).transpose()?;
    if days.is_none() && clock.is_none() {
        return Err(wrong());
    }
    let total = days.unwrap_or(0).checked_add(clock.unwrap_or(0)).and_then(|total| total.checked_mul(sign));
    total.ok_or_else(wrong)
}

/// Numbers with a unit each, the units in the order of `units`; at least one. Only seconds may have a fraction.
fn parts(text: &str, units: &str) -> Option<i64> {
    let (mut rest, mut allowed, mut total) = (text, units, 0_i64);
    while !rest.is_empty() {
        let end = rest.find(|character: char| character.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at_checked(end)?;
        let unit = after.chars().next()?;
        let (_, later) = allowed.split_once(unit)?;
        let span = match number.split_once('.') {
            Some((whole, fraction)) if unit == 'S' => seconds(whole, fraction)?,
            Some(_) => return None,
            None => number.parse::<i64>().ok()?.checked_mul(unit_ms(unit.to_ascii_lowercase())?)?,
        };
        total = total.checked_add(span)?;
        allowed = later;
        rest = after.get(1..)?;
    }
    (!text.is_empty()).then_some(total)
}

/// Seconds with a fraction, in whole milliseconds; what is smaller is cut off.
fn seconds(whole: &str, fraction: &str) -> Option<i64> {
    if fraction.len() > 9 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let negative = whole.starts_with('-');
    let whole = if matches!(whole, "" | "+" | "-") { 0 } else { whole.parse::<i64>().ok()? };
    whole.checked_mul(1_000)?.checked_add(if negative { -ms } else { ms })
}

const fn unit_ms(unit: char) -> Option<i64> {
    match unit {
        's' => Some(1_000),
        'm' => Some(60_000),
        'h' => Some(3_600_000),
        'd' => Some(86_400_000),
        _ => None,
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.mmm]` and a zone (`Z`, `+02`, `+0200`, `+02:00`; none is UTC) as milliseconds since 1970.
fn date_time(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once('T')?;
    let (clock, zone_ms) = match clock.find(['Z', '+', '-']) {
        Some(at) => {
            let (clock, zone) = clock.split_at_checked(at)?;
            (clock, zone_ms(zone)?)
        }
        None => (clock, 0),
    };
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
    fits.then_some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + ms - zone_ms)
}

/// How far a zone is ahead of UTC.
fn zone_ms(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.get(1..)?.replacen(':', "", 1);
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0), |rest| rest.parse().ok())?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_moment_is_in_utc_unless_it_names_a_zone() {
        let hour = 3_600_000;
        for (text, ms) in [
            ("1970-01-02T00:00:00.000", 24 * hour),
            ("1970-01-02T00:00:00+02:00", 22 * hour),
            ("1970-01-02T00:00:00.5-0130", 25 * hour + hour / 2 + 500),
            ("1970-01-02T00:00:00+01", 23 * hour),
        ] {
            assert_eq!(moment(text, 0), Ok(ms), "{text}");
        }
        for wrong in
            ["1970-01-02T00:00:00+", "1970-01-02T00:00:00+1", "1970-01-02T00:00:00+25:00", "1970-01-02T00:00:00Zx"]
        {
            assert!(moment(wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_those_of_iso_8601() {
        for (text, ms) in [
            ("P1D", 86_400_000),
            ("PT1H30M", 5_400_000),
            ("P2DT3S", 172_803_000),
            ("pt0.5s", 500),
            ("PT-1.25S", -1_250),
            ("-PT1M", -60_000),
            ("PT0S", 0),
        ] {
            assert_eq!(duration(text), Ok(ms), "{text}");
        }
        for wrong in ["", "P", "PT", "P1DT", "1D", "PT1D", "PT1M1H", "PT1H1H", "PT1.5M", "PT1", "P99999999999999D"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
