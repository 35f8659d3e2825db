//! Reads JSON the way TiDB's own encoder and decoder (Go's `encoding/json`) mean it.
//!
//! Go leaves a field at its zero value when its key is missing or its value is `null`, lets the
//! last of two equal keys win, and skips keys it does not know. [`go_struct`] writes a struct and
//! a `Deserialize` that does the same, and notes the unknown keys that hold something: what reads
//! may skip them, what writes must not (a newer TiDB may have given them a meaning).
//!
//! Nothing here allocates by a length the input claims: lists grow as their elements are read, so
//! memory is linear in the input's length.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Writes a struct with its JSON keys, and `Deserialize` with Go's rules.
///
/// `"key" => pub field: Type` are plain fields. `derived` fields have no key of their own; they
/// are filled by `setters`, methods called with the value of a key. `ignored` keys are known and
/// not kept.
macro_rules! go_struct {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$fmeta:meta])* $key:literal => $fvis:vis $field:ident : $ty:ty, )*
        }
        $( derived { $( $(#[$dmeta:meta])* $dvis:vis $dfield:ident : $dty:ty, )* } )?
        $( setters { $( $skey:literal : $sty:ty => $setter:ident, )* } )?
        $( ignored [ $( $ikey:literal ),* $(,)? ] )?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default)]
        $vis struct $name {
            $( $(#[$fmeta])* $fvis $field : $ty, )*
            $( $( $(#[$dmeta])* $dvis $dfield : $dty, )* )?
            /// Keys that hold something and that this version does not know, in input order.
            pub unknown_fields: Vec<String>,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct GoVisitor;
                impl<'de> serde::de::Visitor<'de> for GoVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("the JSON object of a ", stringify!($name)))
                    }

                    fn visit_unit<E>(self) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut out = $name::default();
                        while let Some(key) = map.next_key::<$crate::model::go_json::Key<'de>>()? {
                            match key.as_str() {
                                $( $key => {
                                    out.$field = $crate::model::go_json::value(&mut map, $key)?;
                                } )*
                                $( $( $skey => {
                                    let value: $sty =
                                        $crate::model::go_json::value(&mut map, $skey)?;
                                    out.$setter(value);
                                } )* )?
                                $( $( $ikey => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                } )* )?
                                other => {
                                    if !$crate::model::go_json::is_zero(&mut map)? {
                                        out.unknown_fields.push(other.to_owned());
                                    }
                                }
                            }
                        }
                        Ok(out)
                    }
                }
                deserializer.deserialize_any(GoVisitor)
            }
        }
    };
}

/// Writes an enum that TiDB stores as a small number; numbers without a name are kept.
macro_rules! go_enum {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident : $repr:ty {
            $( $(#[$vmeta:meta])* $variant:ident = $code:literal, $text:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        $vis enum $name {
            $( $(#[$vmeta])* $variant, )*
            /// A number this version has no name for.
            Other($repr),
        }

        impl $name {
            /// The value with this number.
            #[must_use]
            pub const fn from_code(code: $repr) -> Self {
                match code {
                    $( $code => Self::$variant, )*
                    other => Self::Other(other),
                }
            }

            /// The number TiDB stores.
            #[must_use]
            pub const fn code(self) -> $repr {
                match self {
                    $( Self::$variant => $code, )*
                    Self::Other(code) => code,
                }
            }

            /// TiDB's name for it, `"unknown"` for a number without one.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Other(_) => "unknown",
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::from_code(0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::Other(code) => write!(f, "unknown ({code})"),
                    named => f.write_str(named.as_str()),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$repr>::deserialize(deserializer).map(Self::from_code)
            }
        }
    };
}

pub(crate) use {go_enum, go_struct};

/// A key of a JSON object, borrowed from the input when it has no escapes.
pub(crate) struct Key<'de>(Cow<'de, str>);

impl Key<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The value of a key: the zero value for `null`; an error names the key.
pub(crate) fn value<'de, A, T>(map: &mut A, key: &'static str) -> Result<T, A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de> + Default,
{
    use serde::de::Error as _;
    match map.next_value::<Option<T>>() {
        Ok(value) => Ok(value.unwrap_or_default()),
        Err(error) => Err(A::Error::custom(format_args!("{key}: {error}"))),
    }
}

/// Reads a value away; whether it is one that Go would write for an unset field.
pub(crate) fn is_zero<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
    map.next_value::<Zero>().map(|zero| zero.0)
}

struct Zero(bool);

impl<'de> Deserialize<'de> for Zero {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ZeroVisitor;
        impl<'de> Visitor<'de> for ZeroVisitor {
            type Value = Zero;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Zero, E> {
                Ok(Zero(true))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Zero, E> {
                Ok(Zero(!value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Zero, E> {
                Ok(Zero(value == 0))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Zero, E> {
                Ok(Zero(value == 0))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Zero, E> {
                Ok(Zero(value == 0.0))
            }

            fn visit_str<E>(self, value: &str) -> Result<Zero, E> {
                Ok(Zero(value.is_empty()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Zero, A::Error> {
                let mut zero = true;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    zero = false;
                }
                Ok(Zero(zero))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Zero, A::Error> {
                let mut zero = true;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    zero = false;
                }
                Ok(Zero(zero))
            }
        }
        deserializer.deserialize_any(ZeroVisitor)
    }
}

#[cfg(test)]
mod tests;
