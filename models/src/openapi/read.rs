//! From the bytes of a file to one JSON value.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::ImportError;
use super::at::At;

/// The largest description read, unpacked; the largest published ones are a tenth of it.
const BYTES_MAX: u64 = 256 << 20;

/// Reads JSON or YAML, plain or gzip.
///
/// YAML keys that are not strings (statuses) become strings as they are spelt, merge keys (`<<`)
/// are merged, a key given twice has its last value.
pub(super) fn read(bytes: &[u8], file: &str) -> Result<Value, ImportError> {
    let bytes = unpacked(bytes, file)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| ImportError::NotText {
        file: file.to_owned(),
        offset: error.valid_up_to(),
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let too_deep = RefCell::new(None);
    let tree = Tree { at: &At::ROOT, too_deep: &too_deep };
    let read = if text.trim_start().starts_with('{') {
        // A brace may begin YAML's flow style too; what is neither was meant to be JSON.
        read_json(text, tree, file).or_else(|error| match too_deep.borrow().as_ref() {
            Some(_) => Err(error),
            None => read_yaml(text, tree, file).map_err(|_| error),
        })
    } else {
        read_yaml(text, tree, file)
    };
    match too_deep.take() {
        Some(pointer) => Err(ImportError::TooDeep { file: file.to_owned(), pointer }),
        None => read,
    }
}

fn unpacked<'b>(bytes: &'b [u8], file: &str) -> Result<Cow<'b, [u8]>, ImportError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(BYTES_MAX + 1)
        .read_to_end(&mut out)
        .map_err(|cause| ImportError::Gzip { file: file.to_owned(), cause })?;
    if out.len() as u64 > BYTES_MAX {
        return Err(ImportError::TooLarge { file: file.to_owned(), bytes_max: BYTES_MAX });
    }
    Ok(Cow::Owned(out))
}

fn read_json(text: &str, tree: Tree<'_>, file: &str) -> Result<Value, ImportError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // `Tree` counts levels itself, in order to name the place.
    deserializer.disable_recursion_limit();
    let read = tree.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    read.map_err(|error| ImportError::Syntax {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
        language: "JSON",
        message: without_place(&error.to_string()),
    })
}

fn read_yaml(text: &str, tree: Tree<'_>, file: &str) -> Result<Value, ImportError> {
    tree.deserialize(serde_norway::Deserializer::from_str(text)).map_err(|error| {
        let (line, column) =
            error.location().map_or((1, 1), |place| (place.line(), place.column()));
        ImportError::Syntax {
            file: file.to_owned(),
            line,
            column,
            language: "YAML",
            message: without_place(&error.to_string()),
        }
    })
}

/// The parser's message without its own ` at line 3 column 7`.
fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// Builds a [`Value`], as its own `Deserialize` would, but knows where it is.
#[derive(Clone, Copy)]
struct Tree<'a> {
    at: &'a At<'a>,
    too_deep: &'a RefCell<Option<String>>,
}

impl Tree<'_> {
    fn within<'a>(&'a self, at: &'a At<'a>) -> Tree<'a> {
        Tree { at, too_deep: self.too_deep }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.at.is_too_deep() {
            *self.too_deep.borrow_mut() = Some(self.at.to_string());
            return Err(D::Error::custom("nested too deeply"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "bounds beyond 64 bits, of which none is kept")]
    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok((value as f64).into())
    }

    #[expect(clippy::cast_precision_loss, reason = "bounds beyond 64 bits, of which none is kept")]
    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok((value as f64).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // YAML's `.nan` and `.inf` have no JSON.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    /// YAML's tags (`!!binary`) say nothing here.
    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        use serde::de::VariantAccess as _;
        let (_, content) = data.variant::<String>()?;
        content.newtype_variant_seed(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.within(&self.at.index(list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.within(&self.at.key(&key)))?;
            if key == "<<" {
                merged.push(value);
            } else {
                map.insert(key, value);
            }
        }
        for value in merged {
            merge_into(&mut map, value);
        }
        Ok(Value::Object(map))
    }
}

/// A YAML merge key's value, an object or a list of them: what the map has already, stays.
fn merge_into(map: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(other) => {
            for (key, value) in other {
                map.entry(key).or_insert(value);
            }
        }
        Value::Array(others) => others.into_iter().for_each(|other| merge_into(map, other)),
        _ => {}
    }
}
