//! A record as one JSON object. Text appears as text; bytes that are no UTF-8 appear as base64 under another name, so
//! that nothing is lost and nothing is guessed.

use serde_json::{Map, Value, json};

use crate::cli::client::consumer::Delivered;

/// The object of a record.
pub(super) fn record(delivered: &Delivered) -> Value {
    let record = &delivered.record;
    let mut object = Map::new();
    object.insert("partition".to_owned(), json!(delivered.partition));
    object.insert("offset".to_owned(), json!(record.offset));
    object.insert("timestamp".to_owned(), json!(record.timestamp));
    put(&mut object, "key", record.key.as_deref());
    put(&mut object, "value", record.value.as_deref());
    let headers = record.headers.iter().map(|(name, value)| {
        let mut header = Map::new();
        put(&mut header, "name", Some(name));
        put(&mut header, "value", value.as_deref());
        Value::Object(header)
    });
    object.insert("headers".to_owned(), Value::Array(headers.collect()));
    Value::Object(object)
}

fn put(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => object.insert(name.to_owned(), Value::Null),
        Some(Ok(text)) => object.insert(name.to_owned(), Value::from(text)),
        Some(Err(bytes)) => object.insert(format!("{name}_base64"), Value::from(base64(bytes))),
    };
}

/// Standard base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| chunk.get(place).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4_u32 {
            let digit = model::num::usize_from_u32(bits >> (18 - 6 * place) & 0x3f);
            let padding = model::num::usize_from_u32(place) > chunk.len();
            text.push(if padding { '=' } else { ALPHABET.get(digit).copied().map_or('?', char::from) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::record_batch::Record;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_have_another_name() {
        let value = Some(bytes::Bytes::from_static(b"\xff\x00"));
        let headers = vec![(bytes::Bytes::from_static(b"h"), None); 2];
        let object = record(&Delivered { partition: 1, record: Record { value, headers, ..Record::default() } });
        assert_eq!(object.get("value_base64"), Some(&json!("/wA=")));
        assert_eq!(object.get("key"), Some(&Value::Null));
        assert_eq!(object.get("headers").unwrap().as_array().unwrap().len(), 2);
    }
}
