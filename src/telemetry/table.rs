//! The row of the table of metrics, and the macro that turns rows into counters and into what is gathered.

/// What kind of number a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows while the broker runs; the name is shown with `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, a count and a sum.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name, without the ending of its kind.
    pub(crate) name: &'static str,
    /// Its kind.
    pub(crate) kind: Kind,
    /// The names of its labels.
    pub(crate) labels: &'static [&'static str],
    /// What it means, in whole sentences.
    pub(crate) help: &'static str,
}

/// The counters as a struct, and the gathered rows as constants, from lines of
/// `field: type = "name", labels [names], unit "unit", mbean "Kafka's MBean";` under their documentation. The last two are for
/// docs/METRICS.md, which `cargo xtask docs` makes from the text of the table. `beside` names counters that several rows
/// show.
macro_rules! metrics {
    (
        counted { $($(#[doc = $counted_doc:literal])+ $field:ident: $type:ty = $counted_name:literal,
            labels [$($counted_label:literal),*], unit $counted_unit:literal, mbean $counted_mbean:literal;)* }
        gathered { $($(#[doc = $doc:literal])+ $row:ident: $kind:ident = $name:literal,
            labels [$($label:literal),*], unit $unit:literal, mbean $mbean:literal;)* }
        beside { $($(#[doc = $beside_doc:literal])+ $beside:ident: $beside_type:ty,)* }
    ) => {
        /// All that is counted as it happens.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[doc = $counted_doc])+ pub(crate) $field: $type,)*
            $($(#[doc = $beside_doc])+ pub(crate) $beside: $beside_type,)*
        }

        impl Metrics {
            /// Encodes every counted row.
            pub(super) fn encode(
                &self,
                encoder: &mut prometheus_client::encoding::DescriptorEncoder<'_>,
            ) -> std::fmt::Result {
                $($crate::telemetry::exposition::encode(
                    encoder,
                    &$crate::telemetry::table::Row {
                        name: $counted_name,
                        kind: <$type as $crate::telemetry::exposition::Shown>::KIND,
                        labels: &[$($counted_label),*],
                        help: concat!($($counted_doc),+),
                    },
                    &self.$field,
                )?;)*
                Ok(())
            }
        }

        $($(#[doc = $doc])+
        pub(crate) const $row: &$crate::telemetry::table::Row = &$crate::telemetry::table::Row {
            name: $name,
            kind: $crate::telemetry::table::Kind::$kind,
            labels: &[$($label),*],
            help: concat!($($doc),+),
        };)*
    };
}

pub(super) use metrics;
