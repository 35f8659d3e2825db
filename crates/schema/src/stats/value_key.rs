//! From what the tables of statistics hold of a value to its key: the memory-comparable datum that an
//! index over the column has. Keys are what ranges are made of, and what is compared here.
//!
//! | where | form |
//! |---|---|
//! | bounds of a column's buckets | text as SQL shows it; text columns: the sort key |
//! | bounds of an index's buckets | the key |
//! | frequent values, version 2 | the key |
//! | frequent values of a column, version 1 | the datum in its compact form |

use std::borrow::Cow;

use tifusion_codec::datum::{self, Datum, flag};
use tifusion_codec::decimal::Decimal;
use tifusion_codec::enum_set::bit_to_u64;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, MAX_FSP, TimeKind, Zone};
use tifusion_codec::{FieldType, duration};

use super::unusable::Unusable;
use crate::default_value::member::{enum_number, set_mask};

/// The key of a bound of a column's bucket.
///
/// `TIMESTAMP`s are in the zone of the session that ran `ANALYZE`, which nobody recorded; `zone` is the
/// best guess.
///
/// # Errors
/// [`Unusable::Value`] when it is no value of the column.
pub fn bound_key(field_type: &FieldType, bound: &[u8], zone: Zone) -> Result<Vec<u8>, Unusable> {
    let refuse = |reason: String| unusable(field_type, bound, reason);
    let value = if field_type.is_string() {
        Datum::Bytes(Cow::Borrowed(bound))
    } else {
        parse(field_type, bound, zone).map_err(refuse)?
    };
    encode(field_type, &value).map_err(refuse)
}

/// The key of a frequent value of a column, of either version.
///
/// # Errors
/// As [`bound_key`].
pub fn top_value_key(field_type: &FieldType, value: &[u8]) -> Result<Vec<u8>, Unusable> {
    let refuse = |reason: String| unusable(field_type, value, reason);
    let mut rest = value;
    let datum = datum::decode_one(&mut rest).map_err(|error| refuse(error.to_string()))?;
    if !rest.is_empty() {
        return Err(refuse(format!("{} bytes too many", rest.len())));
    }
    // The compact form of a TIME is an integer.
    let datum = match datum {
        Datum::Int(nanos) if field_type.tp == tp::DURATION => Datum::Duration(nanos),
        other => other,
    };
    encode(field_type, &datum).map_err(refuse)
}

/// The compact form of the value of a key, which the sketches of columns are asked with; `None` if it
/// has none.
#[must_use]
pub fn compact_form(key: &[u8]) -> Option<Vec<u8>> {
    let mut rest = key;
    // Of which both forms are one, and the key has the column's digits.
    if key.first() == Some(&flag::DECIMAL) {
        return Decimal::skip(&mut rest.get(1..)?).ok().map(|_| key.to_vec());
    }
    let value = match datum::decode_one(&mut rest).ok()? {
        Datum::Duration(nanos) => Datum::Int(nanos),
        other => other,
    };
    let mut out = Vec::with_capacity(key.len());
    datum::encode_value(&mut out, &value).ok()?;
    rest.is_empty().then_some(out)
}

fn parse(field_type: &FieldType, text: &[u8], zone: Zone) -> Result<Datum<'static>, String> {
    let bytes = text;
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let said = |error: &dyn std::fmt::Display| error.to_string();
    Ok(match field_type.tp {
        tp::YEAR => Datum::Int(text.parse().map_err(|error| said(&error))?),
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG => {
            if field_type.is_unsigned() {
                Datum::UInt(text.parse().map_err(|error| said(&error))?)
            } else {
                Datum::Int(text.parse().map_err(|error| said(&error))?)
            }
        }
        // The digits of a FLOAT are those of 32 bits.
        tp::FLOAT => Datum::Float(f64::from(text.parse::<f32>().map_err(|error| said(&error))?)),
        tp::DOUBLE => Datum::Float(text.parse().map_err(|error| said(&error))?),
        tp::NEW_DECIMAL => Datum::Decimal(text.parse::<Decimal>().map_err(|error| said(&error))?),
        tp::DATE => time(text, TimeKind::Date)?,
        tp::DATETIME => time(text, TimeKind::DateTime)?,
        tp::TIMESTAMP => timestamp(text, zone)?,
        tp::DURATION => {
            Datum::Duration(duration::parse(text, MAX_FSP).map_err(|error| said(&error))?)
        }
        tp::BIT => match text.parse() {
            Ok(bits) => Datum::UInt(bits),
            Err(_) => Datum::UInt(bit_to_u64(bytes).map_err(|error| said(&error))?),
        },
        tp::ENUM if text.is_empty() => Datum::UInt(0),
        tp::ENUM => Datum::UInt(enum_number(field_type, text).map_err(|_| no_member())?),
        tp::SET => Datum::UInt(set_mask(field_type, text).map_err(|_| no_member())?),
        _ => return Err("statistics of this type are not read".to_owned()),
    })
}

fn no_member() -> String {
    "no member of it".to_owned()
}

fn time(text: &str, kind: TimeKind) -> Result<Datum<'static>, String> {
    let time = CoreTime::parse(text, kind, MAX_FSP).map_err(|error| error.to_string())?;
    Ok(Datum::UInt(time.to_packed()))
}

fn timestamp(text: &str, zone: Zone) -> Result<Datum<'static>, String> {
    let wall = CoreTime::parse(text, TimeKind::Timestamp, MAX_FSP);
    let wall = wall.map_err(|error| error.to_string())?;
    let Ok(micros) = wall.to_micros() else { return Ok(Datum::UInt(wall.to_packed())) };
    let utc = zone
        .wall_to_utc_micros(micros)
        .and_then(|utc| CoreTime::from_micros(utc, TimeKind::Timestamp, MAX_FSP));
    Ok(Datum::UInt(utc.unwrap_or(wall).to_packed()))
}

/// The key of a value of the column; a decimal gets the column's digits, so that keys compare.
fn encode(field_type: &FieldType, value: &Datum<'_>) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let is_integer =
        matches!(field_type.tp, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG);
    let encoded = match (field_type.tp, value) {
        (tp::NEW_DECIMAL, Datum::Decimal(decimal)) => {
            let digits = |n: i64| u8::try_from(n).map_err(|_| "a size no decimal has".to_owned());
            let (precision, scale) = (digits(field_type.flen)?, digits(field_type.decimal)?);
            datum::encode_decimal(&mut out, decimal, precision, scale)
        }
        (_, Datum::UInt(_)) if is_integer && field_type.is_unsigned() => {
            datum::encode_key(&mut out, value)
        }
        (_, Datum::Int(_)) if is_integer && !field_type.is_unsigned() => {
            datum::encode_key(&mut out, value)
        }
        (tp::FLOAT | tp::DOUBLE, Datum::Float(float)) if !float.is_nan() => {
            datum::encode_key(&mut out, value)
        }
        (tp::YEAR, Datum::Int(_))
        | (tp::DURATION, Datum::Duration(_))
        | (
            tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::BIT | tp::ENUM | tp::SET,
            Datum::UInt(_),
        ) => datum::encode_key(&mut out, value),
        (_, Datum::Bytes(_)) if field_type.is_string() => datum::encode_key(&mut out, value),
        _ => return Err(format!("it is a {}", value.kind())),
    };
    encoded.map_err(|error| error.to_string())?;
    Ok(out)
}

fn unusable(field_type: &FieldType, value: &[u8], reason: String) -> Unusable {
    let text = String::from_utf8_lossy(value.get(..40).unwrap_or(value)).into_owned();
    Unusable::Value { text, type_name: field_type.name(), reason }
}

#[cfg(test)]
mod tests {
    use tifusion_codec::field_type::flag as column_flag;

    use super::*;

    fn decimal() -> FieldType {
        FieldType { flen: 10, decimal: 2, ..FieldType::new(tp::NEW_DECIMAL, 0) }
    }

    fn members(code: u8) -> FieldType {
        let elems = ["a", "b", "c"].map(str::to_owned).to_vec();
        FieldType { elems, ..FieldType::new(code, 0) }
    }

    fn text() -> FieldType {
        FieldType { charset: "utf8mb4".to_owned(), ..FieldType::new(tp::VARCHAR, 0) }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Each bound, and the frequent value of version 2 that TiDB wrote for the same value.
    #[test]
    fn a_bound_becomes_the_key_that_tidb_gives_the_value() {
        let plain = |code| FieldType::new(code, 0);
        for (field_type, bound, key) in [
            (plain(tp::LONG), "-3", "037ffffffffffffffd"),
            (
                FieldType::new(tp::LONG_LONG, column_flag::UNSIGNED),
                "2000000000000000000",
                "041bc16d674ec80000",
            ),
            (plain(tp::FLOAT), "2.5", "05c004000000000000"),
            (plain(tp::DOUBLE), "0", "058000000000000000"),
            (decimal(), "2.25", "060a028000000219"),
            (plain(tp::DATE), "2024-01-04", "0419b2480000000000"),
            (plain(tp::DATETIME), "2024-01-04 10:00:00.123", "0419b248a00001e078"),
            (plain(tp::DURATION), "-07:00:00.25", "077fffe9149c0ced80"),
            (plain(tp::YEAR), "2002", "0380000000000007d2"),
            (plain(tp::BIT), "7", "040000000000000007"),
            (members(tp::ENUM), "c", "040000000000000003"),
            (members(tp::ENUM), "", "040000000000000000"),
            (members(tp::SET), "a,b", "040000000000000003"),
            (members(tp::SET), "", "040000000000000000"),
            (text(), "b10", "016231300000000000fa"),
        ] {
            let made = bound_key(&field_type, bound.as_bytes(), Zone::Utc).unwrap();
            assert_eq!(hex(&made), key, "{} {bound}", field_type.name());
            assert_eq!(top_value_key(&field_type, &made).unwrap(), made, "{}", field_type.name());
        }
    }

    #[test]
    fn a_timestamp_is_moved_from_the_zone_of_its_server() {
        let field_type = FieldType::new(tp::TIMESTAMP, 0);
        let zone: Zone = "Asia/Shanghai".parse().unwrap();
        let bound = "2024-01-04 10:00:00.123456";
        let key = bound_key(&field_type, bound.as_bytes(), zone).unwrap();
        assert_eq!(hex(&key), "0419b248200001e240");
        let zero = bound_key(&field_type, b"0000-00-00 00:00:00", zone).unwrap();
        assert_eq!(hex(&zero), "040000000000000000");
    }

    #[test]
    fn values_of_version_1_are_compact_datums() {
        let plain = |code| FieldType::new(code, 0);
        for (field_type, value, key) in [
            (plain(tp::LONG), vec![0x08, 0x05], "037ffffffffffffffd"),
            (plain(tp::BIT), vec![0x09, 0x07], "040000000000000007"),
            (text(), vec![0x02, 0x06, b'b', b'1', b'0'], "016231300000000000fa"),
            (decimal(), vec![6, 10, 2, 0x80, 0, 0, 2, 0x19], "060a028000000219"),
        ] {
            let made = top_value_key(&field_type, &value).unwrap();
            assert_eq!(hex(&made), key);
            assert_eq!(compact_form(&made).unwrap(), value, "and back");
        }
        let mut time = Vec::new();
        datum::encode_value(&mut time, &Datum::Int(-25_200_250_000_000)).unwrap();
        let key = top_value_key(&plain(tp::DURATION), &time).unwrap();
        assert_eq!(hex(&key), "077fffe9149c0ced80");
        assert_eq!(compact_form(&key).unwrap(), time);
    }

    #[test]
    fn what_is_no_value_of_the_column_is_an_error() {
        let plain = |code| FieldType::new(code, 0);
        let unsigned = FieldType::new(tp::LONG, column_flag::UNSIGNED);
        for (field_type, bound) in [
            (plain(tp::LONG), &b"twelve"[..]),
            (unsigned, b"-1"),
            (plain(tp::DOUBLE), b"NaN"),
            (plain(tp::DATE), b"yesterday"),
            (decimal(), b"123456789.25"),
            (members(tp::ENUM), b"d"),
            (members(tp::SET), b"a,d"),
            (plain(tp::JSON), b"{}"),
            (plain(tp::LONG), b"\xff\xfe"),
        ] {
            assert!(bound_key(&field_type, bound, Zone::Utc).is_err(), "{}", field_type.name());
        }
        let long = plain(tp::LONG);
        for value in [&b""[..], b"\x03\x80", b"\x05\xc0\x04\x00\x00\x00\x00\x00\x00", b"\xff"] {
            assert!(top_value_key(&long, value).is_err(), "{value:?}");
        }
        assert_eq!(compact_form(b""), None);
        assert_eq!(compact_form(b"\x03\x80"), None);
    }
}
