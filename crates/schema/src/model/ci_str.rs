//! Names that compare without regard to case.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::go_json::{Key, value};

/// A name with its lower-case form, by which it is compared (`CIStr` of TiDB).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CiStr {
    /// The name as it was written.
    pub original: String,
    /// The name in lower case.
    pub lower: String,
}

impl CiStr {
    /// A name from its written form.
    #[must_use]
    pub fn new(original: impl Into<String>) -> Self {
        let original = original.into();
        let lower = to_lower(&original);
        Self { original, lower }
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.original
    }

    /// Whether this is the name `other`, whatever its case.
    #[must_use]
    pub fn matches(&self, other: &str) -> bool {
        if other.is_ascii() {
            self.lower.eq_ignore_ascii_case(other)
        } else {
            self.lower == to_lower(other)
        }
    }
}

impl fmt::Display for CiStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.original)
    }
}

impl From<&str> for CiStr {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// Lower case as TiDB (Go's `strings.ToLower`) has it: letter by letter, one letter for one, so
/// without the special final sigma and with a plain `i` for the dotted capital one.
#[must_use]
pub fn to_lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

impl<'de> Deserialize<'de> for CiStr {
    /// Takes `{"O": …, "L": …}` and, as very old metadata has it, a plain string.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = CiStr;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_unit<E>(self) -> Result<CiStr, E> {
                Ok(CiStr::default())
            }

            fn visit_str<E>(self, text: &str) -> Result<CiStr, E> {
                Ok(CiStr::new(text))
            }

            fn visit_string<E>(self, text: String) -> Result<CiStr, E> {
                Ok(CiStr::new(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CiStr, A::Error> {
                let mut name = CiStr::default();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    match key.as_str() {
                        "O" => name.original = value(&mut map, "O")?,
                        "L" => name.lower = value(&mut map, "L")?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                if name.lower.is_empty() {
                    name.lower = to_lower(&name.original);
                }
                Ok(name)
            }
        }
        deserializer.deserialize_any(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_and_a_plain_string_give_the_same_name() {
        let object: CiStr = serde_json::from_str(r#"{"O":"Orders","L":"orders"}"#).unwrap();
        let text: CiStr = serde_json::from_str(r#""Orders""#).unwrap();
        assert_eq!(object, text);
        assert!(text.matches("ORDERS"));
        assert!(!text.matches("order"));
        assert!(CiStr::new("Größe").matches("GRÖßE"));
        assert!(CiStr::new("\u{212a}elvin").matches("KELVIN"));
    }

    #[test]
    fn a_missing_lower_form_is_made() {
        let name: CiStr = serde_json::from_str(r#"{"O":"Äpfel"}"#).unwrap();
        assert_eq!(name.lower, "äpfel");
    }

    #[test]
    fn lower_case_goes_letter_by_letter_as_in_go() {
        assert_eq!(to_lower("ΟΔΟΣ"), "οδοσ");
        assert_eq!(to_lower("İD"), "id");
        assert_eq!(to_lower("straßE"), "straße");
    }
}
