//! Lists of offsets as Kafka's own tool writes and reads them: `topic,partition,offset` for one group,
//! `group,topic,partition,offset` for more; no line of titles. Fields are quoted as RFC 4180 has it, where they must be.

use std::collections::BTreeMap;

use crate::cli::client::offsets::{Offsets, TopicPartition};

/// The offsets of some groups, as lines of a file; the lines do not name the group if it is the only one that can be meant.
pub(super) fn write(groups: &BTreeMap<String, Offsets>, only_group: Option<&str>) -> String {
    let prefix = |group| if only_group.is_none() { format!("{},", quoted(group)) } else { String::new() };
    let lines = groups.iter().flat_map(|(group, offsets)| {
        let prefix = prefix(group);
        offsets.iter().map(move |(at, offset)| format!("{prefix}{},{},{offset}\n", quoted(&at.topic), at.partition))
    });
    lines.collect()
}

/// Reads such a file. `only_group` is whose offsets they are where the lines do not say; there they must.
///
/// # Errors
/// What is wrong, and in which record.
pub(super) fn read(text: &str, only_group: Option<&str>) -> Result<BTreeMap<String, Offsets>, String> {
    let mut groups: BTreeMap<String, Offsets> = BTreeMap::new();
    for (index, record) in records(text)?.iter().enumerate() {
        let wrong = |what: &str| format!("record {}: {what}", index + 1);
        let fields: Vec<&str> = record.iter().map(String::as_str).collect();
        let (group, topic, partition, offset) = match (fields.as_slice(), only_group) {
            ([topic, partition, offset], Some(group)) => (group, *topic, *partition, *offset),
            ([_, _, _], None) => return Err(wrong("with several groups, a line is GROUP,TOPIC,PARTITION,OFFSET")),
            ([group, topic, partition, offset], _) => (*group, *topic, *partition, *offset),
            _ => return Err(wrong("a line is TOPIC,PARTITION,OFFSET or GROUP,TOPIC,PARTITION,OFFSET")),
        };
        let number: i32 = partition.trim().parse().map_err(|_| wrong(&format!("'{partition}' is not a partition")))?;
        let offset: i64 = offset.trim().parse().map_err(|_| wrong(&format!("'{offset}' is not an offset")))?;
        groups.entry(group.to_owned()).or_default().insert(TopicPartition::new(topic, number), offset);
    }
    Ok(groups)
}

/// A field, in quotes if it could not be told from its neighbours without.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) || field.trim() != field {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}

/// The fields of each record; empty lines are none.
fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(std::mem::take(&mut field)),
            '\r' if !is_quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !is_quoted => end(&mut records, &mut record, &mut field),
            other => field.push(other),
        }
    }
    if is_quoted {
        return Err(format!("record {}: a quote is never closed", records.len() + 1));
    }
    end(&mut records, &mut record, &mut field);
    Ok(records)
}

fn end(records: &mut Vec<Vec<String>>, record: &mut Vec<String>, field: &mut String) {
    if record.is_empty() && field.trim().is_empty() {
        return;
    }
    record.push(std::mem::take(field));
    records.push(std::mem::take(record));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(list: &[(&str, i32, i64)]) -> Offsets {
        list.iter().map(|(topic, partition, offset)| (TopicPartition::new(topic, *partition), *offset)).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let one = BTreeMap::from([("g".to_owned(), offsets(&[("t", 0, 5), ("t", 1, 7)]))]);
        assert_eq!(write(&one, Some("g")), "t,0,5\nt,1,7\n");
        assert_eq!(write(&one, None), "g,t,0,5\ng,t,1,7\n");
        assert_eq!(read(&write(&one, Some("g")), Some("g")), Ok(one));
        let odd = "a \"quoted\", odd\nname ";
        let two =
            BTreeMap::from([(odd.to_owned(), offsets(&[("t", 0, 5)])), ("h".to_owned(), offsets(&[("u", 3, 0)]))]);
        assert_eq!(read(&write(&two, None), None), Ok(two));
    }

    #[test]
    fn lines_end_in_both_ways_and_empty_ones_are_none() {
        let expected = BTreeMap::from([("g".to_owned(), offsets(&[("t", 0, 5), ("t", 1, 7)]))]);
        assert_eq!(read("t,0,5\r\n\r\nt,1,7", Some("g")), Ok(expected.clone()));
        assert_eq!(read("g,t,0,5\n\"g\",\"t\",\"1\",\"7\"\n", Some("g")), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, only_group, word) in [
            ("t,0,5\nt,x,5\n", Some("g"), "record 2: 'x'"),
            ("t,0,5\n", None, "several groups"),
            ("t,0\n", Some("g"), "record 1"),
            ("\"t,0,5\n", Some("g"), "never closed"),
            ("t,0,99999999999999999999", Some("g"), "not an offset"),
        ] {
            let error = read(text, only_group).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
