//! The tests' own codec: JSON to the bytes of a message and back, as the definitions in `schema` say. Byte fields and records
//! are text in hexadecimal, uuids are hexadecimal without hyphens; a field that the JSON leaves out has its default.

use serde_json::{Map, Value, json};

use super::schema::{Field, Message};

/// Encodes a message. Fields that the version does not have are left out; a name that no version has is a mistake.
pub(crate) fn encode(message: &Message, version: i16, value: &Value) -> Vec<u8> {
    assert!(message.versions.holds(version), "there is no version {version}");
    let mut writer = Encoder { message, version, flexible: message.flexible.holds(version), bytes: Vec::new() };
    writer.structure(&message.fields, value);
    writer.bytes
}

/// Decodes a message, to its last byte.
pub(crate) fn decode(message: &Message, version: i16, bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Decoder { message, version, flexible: message.flexible.holds(version), rest: bytes };
    let value = reader.structure(&message.fields)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(format!("{} bytes are left after {value}", reader.rest.len())) }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a text in hexadecimal, and of null none.
pub(crate) fn unhex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap_or_default().as_bytes();
    let nibble = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
    digits.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
}

pub(crate) fn unsigned_varint(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

struct Encoder<'s> {
    message: &'s Message,
    version: i16,
    flexible: bool,
    bytes: Vec<u8>,
}

impl<'s> Encoder<'s> {
    fn structure(&mut self, fields: &'s [Field], value: &Value) {
        let object = value.as_object().unwrap_or_else(|| panic!("{value} is no struct"));
        for name in object.keys() {
            assert!(fields.iter().any(|field| &field.name == name), "there is no field {name}");
        }
        let known = fields.iter().filter(|field| field.versions.holds(self.version));
        let (tagged, plain): (Vec<_>, Vec<_>) = known.partition(|field| field.tag.is_some());
        for field in plain {
            let given = object.get(&field.name).cloned();
            self.field(field, &given.unwrap_or_else(|| default(field, self.version)));
        }
        if self.flexible {
            let given: Vec<_> = tagged.iter().filter_map(|field| Some((field, object.get(&field.name)?))).collect();
            self.bytes.extend(unsigned_varint(given.len() as u32));
            for (field, value) in given {
                let outer = std::mem::take(&mut self.bytes);
                self.field(field, value);
                let inner = std::mem::replace(&mut self.bytes, outer);
                self.bytes.extend(unsigned_varint(field.tag.unwrap()));
                self.bytes.extend(unsigned_varint(inner.len() as u32));
                self.bytes.extend(inner);
            }
        }
    }

    fn field(&mut self, field: &'s Field, value: &Value) {
        if !field.array {
            return self.single(field, value);
        }
        match value.as_array() {
            None => self.length(None, 4),
            Some(items) => {
                self.length(Some(items.len()), 4);
                for item in items {
                    self.single(field, item);
                }
            }
        }
    }

    fn single(&mut self, field: &'s Field, value: &Value) {
        let number = || value.as_i64().unwrap_or_else(|| panic!("{} is {value}, no number", field.name));
        match field.kind.as_str() {
            "bool" => self.bytes.push(u8::from(value.as_bool().unwrap())),
            "int8" => self.bytes.extend((number() as i8).to_be_bytes()),
            "int16" | "uint16" => self.bytes.extend((number() as i16).to_be_bytes()),
            "int32" | "uint32" => self.bytes.extend((number() as i32).to_be_bytes()),
            "int64" => self.bytes.extend(number().to_be_bytes()),
            "float64" => self.bytes.extend(value.as_f64().unwrap().to_be_bytes()),
            "uuid" => self.bytes.extend(unhex(value)),
            "string" => self.blob(value.as_str().map(str::as_bytes), 2),
            "bytes" | "records" => self.blob((!value.is_null()).then(|| unhex(value)).as_deref(), 4),
            _ => {
                if !field.array && field.nullable.holds(self.version) {
                    self.bytes.push(if value.is_null() { 0xff } else { 1 });
                    if value.is_null() {
                        return;
                    }
                }
                self.structure(members(self.message, field), value);
            }
        }
    }

    fn blob(&mut self, bytes: Option<&[u8]>, width: usize) {
        self.length(bytes.map(<[u8]>::len), width);
        self.bytes.extend_from_slice(bytes.unwrap_or_default());
    }

    fn length(&mut self, length: Option<usize>, width: usize) {
        match (self.flexible, width) {
            (true, _) => self.bytes.extend(unsigned_varint(length.map_or(0, |length| length as u32 + 1))),
            (false, 2) => self.bytes.extend(length.map_or(-1, |length| length as i16).to_be_bytes()),
            (false, _) => self.bytes.extend(length.map_or(-1, |length| length as i32).to_be_bytes()),
        }
    }
}

fn members<'s>(message: &'s Message, field: &'s Field) -> &'s [Field] {
    if field.fields.is_empty() { message.structs.get(&field.kind).map_or(&[], Vec::as_slice) } else { &field.fields }
}

fn default(field: &Field, version: i16) -> Value {
    match (&field.default, field.kind.as_str()) {
        _ if field.array => json!([]),
        (Some(text), _) if text == "null" => Value::Null,
        (Some(text), "bool") => json!(text == "true"),
        (Some(text), "string") => json!(text),
        (Some(text), _) => json!(text.parse::<i64>().unwrap()),
        (None, _) if field.nullable.holds(version) => Value::Null,
        (None, "bool") => json!(false),
        (None, "string" | "bytes" | "records") => json!(""),
        (None, "uuid") => json!("0".repeat(32)),
        (None, "int8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "float64") => json!(0),
        (None, _) => json!({}),
    }
}

struct Decoder<'b> {
    message: &'b Message,
    version: i16,
    flexible: bool,
    rest: &'b [u8],
}

impl<'b> Decoder<'b> {
    fn structure(&mut self, fields: &'b [Field]) -> Result<Value, String> {
        let (mut object, version) = (Map::new(), self.version);
        for field in fields.iter().filter(|field| field.versions.holds(version)) {
            let value = match field.tag {
                None => self.field(field).map_err(|error| format!("{}: {error}", field.name))?,
                Some(_) => self.absent(field),
            };
            object.insert(field.name.clone(), value);
        }
        if self.flexible {
            for _ in 0..self.unsigned_varint()? {
                let (tag, size) = (self.unsigned_varint()?, self.unsigned_varint()?);
                let bytes = self.take(size as usize)?;
                let known = |field: &&Field| field.tag == Some(tag) && field.versions.holds(version);
                let Some(field) = fields.iter().find(known) else {
                    object.insert(format!("unknown tag {tag}"), json!(hex(bytes)));
                    continue;
                };
                let after = std::mem::replace(&mut self.rest, bytes);
                object.insert(field.name.clone(), self.field(field)?);
                let left = std::mem::replace(&mut self.rest, after);
                if !left.is_empty() {
                    return Err(format!("{} bytes are left in tagged field {}", left.len(), field.name));
                }
            }
        }
        Ok(Value::Object(object))
    }

    /// The value of a tagged field that was not sent.
    fn absent(&self, field: &Field) -> Value {
        let members = members(self.message, field);
        if field.array || members.is_empty() || field.nullable.holds(self.version) {
            return default(field, self.version);
        }
        let known = members.iter().filter(|member| member.versions.holds(self.version));
        Value::Object(known.map(|member| (member.name.clone(), self.absent(member))).collect())
    }

    fn field(&mut self, field: &'b Field) -> Result<Value, String> {
        if !field.array {
            return self.single(field);
        }
        match self.length(4)? {
            None if field.nullable.holds(self.version) => Ok(Value::Null),
            None => Err("null, but not nullable".to_owned()),
            Some(count) => (0..count).map(|_| self.single(field)).collect(),
        }
    }

    fn single(&mut self, field: &'b Field) -> Result<Value, String> {
        Ok(match field.kind.as_str() {
            "bool" => json!(self.array::<1>()? != [0]),
            "int8" => json!(i8::from_be_bytes(self.array()?)),
            "int16" => json!(i16::from_be_bytes(self.array()?)),
            "uint16" => json!(u16::from_be_bytes(self.array()?)),
            "int32" => json!(i32::from_be_bytes(self.array()?)),
            "uint32" => json!(u32::from_be_bytes(self.array()?)),
            "int64" => json!(i64::from_be_bytes(self.array()?)),
            "float64" => json!(f64::from_be_bytes(self.array()?)),
            "uuid" => json!(hex(self.take(16)?)),
            "string" => match self.blob(field, 2)? {
                None => Value::Null,
                Some(bytes) => json!(std::str::from_utf8(bytes).map_err(|error| error.to_string())?),
            },
            "bytes" | "records" => self.blob(field, 4)?.map_or(Value::Null, |bytes| json!(hex(bytes))),
            _ => {
                if !field.array && field.nullable.holds(self.version) && self.array::<1>()? == [0xff] {
                    return Ok(Value::Null);
                }
                self.structure(members(self.message, field))?
            }
        })
    }

    fn blob(&mut self, field: &Field, width: usize) -> Result<Option<&'b [u8]>, String> {
        match self.length(width)? {
            Some(length) => self.take(length).map(Some),
            None if field.nullable.holds(self.version) => Ok(None),
            None => Err("null, but not nullable".to_owned()),
        }
    }

    fn length(&mut self, width: usize) -> Result<Option<usize>, String> {
        let length = match (self.flexible, width) {
            (true, _) => i64::from(self.unsigned_varint()?) - 1,
            (false, 2) => i64::from(i16::from_be_bytes(self.array()?)),
            (false, _) => i64::from(i32::from_be_bytes(self.array()?)),
        };
        match length {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| format!("length {length}")),
        }
    }

    fn unsigned_varint(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift).ok_or("a varint without end")?;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N)?.try_into().unwrap())
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], String> {
        let (head, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| format!("{length} bytes of {}", self.rest.len()))?;
        self.rest = rest;
        Ok(head)
    }
}
