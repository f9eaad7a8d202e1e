//! Reads OTLP metrics (the protobuf message MetricsData of OpenTelemetry) as far as they are shown: names, kinds, attributes,
//! and of each point one number, or of a histogram its count and its sum.
//!
//! Owns nothing: all that is given out are slices of the bytes. Levels are fixed, so nothing recurses; fields may come in any
//! order, so each message is looked through twice. Cost is a few times the bytes, whatever they say; a general decoder would
//! make sixty bytes of memory out of two on the wire.

/// The bytes are not the protobuf that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metrics are not OTLP")]
pub(super) struct Malformed;

/// What a point does to the value of its series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// A gauge, or a sum that also falls: this is the value.
    Gauge(f64),
    /// A sum that also falls: this was added since the last push.
    GaugeDelta(f64),
    /// A sum that only grows: this is the value.
    Counter(f64),
    /// A sum that only grows: this was added since the last push.
    CounterDelta(f64),
    /// There is no number.
    Nothing,
}

/// One number of one point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<'a> {
    /// The metric's name as it was sent.
    pub(super) name: &'a str,
    /// What is appended to the name: nothing, `.count` or `.sum`.
    pub(super) ending: &'static str,
    pub(super) change: Change,
    attributes: (Message<'a>, Message<'a>, u32),
}

impl<'a> Point<'a> {
    /// The attributes of the resource, then those of the point, as text.
    pub(super) fn attributes(&self, mut each: impl FnMut(&'a str, String)) -> Result<(), Malformed> {
        let (resource, point, field) = self.attributes;
        key_values(resource, RESOURCE_ATTRIBUTES, &mut each)?;
        key_values(point, field, &mut each)
    }
}

const RESOURCE_ATTRIBUTES: u32 = 1;

/// Calls `each` with every number, in order.
///
/// # Errors
/// [`Malformed`]; what came before was given out already.
pub(super) fn read<'a>(bytes: &'a [u8], each: &mut dyn FnMut(Point<'a>)) -> Result<(), Malformed> {
    for resource_metrics in Message(bytes).messages(1) {
        let resource_metrics = resource_metrics?;
        let resource = resource_metrics.messages(1).last().transpose()?.unwrap_or(Message(&[]));
        key_values(resource, RESOURCE_ATTRIBUTES, &mut |_, _| {})?;
        for scope_metrics in resource_metrics.messages(2) {
            for metric in scope_metrics?.messages(2) {
                read_metric(resource, metric?, each)?;
            }
        }
    }
    Ok(())
}

/// The kinds of data that a metric can have, by the number of their field.
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL_HISTOGRAM: u32 = 10;
const SUMMARY: u32 = 11;

/// OpenTelemetry's word for "since the last push".
const DELTA: u64 = 1;

fn read_metric<'a>(
    resource: Message<'a>,
    metric: Message<'a>,
    each: &mut dyn FnMut(Point<'a>),
) -> Result<(), Malformed> {
    let mut name = "";
    for field in metric.fields() {
        if let (1, Value::Bytes(bytes)) = field? {
            name = text(bytes)?;
        }
    }
    for field in metric.fields() {
        let (kind @ (GAUGE | SUM | HISTOGRAM | EXPONENTIAL_HISTOGRAM | SUMMARY), Value::Bytes(data)) = field? else {
            continue;
        };
        let data = Message(data);
        let (is_delta, is_monotonic) = nature(kind, data)?;
        for point in data.messages(1) {
            let point = point?;
            let attributes = (resource, point, attributes_field(kind));
            let change = |number: Option<f64>| match (number, is_monotonic, is_delta) {
                (None, _, _) => Change::Nothing,
                (Some(number), false, false) => Change::Gauge(number),
                (Some(number), false, true) => Change::GaugeDelta(number),
                (Some(number), true, false) => Change::Counter(number),
                (Some(number), true, true) => Change::CounterDelta(number),
            };
            key_values(point, attributes_field(kind), &mut |_, _| {})?;
            if matches!(kind, GAUGE | SUM) {
                each(Point { name, ending: "", change: change(number(point)?), attributes });
            } else {
                let (count, sum) = count_and_sum(point)?;
                each(Point { name, ending: ".count", change: change(count), attributes });
                each(Point { name, ending: ".sum", change: change(sum), attributes });
            }
        }
    }
    Ok(())
}

/// Whether points say what was added since the last one, and whether they can only grow.
fn nature(kind: u32, data: Message<'_>) -> Result<(bool, bool), Malformed> {
    let (mut is_delta, mut is_monotonic) = (false, !matches!(kind, GAUGE | SUM));
    for field in data.fields() {
        match (kind, field?) {
            (SUM | HISTOGRAM | EXPONENTIAL_HISTOGRAM, (2, Value::Varint(temporality))) => {
                is_delta = temporality == DELTA;
            }
            (SUM, (3, Value::Varint(flag))) => is_monotonic = flag != 0,
            _ => {}
        }
    }
    Ok((is_delta, is_monotonic))
}

const fn attributes_field(kind: u32) -> u32 {
    match kind {
        HISTOGRAM => 9,
        EXPONENTIAL_HISTOGRAM => 1,
        _ => 7,
    }
}

/// The number of a plain point.
fn number(point: Message<'_>) -> Result<Option<f64>, Malformed> {
    let mut number = None;
    for field in point.fields() {
        match field? {
            (4, Value::Fixed64(bits)) => number = Some(f64::from_bits(bits)),
            (6, Value::Fixed64(bits)) => number = Some(float(bits.cast_signed())),
            _ => {}
        }
    }
    Ok(number)
}

fn count_and_sum(point: Message<'_>) -> Result<(Option<f64>, Option<f64>), Malformed> {
    let (mut count, mut sum) = (None, None);
    for field in point.fields() {
        match field? {
            (4, Value::Fixed64(bits)) => count = Some(float(bits.cast_signed())),
            (5, Value::Fixed64(bits)) => sum = Some(f64::from_bits(bits)),
            _ => {}
        }
    }
    Ok((count, sum))
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "metrics are shown as floating-point numbers")]
fn float(number: i64) -> f64 {
    number as f64
}

/// Gives out the attributes in a field of a message; arrays, maps and bytes as nothing.
fn key_values<'a>(message: Message<'a>, field: u32, each: &mut dyn FnMut(&'a str, String)) -> Result<(), Malformed> {
    for attribute in message.messages(field) {
        let attribute = attribute?;
        let (mut key, mut value) = ("", Message(&[]));
        for field in attribute.fields() {
            match field? {
                (1, Value::Bytes(bytes)) => key = text(bytes)?,
                (2, Value::Bytes(bytes)) => value = Message(bytes),
                _ => {}
            }
        }
        let mut shown = String::new();
        for field in value.fields() {
            match field? {
                (1, Value::Bytes(bytes)) => text(bytes)?.clone_into(&mut shown),
                (2, Value::Varint(flag)) => shown = (flag != 0).to_string(),
                (3, Value::Varint(number)) => shown = number.cast_signed().to_string(),
                (4, Value::Fixed64(bits)) => shown = f64::from_bits(bits).to_string(),
                _ => {}
            }
        }
        each(key, shown);
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// A protobuf message that was not looked into yet.
#[derive(Clone, Copy, Debug)]
struct Message<'a>(&'a [u8]);

/// The value of a field.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The fields in their order; ends after a malformed one.
    fn fields(self) -> Fields<'a> {
        Fields { rest: self.0 }
    }

    /// The messages in a field that may be there many times.
    fn messages(self, number: u32) -> impl Iterator<Item = Result<Message<'a>, Malformed>> {
        self.fields().filter_map(move |field| match field {
            Ok((found, Value::Bytes(bytes))) if found == number => Some(Ok(Message(bytes))),
            Ok(_) => None,
            Err(malformed) => Some(Err(malformed)),
        })
    }
}

#[derive(Debug)]
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Malformed);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                self.array::<4>()?;
                Value::Fixed32
            }
            // Groups, which are older than OTLP, and numbers that nobody assigned.
            _ => return Err(Malformed),
        };
        Ok((number, value))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // The tenth byte has room for one bit.
                return if shift == 63 && byte > 1 { Err(Malformed) } else { Ok(value) };
            }
        }
        Err(Malformed)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
