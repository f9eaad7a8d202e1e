//! Messages made by hand, field by field, and bytes that are none. Real clients' payloads are in tests/telemetry.

use proptest::prelude::*;

use super::*;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len().try_into().unwrap()), content.to_vec()].concat()
}

fn number_field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn fixed64(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn attribute(number: u64, key: &str, value: &[u8]) -> Vec<u8> {
    bytes(number, &[bytes(1, key.as_bytes()), bytes(2, value)].concat())
}

fn payload(resource: &[u8], metrics: &[Vec<u8>]) -> Vec<u8> {
    let scope: Vec<u8> = metrics.iter().flat_map(|metric| bytes(2, metric)).collect();
    // The resource behind what it belongs to: any order is allowed.
    bytes(1, &[bytes(2, &scope), bytes(1, resource)].concat())
}

type Attributes = Vec<(String, String)>;

fn read_all(payload: &[u8]) -> Result<Vec<(String, Change, Attributes)>, Malformed> {
    let mut points = Vec::new();
    read(payload, &mut |point| {
        let mut attributes = Vec::new();
        point.attributes(|key, value| attributes.push((key.to_owned(), value))).unwrap();
        points.push((format!("{}{}", point.name, point.ending), point.change, attributes));
    })?;
    Ok(points)
}

#[test]
fn kinds_temporalities_and_attributes_are_read_in_any_order() {
    let double = |value: f64| fixed64(4, value.to_bits());
    let whole = |value: i64| fixed64(6, value.cast_unsigned());
    let gauge = bytes(5, &bytes(1, &[attribute(7, "topic", &bytes(1, b"t")), double(1.5)].concat()));
    let delta = bytes(7, &[bytes(1, &whole(3)), number_field(2, 1), number_field(3, 1)].concat());
    let total = bytes(7, &[number_field(3, 1), number_field(2, 2), bytes(1, &whole(4))].concat());
    let falling = bytes(7, &[number_field(2, 1), bytes(1, &whole(-2))].concat());
    let histogram =
        bytes(9, &[bytes(1, &[fixed64(4, 2), fixed64(5, 7.0_f64.to_bits())].concat()), number_field(2, 1)].concat());
    let summary = bytes(11, &bytes(1, &fixed64(4, 9)));
    let metric = |name: &str, data: &[u8]| [data.to_vec(), bytes(1, name.as_bytes()), bytes(3, b"ms")].concat();
    let payload = payload(
        &[attribute(1, "rack", &bytes(1, b"r")), attribute(1, "n", &number_field(3, 7))].concat(),
        &[
            metric("g", &gauge),
            metric("d", &delta),
            metric("c", &total),
            metric("f", &falling),
            metric("h", &histogram),
            metric("s", &summary),
        ],
    );
    let points = read_all(&payload).unwrap();
    let changes: Vec<_> = points.iter().map(|(name, change, _)| (name.as_str(), *change)).collect();
    assert_eq!(
        changes,
        [
            ("g", Change::Gauge(1.5)),
            ("d", Change::CounterDelta(3.0)),
            ("c", Change::Counter(4.0)),
            ("f", Change::GaugeDelta(-2.0)),
            ("h.count", Change::CounterDelta(2.0)),
            ("h.sum", Change::CounterDelta(7.0)),
            ("s.count", Change::Counter(9.0)),
            ("s.sum", Change::Nothing),
        ]
    );
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(points[0].2, [pair("rack", "r"), pair("n", "7"), pair("topic", "t")]);
    assert_eq!(points[1].2, [pair("rack", "r"), pair("n", "7")]);
}

#[test]
fn what_is_no_protobuf_or_no_text_is_malformed() {
    let metric = |name: &[u8]| bytes(1, &bytes(2, &bytes(2, &bytes(1, name))));
    assert_eq!(read_all(&metric(b"ok")), Ok(Vec::new()));
    for bad in [
        &b"\xff\xff\xff"[..],
        b"not protobuf at all",
        // A length that is not there, a group, field 0, a varint of eleven bytes.
        &[0x0a, 0x05, 0x00],
        &[0x0b, 0x0c],
        &[0x02, 0x00],
        &[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
        &metric(b"\xff"),
    ] {
        assert_eq!(read_all(bad), Err(Malformed), "{bad:?}");
    }
    assert_eq!(read_all(b""), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), tag in any::<bool>()) {
        // Half of them begin as metrics do, so that they get further.
        let wrapped = if tag { self::bytes(1, &self::bytes(2, &self::bytes(2, &bytes))) } else { bytes };
        drop(read_all(&wrapped));
    }
}
