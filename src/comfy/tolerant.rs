//! Reads what ComfyUI writes although JSON does not allow it, and entries of lists that are not what they should be.
//!
//! Python writes `NaN`, `Infinity` and `-Infinity` bare; they are read as null. What other clients and nodes put into
//! queue and history may be of any type, and one odd entry must not hide the others.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;

/// Id shown for an entry whose own cannot be read.
pub(crate) const UNREADABLE: &str = "(unreadable)";
const NON_FINITE: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];

/// The methods of a `Visitor` that give `$value` for every scalar.
macro_rules! no_scalars {
    ($value:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}
pub(crate) use no_scalars;

/// Reads JSON, with bare non-finite numbers as null.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes).or_else(|error| match without_non_finite(bytes) {
        Some(plain) => serde_json::from_slice(&plain),
        None => Err(error),
    })
}

/// Writes null for every bare non-finite number. `None` when there is none.
pub(crate) fn without_non_finite(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let (mut at, mut copied, mut in_text) = (0, 0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'N' | b'I' | b'-' if !in_text => {
                let rest = bytes.get(at..).unwrap_or_default();
                if let Some(word) = NON_FINITE.iter().find(|word| rest.starts_with(word)) {
                    plain.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
                    plain.extend_from_slice(b"null");
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    plain.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    (copied > 0).then_some(plain)
}

/// Reads a field of the wrong type as its default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Entry of a list; `None` when it is not what it should be. Reads the whole entry first, so it is for small ones.
#[derive(Debug)]
pub(crate) struct Readable<T>(pub(crate) Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Readable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(serde_json::from_value(Value::deserialize(deserializer)?).ok()))
    }
}

/// Entry that should be an object; `None` for anything else.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entry<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an entry")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|entry| Object(Some(entry)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Object<T>, A::Error> {
                skip_list(seq).map(|()| Object(None))
            }

            no_scalars!(Object(None));
        }
        deserializer.deserialize_any(Entry(std::marker::PhantomData))
    }
}

/// Reads past the rest of a list.
pub(crate) fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Reads past the rest of an object.
pub(crate) fn skip_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<(), A::Error> {
    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_non_finite_numbers_are_null_and_texts_stay() {
        let text = r#"{"a": [NaN, Infinity, -Infinity, -1], "NaN": "NaN \" Infinity", "b": "\\", "c": NaN}"#;
        let read: Value = from_slice(text.as_bytes()).unwrap();
        let plain =
            serde_json::json!({"a": [null, null, null, -1], "NaN": "NaN \" Infinity", "b": "\\", "c": null});
        assert_eq!(read, plain);
        assert_eq!(without_non_finite(br#"{"a": "NaN"}"#), None);
        for broken in ["{nope", "[Nan]", "NaN NaN", "\"NaN"] {
            assert!(from_slice::<Value>(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
