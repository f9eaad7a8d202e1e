//! What is only known when somebody looks: one value for each combination of labels, gathered for one answer.

use std::collections::BTreeMap;

use super::table::Row;

/// What was gathered, bounded by `metrics.series.max`.
#[derive(Debug)]
pub(crate) struct Samples {
    families: BTreeMap<&'static str, Family>,
    room: usize,
    omitted: u64,
}

/// The values of one row.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) row: &'static Row,
    /// The labels' values, in the row's order, and the number.
    pub(super) points: Vec<(Vec<String>, u64)>,
}

impl Samples {
    /// Nothing yet, and room for so many series with labels.
    pub(crate) fn new(series_max: usize) -> Self {
        Self { families: BTreeMap::new(), room: series_max, omitted: 0 }
    }

    /// The one value of a row, or, where the row has labels, the value of all of them together.
    pub(crate) fn set(&mut self, row: &'static Row, value: u64) {
        self.family(row).points.push((Vec::new(), value));
    }

    /// The value of a row for these labels. Beyond the bound it is left out, and counted.
    pub(crate) fn set_for(&mut self, row: &'static Row, labels: &[&str], value: u64) {
        if self.room == 0 {
            self.omitted += 1;
            return;
        }
        self.room -= 1;
        self.family(row).points.push((labels.iter().map(|label| (*label).to_owned()).collect(), value));
    }

    /// How many series were left out.
    pub(crate) fn omitted(&self) -> u64 {
        self.omitted
    }

    pub(super) fn families(&self) -> impl Iterator<Item = &Family> {
        self.families.values()
    }

    fn family(&mut self, row: &'static Row) -> &mut Family {
        self.families.entry(row.name).or_insert_with(|| Family { row, points: Vec::new() })
    }
}
