//! Check: every counted row of the table of metrics is counted somewhere. Rows that are gathered are constants, of which the
//! compiler says when nobody uses one.

use super::Finding;
use super::configs::reads;
use super::rules::Rules;
use super::tree::Tree;

const TABLE: &str = "src/telemetry/metrics.rs";

/// One row, as its text in the table says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    /// The name of the field, or of the constant.
    field: String,
    /// `counter`, `gauge` or `histogram`.
    pub(crate) kind: &'static str,
    /// The name without the ending of its kind.
    pub(crate) name: String,
    /// The names of its labels, separated by commas.
    pub(crate) labels: String,
    /// What it counts.
    pub(crate) unit: String,
    /// Kafka's; `-` if there is none.
    pub(crate) mbean: String,
    /// What it means.
    pub(crate) help: String,
}

/// The rows in their order; `None` if one cannot be read.
pub(crate) fn read(tree: &Tree) -> Option<Vec<Metric>> {
    let (mut metrics, mut help, mut row) = (Vec::new(), String::new(), String::new());
    let lines = tree.text(TABLE)?.lines().map(str::trim).skip_while(|line| *line != "counted {");
    for line in lines.take_while(|line| *line != "beside {") {
        if let Some(doc) = line.strip_prefix("///") {
            help.push_str(doc);
        } else if line.ends_with(';') {
            row.push_str(line);
            metrics.push(metric(&row, help.trim())?);
            (help, row) = (String::new(), String::new());
        } else if !matches!(line, "" | "}" | "counted {" | "gathered {") {
            row.push_str(line);
            row.push(' ');
        }
    }
    Some(metrics)
}

/// `field: Type = "name", labels [names], unit "unit", mbean "mbean";`
fn metric(row: &str, help: &str) -> Option<Metric> {
    let (field, rest) = row.split_once(": ")?;
    let (kind, rest) = rest.split_once(" = \"")?;
    let (name, rest) = rest.split_once("\", labels [")?;
    let (labels, rest) = rest.split_once("], unit \"")?;
    let (unit, rest) = rest.split_once("\", mbean \"")?;
    let kind = match kind.split('<').next()? {
        "Counter" | "CounterBy" => "counter",
        "Gauge" => "gauge",
        "HistogramBy" => "histogram",
        _ => return None,
    };
    Some(Metric {
        field: field.to_owned(),
        kind,
        name: name.to_owned(),
        labels: labels.replace('"', ""),
        unit: unit.to_owned(),
        mbean: rest.strip_suffix("\";")?.to_owned(),
        help: help.to_owned(),
    })
}

pub(super) fn check(tree: &Tree, _: &Rules) -> Vec<Finding> {
    if !tree.has(TABLE) {
        return Vec::new();
    }
    let Some(metrics) = read(tree) else {
        return vec![Finding::new(
            TABLE,
            0,
            "a row is not `field: Type = \"name\", labels [], unit \"\", mbean \"\";`",
        )];
    };
    let code: Vec<String> =
        tree.production().filter(|(path, _)| *path != TABLE).map(|(_, code)| code.text().to_owned()).collect();
    let is_counted = |metric: &&Metric| {
        let is_field = metric.field.starts_with(|first: char| first.is_ascii_lowercase());
        !is_field || code.iter().any(|code| reads(code, &metric.field))
    };
    let idle = metrics.iter().filter(|metric| !is_counted(metric));
    idle.map(|metric| Finding::new(TABLE, 0, format!("nothing counts {}", metric.name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "metrics! {\n    counted {\n        /// Requests,\n        /// by API.\n        requests: CounterBy<ApiKey> = \
        \"kafka_requests\",\n            labels [\"request\", \"b\"], unit \"requests\", mbean \"a=b,c=*\";\n    }\n    gathered {\n        \
        /// Sizes.\n        SIZE: Gauge = \"size\",\n            labels [], unit \"bytes\", mbean \"-\";\n    }\n    beside {\n    }\n}\n";

    #[test]
    fn a_row_is_read_and_one_that_nothing_counts_is_found() {
        let tree = Tree::of(&[(TABLE, ROWS), ("src/a.rs", "fn f(m: &M) { m.requests.add(1) }")]);
        let metrics = read(&tree).unwrap();
        let shown: Vec<_> = metrics.iter().map(|row| (&*row.name, row.kind, &*row.labels, &*row.help)).collect();
        assert_eq!(
            shown,
            [("kafka_requests", "counter", "request, b", "Requests, by API."), ("size", "gauge", "", "Sizes.")]
        );
        assert_eq!((&*metrics[0].unit, &*metrics[0].mbean), ("requests", "a=b,c=*"));
        assert_eq!(check(&tree, &Rules::default()), []);
        assert_eq!(check(&Tree::of(&[(TABLE, ROWS)]), &Rules::default()).len(), 1);
        assert_eq!(check(&Tree::of(&[(TABLE, &ROWS.replace("unit", "of"))]), &Rules::default()).len(), 1);
    }
}
