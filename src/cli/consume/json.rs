//! A record as one JSON object. Text appears as text; bytes that are no UTF-8 appear as base64 under another name, so
//! that nothing is lost and nothing is guessed.

use serde_json::{Map, Value, json};

use crate::cli::client::consumer::Delivered;
use crate::cli::json::put;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::record_batch::Record;

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
