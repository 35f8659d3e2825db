//! Values inside TiDB's metadata that JSON has no type for.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes that JSON carries in base64 (Go's `[]byte`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode_base64(&text).map(Self).ok_or_else(|| D::Error::custom("malformed base64"))
    }
}

/// Standard base64 with padding; `None` if `text` is not that.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let padding = bytes.iter().rev().take(2).take_while(|b| **b == b'=').count();
    let body = bytes.get(..bytes.len() - padding)?;
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    for quad in body.chunks(4) {
        let mut bits = 0u32;
        for byte in quad {
            bits = bits << 6 | base64_digit(*byte)?;
        }
        bits <<= 6 * (4 - quad.len());
        let [_, a, b, c] = bits.to_be_bytes();
        out.extend([a, b, c].iter().take(quad.len() - 1));
    }
    Some(out)
}

fn base64_digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// A column's default as metadata has it (Go's `any` after decoding).
///
/// TiDB writes text for nearly every type; numbers and booleans come from old versions.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DefaultLiteral {
    /// Text, in the form the column's type parses.
    Text(String),
    /// A number. Go reads every JSON number as a double.
    Number(f64),
    /// A boolean.
    Bool(bool),
    /// An array or object; TiDB writes none.
    Other,
}

impl Default for DefaultLiteral {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl fmt::Display for DefaultLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Other => f.write_str("(array or object)"),
        }
    }
}

impl<'de> Deserialize<'de> for DefaultLiteral {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LiteralVisitor;
        impl<'de> Visitor<'de> for LiteralVisitor {
            type Value = DefaultLiteral;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a default value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<DefaultLiteral, E> {
                Ok(DefaultLiteral::Bool(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "Go reads a JSON number as a double")]
            fn visit_i64<E>(self, value: i64) -> Result<DefaultLiteral, E> {
                Ok(DefaultLiteral::Number(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "Go reads a JSON number as a double")]
            fn visit_u64<E>(self, value: u64) -> Result<DefaultLiteral, E> {
                Ok(DefaultLiteral::Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<DefaultLiteral, E> {
                Ok(DefaultLiteral::Number(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<DefaultLiteral, E> {
                Ok(DefaultLiteral::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<DefaultLiteral, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(DefaultLiteral::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DefaultLiteral, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(DefaultLiteral::Other)
            }
        }
        deserializer.deserialize_any(LiteralVisitor)
    }
}

/// A set of names, which Go keeps as the keys of a map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameSet(pub Vec<String>);

impl<'de> Deserialize<'de> for NameSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SetVisitor;
        impl<'de> Visitor<'de> for SetVisitor {
            type Value = NameSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose keys are names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NameSet, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    names.push(name);
                }
                Ok(NameSet(names))
            }
        }
        deserializer.deserialize_map(SetVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_tail_length() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("AA==", b"\x00"),
            ("/w==", b"\xff"),
            ("AQI=", b"\x01\x02"),
            ("AQID", b"\x01\x02\x03"),
            ("+/+/+g==", b"\xfb\xff\xbf\xfa"),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn malformed_base64_is_refused() {
        for text in
            ["A", "AA", "AAA", "====", "A===", "AA=A", "AA==AA==", "A\u{e9}A", "-_==", "=AAA"]
        {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }

    #[test]
    fn a_default_is_text_number_or_bool() {
        let read = |text: &str| serde_json::from_str::<DefaultLiteral>(text).unwrap();
        assert_eq!(read(r#""12""#), DefaultLiteral::Text("12".into()));
        assert_eq!(read("12"), DefaultLiteral::Number(12.0));
        assert_eq!(read("-1.5"), DefaultLiteral::Number(-1.5));
        assert_eq!(read("18446744073709551615"), DefaultLiteral::Number(18446744073709551615.0));
        assert_eq!(read("true"), DefaultLiteral::Bool(true));
        assert_eq!(read("[1,{}]"), DefaultLiteral::Other);
        assert_eq!(read(r#"{"a":[]}"#), DefaultLiteral::Other);
    }
}
