//! The text of an answer: Prometheus' own format, or OpenMetrics for who asks for it.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::clients::{ClientTelemetry, Series};
use super::counter::CounterBy;
use super::histogram::HistogramBy;
use super::label::Label;
use super::metrics::Metrics;
use super::sample::{Family, Samples};
use super::table::{Kind, Row};

/// In which of its two forms the text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The one that an `Accept` header asks for.
    pub(super) fn asked(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its name in an answer's header.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Everything as text.
///
/// # Errors
/// [`fmt::Error`] if a row is shown as what it is not: a mistake of ours.
pub(crate) fn render(
    format: Format,
    metrics: &Arc<Metrics>,
    samples: Samples,
    clients: &ClientTelemetry,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    let everything = Everything { metrics: Arc::clone(metrics), samples, series: clients.series() };
    registry.register_collector(Box::new(everything));
    let mut body = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut body, &registry)?,
        Format::OpenMetrics => text::encode(&mut body, &registry)?,
    }
    Ok(body)
}

/// What one answer shows.
#[derive(Debug)]
struct Everything {
    metrics: Arc<Metrics>,
    samples: Samples,
    series: Vec<Series>,
}

impl Collector for Everything {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.metrics.encode(&mut encoder)?;
        for family in self.samples.families() {
            encode(&mut encoder, family.row, family)?;
        }
        self.series.iter().try_for_each(|series| encode_series(&mut encoder, series))
    }
}

/// What a row of the table can hold.
pub(super) trait Shown {
    /// What kind of numbers it has. Of gathered ones the row says it.
    const KIND: Kind;

    /// Writes its series.
    fn encode(&self, row: &Row, encoder: MetricEncoder<'_>) -> fmt::Result;
}

/// Writes a row: what it is, then its series.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, row: &Row, shown: &impl Shown) -> fmt::Result {
    let kind = match row.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    shown.encode(row, encoder.encode_descriptor(row.name, row.help.trim(), None, kind)?)
}

/// The labels of one series.
struct Labels<'a> {
    names: &'a [&'a str],
    values: &'a [&'a str],
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let pairs: Vec<(&str, &str)> = self.names.iter().copied().zip(self.values.iter().copied()).collect();
        pairs.encode(encoder)
    }
}

impl<L: Label> Shown for CounterBy<L> {
    const KIND: Kind = Kind::Counter;

    fn encode(&self, row: &Row, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for label in (0..L::COUNT).filter_map(L::at) {
            let total = self.total(label);
            match label.text() {
                None => encoder.encode_counter::<NoLabelSet, _, f64>(&total, None)?,
                // What never happened is left out, so that the many APIs that nobody uses cost nothing.
                Some(_) if total == 0 => {}
                Some(text) => encoder
                    .encode_family(&Labels { names: row.labels, values: &[text] })?
                    .encode_counter::<NoLabelSet, _, f64>(&total, None)?,
            }
        }
        Ok(())
    }
}

impl<L: Label> Shown for HistogramBy<L> {
    const KIND: Kind = Kind::Histogram;

    fn encode(&self, row: &Row, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for label in (0..L::COUNT).filter_map(L::at) {
            let Some(counted) = self.counted(label) else { continue };
            let values: Vec<&str> = label.text().into_iter().collect();
            encoder.encode_family(&Labels { names: row.labels, values: &values })?.encode_histogram::<NoLabelSet>(
                counted.sum,
                counted.count,
                &counted.buckets,
                None,
            )?;
        }
        Ok(())
    }
}

impl Shown for Family {
    const KIND: Kind = Kind::Gauge;

    fn encode(&self, row: &Row, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, value) in &self.points {
            let values: Vec<&str> = labels.iter().map(String::as_str).collect();
            let labels = Labels { names: row.labels, values: &values };
            let mut encoder = encoder.encode_family(&labels)?;
            match row.kind {
                Kind::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(value, None)?,
                Kind::Gauge => encoder.encode_gauge(value)?,
                Kind::Histogram => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}

/// Writes what clients pushed under one name.
fn encode_series(encoder: &mut DescriptorEncoder<'_>, series: &Series) -> fmt::Result {
    let kind = if series.is_counter { MetricType::Counter } else { MetricType::Gauge };
    let mut encoder = encoder.encode_descriptor(&series.name, "Pushed by clients (KIP-714).", None, kind)?;
    for (labels, value) in &series.points {
        let pairs: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut encoder = encoder.encode_family(&pairs)?;
        if series.is_counter {
            encoder.encode_counter::<NoLabelSet, _, f64>(value, None)?;
        } else {
            encoder.encode_gauge(value)?;
        }
    }
    Ok(())
}
