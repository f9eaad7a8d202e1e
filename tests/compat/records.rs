//! Records to send and to compare.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time that no clock of today shows, so that a timestamp which a client or a broker made up is noticed. It is within what
/// a topic accepts by default.
pub(crate) const TIMES: i64 = 1_600_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Record {
    pub key: Option<Hex>,
    pub value: Option<Hex>,
    pub headers: Vec<(String, Option<Hex>)>,
    pub timestamp: i64,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Stored {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Hex>,
    pub value: Option<Hex>,
    pub headers: Vec<(String, Option<Hex>)>,
}

/// Bytes, which are hexadecimal in JSON.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hex(pub Vec<u8>);

impl Record {
    pub(crate) fn new(key: &str, value: impl Into<Vec<u8>>, timestamp: i64) -> Self {
        Self { key: Some(Hex(key.into())), value: Some(Hex(value.into())), headers: Vec::new(), timestamp }
    }
}

/// Every combination of a null, an empty and a filled key and value; and headers with all kinds of values.
pub(crate) fn edges() -> Vec<Record> {
    let choices = || [None, Some(Hex(Vec::new())), Some(Hex(vec![0, 0xff, b'\n', b'{', 0x80]))];
    let mut records = Vec::new();
    for key in choices() {
        for value in choices() {
            records.push(Record { key: key.clone(), value, headers: Vec::new(), timestamp: 0 });
        }
    }
    let header = |name: &str, value: &[u8]| (name.to_owned(), Some(Hex(value.into())));
    let mut headers = Record::new("headers", "of text", 0);
    headers.headers = vec![header("plain", b"text"), header("empty", b""), header("trace-id", b"7f3a")];
    records.push(headers);
    let mut headers = Record::new("headers", "of all kinds", 0);
    headers.headers = vec![
        header("again", b"1"),
        header("bytes", &[0, 1, 0xfe, 0xff]),
        header("again", b"2"),
        ("null".to_owned(), None),
    ];
    records.push(headers);
    records.push(Record::new("ключ", "значение 値 🦀", 0));
    for (second, record) in (0..).zip(&mut records) {
        record.timestamp = TIMES + second * 1000;
    }
    records
}

/// `count` records of some 100 bytes that differ, a second apart, as a service's log would have them.
pub(crate) fn rows(count: usize) -> Vec<Record> {
    (0..).take(count).map(|row| Record::new(&format!("host-{}", row % 7), text(row), TIMES + row * 1000)).collect()
}

fn text(row: i64) -> String {
    format!(
        "row {row}: GET /cart/{} took {} ms and answered 200, which is as it should be at this hour",
        row * 37,
        row % 91
    )
}

/// `size` bytes that no codec makes smaller by much, different for each `seed`.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    // An xorshift generator: the bytes need no quality, only to be the same each time.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Fails unless the records are what was written, at these offsets. `timestamps` says whether those are compared too.
#[track_caller]
pub(crate) fn assert_same(written: &[Record], offsets: &[i64], read: &[Stored], timestamps: bool) {
    assert_eq!(written.len(), read.len(), "records written and read");
    assert_eq!(written.len(), offsets.len(), "records written and acknowledged");
    for ((record, offset), stored) in written.iter().zip(offsets).zip(read) {
        assert_eq!(*offset, stored.offset, "the offset of {stored:?}");
        assert_eq!(record.key, stored.key, "the key at offset {offset}");
        assert_eq!(record.value, stored.value, "the value at offset {offset}");
        assert_eq!(record.headers, stored.headers, "the headers at offset {offset}");
        if timestamps {
            assert_eq!(record.timestamp, stored.timestamp, "the timestamp at offset {offset}");
        }
    }
}

impl std::fmt::Debug for Hex {
    /// The whole of a short value and the ends of a long one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(bytes) = self;
        if bytes.len() <= 64 {
            write!(f, "{:?}", String::from_utf8_lossy(bytes))
        } else {
            write!(f, "{} bytes, {:02x?} to {:02x?}", bytes.len(), &bytes[..16], &bytes[bytes.len() - 16..])
        }
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        let text: String = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let byte = |pair: &[u8]| Some(nibble(pair[0])? << 4 | nibble(*pair.get(1)?)?);
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}
