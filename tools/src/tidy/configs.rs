//! Check: every key of the config tables is read somewhere, or tidy.toml says why not yet.

use model::config::{BrokerConfig, TopicConfig};

use super::Finding;
use super::rules::{Rules, is_reason};
use super::tree::Tree;

pub(super) fn check(tree: &Tree, rules: &Rules) -> Vec<Finding> {
    let topic = TopicConfig::ROWS.iter().map(|row| ("model/src/config/topic.rs", row.key, row.field));
    let broker = BrokerConfig::ROWS.iter().map(|row| ("model/src/config/broker.rs", row.key, row.field));
    let keys: Vec<_> = topic.chain(broker).collect();
    check_keys(&keys, tree, rules)
}

fn check_keys(keys: &[(&str, &str, &str)], tree: &Tree, rules: &Rules) -> Vec<Finding> {
    let code: Vec<String> = tree.production().map(|(_, code)| code.text().to_owned()).collect();
    let mut findings = Vec::new();
    for (path, key, field) in keys {
        let is_read = code.iter().any(|code| reads(code, field));
        match (is_read, rules.unread_configs.get(*key)) {
            (false, None) => {
                findings.push(Finding::new(path, 0, format!("nothing reads {key}: no code names .{field}")));
            }
            (true, Some(_)) => {
                findings.push(Finding::new(
                    "tidy.toml",
                    0,
                    format!("{key} is read: its entry in [unread_configs] can go"),
                ));
            }
            (false, Some(reason)) if !is_reason(reason) => {
                findings.push(Finding::new(
                    "tidy.toml",
                    0,
                    format!("the entry of {key} in [unread_configs] needs a reason"),
                ));
            }
            _ => {}
        }
    }
    let unknown = rules.unread_configs.keys().filter(|key| !keys.iter().any(|(_, known, _)| known == key));
    findings.extend(unknown.map(|key| Finding::new("tidy.toml", 0, format!("{key} in [unread_configs] is no key"))));
    findings
}

/// Whether the code names a field of some value.
pub(super) fn reads(code: &str, field: &str) -> bool {
    let dotted = format!(".{field}");
    code.match_indices(&dotted).any(|(at, _)| {
        let behind = code.get(at + dotted.len()..).unwrap_or_default();
        !behind.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '(')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nothing_reads_is_found() {
        let keys = [("topic.rs", "segment.ms", "segment_ms")];
        let problems =
            |text, rules| check_keys(&keys, &Tree::of(&[("src/a.rs", text)]), &toml::from_str(rules).unwrap()).len();
        assert_eq!(problems("config.segment_ms", ""), 0);
        assert_eq!(problems("config.segment_ms_max; config.segment_ms(); // config.segment_ms", ""), 1);
        assert_eq!(problems("#[cfg(test)] mod t { fn f() { config.segment_ms } }", ""), 1);
        assert_eq!(problems("", "[unread_configs]\n'segment.ms' = 'compaction comes later'"), 0);
        assert_eq!(problems("", "[unread_configs]\n'segment.ms' = 'later'"), 1);
        assert_eq!(problems("c.segment_ms", "[unread_configs]\n'segment.ms' = 'compaction comes later'"), 1);
        assert_eq!(problems("c.segment_ms", "[unread_configs]\n'no.key' = 'compaction comes later'"), 1);
    }
}
