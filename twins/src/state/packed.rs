//! The fields of an object in one run of bytes: a fifth of what a tree of them takes.
//!
//! A field is read without reading the others, which are stepped over. Numbers keep their bits, which JSON's decimals
//! need not, and there is no text to escape.

use serde_json::{Map, Number, Value};

use crate::webhooks::template::below;

/// The fields of an object, by name.
///
/// A text is its length and its bytes; an object the number of its fields, and of each its name and value; a value one
/// byte that says what it is, and what that takes. Lengths are of seven bits a byte, the lowest first, the eighth bit
/// set where more follow.
#[derive(Debug)]
pub(crate) struct Packed(Box<[u8]>);

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
/// A whole number from 0 on.
const WHOLE: u8 = 3;
/// A whole number below 0, by what it is less than -1.
const NEGATIVE: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const ARRAY: u8 = 7;
const OBJECT: u8 = 8;

/// Room for most objects, so that what is packed grows seldom.
const ROOM: usize = 1000;

impl Packed {
    pub(crate) fn of(fields: &Map<String, Value>) -> Self {
        let mut bytes = Vec::with_capacity(ROOM);
        put_object(&mut bytes, fields);
        // A copy of its own size, and not what the room for most is cut down to.
        Self(Box::from(&*bytes))
    }

    /// All fields.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        Reader(&self.0).object()
    }

    /// One field.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let mut reader = Reader(&self.0);
        for _ in 0..reader.length() {
            if reader.text() == name {
                return Some(reader.value());
            }
            reader.pass();
        }
        None
    }

    /// The value at a path of names, `config.url`.
    pub(crate) fn at(&self, path: &str) -> Option<Value> {
        match path.split_once('.') {
            Some((first, rest)) => below(&self.get(first)?, rest).cloned(),
            None => self.get(path),
        }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn put(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => bytes.push(NULL),
        Value::Bool(false) => bytes.push(FALSE),
        Value::Bool(true) => bytes.push(TRUE),
        Value::Number(number) => put_number(bytes, number),
        Value::String(text) => {
            bytes.push(TEXT);
            put_text(bytes, text);
        }
        Value::Array(items) => {
            bytes.push(ARRAY);
            put_length(bytes, items.len() as u64);
            for item in items {
                put(bytes, item);
            }
        }
        Value::Object(fields) => {
            bytes.push(OBJECT);
            put_object(bytes, fields);
        }
    }
}

fn put_object(bytes: &mut Vec<u8>, fields: &Map<String, Value>) {
    put_length(bytes, fields.len() as u64);
    for (name, value) in fields {
        put_text(bytes, name);
        put(bytes, value);
    }
}

fn put_number(bytes: &mut Vec<u8>, number: &Number) {
    if let Some(whole) = number.as_u64() {
        bytes.push(WHOLE);
        put_length(bytes, whole);
    } else if let Some(negative) = number.as_i64() {
        bytes.push(NEGATIVE);
        put_length(bytes, !negative.cast_unsigned());
    } else {
        bytes.push(FLOAT);
        bytes.extend(number.as_f64().unwrap_or(f64::NAN).to_le_bytes());
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn put_length(bytes: &mut Vec<u8>, mut length: u64) {
    while length >= 0x80 {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
}

/// What is left to be read. What was packed is whole: nothing else makes one.
struct Reader<'p>(&'p [u8]);

impl<'p> Reader<'p> {
    fn take(&mut self, count: usize) -> &'p [u8] {
        let (taken, left) = self.0.split_at(count);
        self.0 = left;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    fn length(&mut self) -> usize {
        usize::try_from(self.number()).expect("it was the length of something in memory")
    }

    fn text(&mut self) -> &'p str {
        let length = self.length();
        std::str::from_utf8(self.take(length)).expect("it was packed from a text")
    }

    fn value(&mut self) -> Value {
        match self.byte() {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            WHOLE => self.number().into(),
            NEGATIVE => (!self.number()).cast_signed().into(),
            FLOAT => {
                let bits = self.take(size_of::<f64>()).try_into().expect("so many were taken");
                f64::from_le_bytes(bits).into()
            }
            TEXT => self.text().into(),
            ARRAY => (0..self.length()).map(|_| self.value()).collect(),
            _ => self.object().into(),
        }
    }

    fn object(&mut self) -> Map<String, Value> {
        (0..self.length()).map(|_| (self.text().to_owned(), self.value())).collect()
    }

    /// Steps over a value.
    fn pass(&mut self) {
        match self.byte() {
            NULL | FALSE | TRUE => {}
            WHOLE | NEGATIVE => drop(self.number()),
            FLOAT => drop(self.take(size_of::<f64>())),
            TEXT => {
                let length = self.length();
                self.take(length);
            }
            ARRAY => {
                for _ in 0..self.length() {
                    self.pass();
                }
            }
            _ => {
                for _ in 0..self.length() {
                    let length = self.length();
                    self.take(length);
                    self.pass();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn packed(fields: &Value) -> Packed {
        Packed::of(fields.as_object().unwrap())
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,200}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(".{0,9}", inner, 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_again_whole_and_field_by_field(
            fields in prop::collection::btree_map(".{0,9}", any_value(), 0..20)
        ) {
            let fields: Map<String, Value> = fields.into_iter().collect();
            let packed = Packed::of(&fields);
            prop_assert_eq!(&packed.fields(), &fields);
            for (name, value) in &fields {
                let read = packed.get(name);
                prop_assert_eq!(read.as_ref(), Some(value));
            }
            prop_assert_eq!(packed.get("a name longer than any"), None);
        }
    }

    #[test]
    fn numbers_keep_what_they_are() {
        let fields = json!({"a": 0.1 + 0.2, "b": -0.0, "c": u64::MAX, "d": i64::MIN, "e": 1.0, "f": 1,
            "g": 5e-324, "h": -1});
        let again = Value::Object(packed(&fields).fields());
        assert_eq!(again.to_string(), fields.to_string());
    }

    #[test]
    fn a_path_leads_into_objects_and_lists() {
        let packed = packed(&json!({"config": {"urls": ["a", {"b": 1}]}, "x.y": 2}));
        assert_eq!(packed.at("config.urls.1.b"), Some(json!(1)));
        assert_eq!(packed.at("config.urls.7"), None);
        assert_eq!(packed.at("none.b"), None);
    }

    #[test]
    fn what_is_deeper_than_a_parser_goes_is_kept() {
        let deep = (0..400).fold(json!(1), |inner, _| json!([{"a": inner}]));
        let fields = json!({"deep": deep});
        assert_eq!(Value::Object(packed(&fields).fields()), fields);
    }
}
