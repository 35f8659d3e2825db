//! Values as TiDB's SQL has them: it stores for them what the first way of writing does.

use std::fmt::Write as _;

use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, MAX_FSP, TimeKind, Zone};
use tifusion_codec::{duration, vector::VectorRef};

use crate::error::{Error, ErrorKind, Result};
use crate::sql_port::text::write_text;

/// Writes what a column stores as a literal, in a session of this time zone.
///
/// # Errors
/// For a `TIMESTAMP` that no wall time in the zone means, and for a value that is none of the type's.
pub(super) fn write_literal(
    out: &mut Vec<u8>,
    field_type: &FieldType,
    value: &Datum<'_>,
    zone: Zone,
) -> Result<()> {
    match (field_type.tp, value) {
        (_, Datum::Null) => out.extend(b"NULL"),
        (tp::DATE | tp::DATETIME | tp::TIMESTAMP, Datum::UInt(packed)) => {
            let text = time_text(field_type, *packed, zone)?;
            write_text(out, text.as_bytes());
        }
        (_, Datum::Int(value)) => out.extend(value.to_string().as_bytes()),
        (_, Datum::UInt(value)) => out.extend(value.to_string().as_bytes()),
        // With an exponent it is a double, not a decimal; the digits are those that lead back to it.
        (_, Datum::Float(value)) => out.extend(format!("{value:e}").as_bytes()),
        (_, Datum::Decimal(value)) => out.extend(value.to_string().as_bytes()),
        (_, Datum::Bytes(bytes)) if field_type.is_binary_string() => write_bytes(out, bytes),
        (_, Datum::Bytes(bytes)) => write_text(out, bytes),
        (_, Datum::Duration(nanos)) => {
            let mut text = String::new();
            duration::write_text(&mut text, *nanos, fsp(field_type));
            write_text(out, text.as_bytes());
        }
        (_, Datum::VectorFloat32(cell)) => write_text(out, vector_text(cell)?.as_bytes()),
        (_, other) => {
            let message = format!("a value of {} is {other:?}", field_type.name());
            return Err(Error::new(ErrorKind::Engine, message));
        }
    }
    Ok(())
}

fn fsp(field_type: &FieldType) -> u8 {
    u8::try_from(field_type.decimal).unwrap_or(0).min(MAX_FSP)
}

/// The digits of bytes, which no character set concerns.
fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("x'");
    for byte in bytes {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\'');
    out.extend(text.as_bytes());
}

fn vector_text(cell: &[u8]) -> Result<String> {
    let elements: Vec<String> =
        VectorRef::from_cell(cell)?.iter().map(|element| format!("{element:e}")).collect();
    Ok(format!("[{}]", elements.join(",")))
}

fn time_text(field_type: &FieldType, packed: u64, zone: Zone) -> Result<String> {
    let fsp = fsp(field_type);
    let mut text = String::new();
    match field_type.tp {
        tp::DATE => CoreTime::from_packed(packed, TimeKind::Date, 0).write_text(&mut text),
        tp::DATETIME => {
            CoreTime::from_packed(packed, TimeKind::DateTime, fsp).write_text(&mut text)
        }
        _ => {
            let stored = CoreTime::from_packed(packed, TimeKind::Timestamp, fsp);
            let utc = stored.to_micros().map_err(|error| error.into_error(stored))?;
            let wall = zone.utc_to_wall_micros(utc);
            if zone.wall_to_utc_micros(wall).ok() != Some(utc) {
                stored.write_text(&mut text);
                return Err(Error::unsupported(format!(
                    "the TIMESTAMP {text} UTC is in an hour that {zone} has twice, which its wall time does not \
                     tell: SET tidb.time_zone = 'UTC' to write it through TiDB's SQL port"
                )));
            }
            CoreTime::from_micros(wall, TimeKind::DateTime, fsp)?.write_text(&mut text);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(field_type: &FieldType, value: Datum<'_>, zone: &str) -> Result<String> {
        let mut out = Vec::new();
        write_literal(&mut out, field_type, &value, zone.parse().unwrap())?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn timestamp(text: &str) -> Datum<'static> {
        Datum::UInt(CoreTime::parse(text, TimeKind::Timestamp, 0).unwrap().to_packed())
    }

    #[test]
    fn values_have_literals_that_say_their_type() {
        let text = FieldType { charset: "utf8mb4".into(), ..FieldType::new(tp::VARCHAR, 0) };
        let bytes = FieldType { charset: "binary".into(), ..FieldType::new(tp::VARCHAR, 0) };
        let double = FieldType::new(tp::DOUBLE, 0);
        for (field_type, value, expected) in [
            (&text, Datum::Null, "NULL"),
            (&text, Datum::Bytes(b"it's a \\ \0\n"[..].into()), r"'it\'s a \\ \0\n'"),
            (&bytes, Datum::Bytes(vec![0, 0xff].into()), "x'00ff'"),
            (&bytes, Datum::Bytes(vec![].into()), "x''"),
            (&double, Datum::Float(1.5), "1.5e0"),
            (&double, Datum::Float(f64::MIN_POSITIVE), "2.2250738585072014e-308"),
            (&FieldType::new(tp::LONG_LONG, 0), Datum::UInt(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(literal(field_type, value, "UTC").unwrap(), expected);
        }
    }

    #[test]
    fn a_timestamp_is_told_by_the_sessions_wall_time_unless_that_means_two() {
        let column = FieldType { decimal: 0, ..FieldType::new(tp::TIMESTAMP, 0) };
        let told = |utc, zone| literal(&column, timestamp(utc), zone);
        assert_eq!(told("2024-07-01 10:00:00", "Europe/Berlin").unwrap(), "'2024-07-01 12:00:00'");
        assert_eq!(told("2024-07-01 10:00:00", "+05:30").unwrap(), "'2024-07-01 15:30:00'");
        // Both are half past two.
        let halves = ["2024-10-27 00:30:00", "2024-10-27 01:30:00"];
        let refused = halves.iter().filter(|utc| told(utc, "Europe/Berlin").is_err());
        assert_eq!(refused.count(), 1);
        let error = halves.iter().find_map(|utc| told(utc, "Europe/Berlin").err()).unwrap();
        assert!(error.to_string().contains("time_zone"), "{error}");
    }
}
