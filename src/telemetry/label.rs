//! Labels of counters: each from a closed set, so that a counter is an index away and the number of series is known.

use protocol::ApiKey;

/// One value of a closed set.
pub(crate) trait Label: Copy + std::fmt::Debug {
    /// How many there are at most.
    const COUNT: usize;

    /// Its place, below [`Self::COUNT`].
    fn place(self) -> usize;

    /// The value at a place, if there is one.
    fn at(place: usize) -> Option<Self>;

    /// How it is shown; nothing for the only value of a set of one, which has no label.
    fn text(self) -> Option<&'static str>;
}

/// The label of what has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unlabelled;

impl Label for Unlabelled {
    const COUNT: usize = 1;

    fn place(self) -> usize {
        0
    }

    fn at(_: usize) -> Option<Self> {
        Some(Self)
    }

    fn text(self) -> Option<&'static str> {
        None
    }
}

impl Label for ApiKey {
    const COUNT: usize = 128;

    fn place(self) -> usize {
        usize::try_from(self.code()).unwrap_or(0)
    }

    fn at(place: usize) -> Option<Self> {
        i16::try_from(place).ok().and_then(Self::from_code)
    }

    fn text(self) -> Option<&'static str> {
        Some(self.name())
    }
}

/// Why a request cost its client the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusedRequest {
    /// Its header cannot be read, or names an API that does not exist.
    Header,
    /// Its API or version is not served.
    NotServed,
    /// Its body cannot be read.
    Body,
    /// It failed and wanted no answer.
    Unanswered,
    /// Its answer could not be encoded.
    Encode,
}

/// Which limit a connection was refused by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionLimit {
    /// `max.connections`.
    All,
    /// `max.connections.per.ip`.
    PerIp,
}

/// Which limit a topic, or more partitions, were refused by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicLimit {
    /// `max.broker.partitions`.
    Partitions,
    /// `controller.mutation.rate.max`.
    Rate,
}

/// What a topic's partitions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Records appended.
    MessagesIn,
    /// Bytes of batches appended.
    BytesIn,
    /// Bytes of records in answers to fetches.
    BytesOut,
    /// Partitions of produce requests.
    Produces,
    /// Those that were refused.
    FailedProduces,
    /// Partitions of fetches.
    Fetches,
    /// Those that were answered with an error.
    FailedFetches,
}

/// Why a point of a client's metrics is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DroppedPoint {
    /// `client.telemetry.series.max` is reached.
    Full,
    /// Its name and labels are too long.
    TooLong,
    /// Its metric is known as one of another kind.
    OtherKind,
    /// It has no number.
    NoValue,
}

impl RefusedRequest {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Header, "header"),
        (Self::NotServed, "not_served"),
        (Self::Body, "body"),
        (Self::Unanswered, "unanswered"),
        (Self::Encode, "encode"),
    ];
}

impl ConnectionLimit {
    const ALL: [(Self, &'static str); 2] = [(Self::All, "max.connections"), (Self::PerIp, "max.connections.per.ip")];
}

impl TopicLimit {
    const ALL: [(Self, &'static str); 2] =
        [(Self::Partitions, "max.broker.partitions"), (Self::Rate, "controller.mutation.rate.max")];
}

impl Traffic {
    /// Each of them; the words are those of Kafka's MBeans.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::MessagesIn, "MessagesInPerSec"),
        (Self::BytesIn, "BytesInPerSec"),
        (Self::BytesOut, "BytesOutPerSec"),
        (Self::Produces, "TotalProduceRequestsPerSec"),
        (Self::FailedProduces, "FailedProduceRequestsPerSec"),
        (Self::Fetches, "TotalFetchRequestsPerSec"),
        (Self::FailedFetches, "FailedFetchRequestsPerSec"),
    ];
}

impl DroppedPoint {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Full, "full"),
        (Self::TooLong, "too_long"),
        (Self::OtherKind, "other_kind"),
        (Self::NoValue, "no_value"),
    ];
}

/// The sets above, each as its `ALL` lists it.
macro_rules! closed_set {
    ($($set:ident)*) => {
        $(impl Label for $set {
            const COUNT: usize = Self::ALL.len();

            fn place(self) -> usize {
                Self::ALL.iter().position(|(value, _)| *value == self).unwrap_or(0)
            }

            fn at(place: usize) -> Option<Self> {
                Self::ALL.get(place).map(|(value, _)| *value)
            }

            fn text(self) -> Option<&'static str> {
                Self::ALL.get(self.place()).map(|(_, text)| *text)
            }
        })*
    };
}

closed_set! { RefusedRequest ConnectionLimit TopicLimit Traffic DroppedPoint }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_has_a_place_of_its_own() {
        let apis: Vec<ApiKey> = (0..i16::MAX).filter_map(ApiKey::from_code).collect();
        assert!(apis.iter().all(|api| api.place() < ApiKey::COUNT && ApiKey::at(api.place()) == Some(*api)));
    }
}
