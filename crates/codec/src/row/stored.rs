//! Whether a value is one that a column can hold, as TiDB leaves it after its own conversion on insert.

use crate::datum::Datum;
use crate::duration;
use crate::error::{Error, Result};
use crate::field_type::{FieldType, tp};
use crate::json;
use crate::row::value::{decimal_size, wrong_kind};
use crate::time::{
    CoreTime, FIRST_TIMESTAMP_MICROS, InvalidTime, LAST_TIMESTAMP_MICROS, MAX_FSP, TimeKind,
};
use crate::vector::VectorRef;

const WHAT: &str = "column value";

/// Checks that a column of this type can hold the value as it is: its kind, its range, its length, its
/// fraction digits, its character set. Nothing is rounded, cut or padded here. `NULL` passes unless the
/// column is `NOT NULL`.
///
/// A `TIMESTAMP` is in UTC. `CHAR` has no trailing blanks, since TiDB drops them; `BINARY(n)` has all of
/// its `n` bytes.
///
/// # Errors
/// [`Error::Malformed`] for another kind of value, [`Error::OutOfRange`] for one the column can't hold,
/// [`Error::Unsupported`] for a type or character set this version does not write.
pub fn check_stored(field_type: &FieldType, value: &Datum<'_>) -> Result<()> {
    match (field_type.tp, value) {
        (_, Datum::Null) if field_type.is_not_null() => Err(out_of_range(field_type, "NULL")),
        (_, Datum::Null) => Ok(()),
        (tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG, _) => {
            check_integer(field_type, value)
        }
        (tp::YEAR, Datum::Int(year)) => match year {
            0 | 1901..=2155 => Ok(()),
            other => Err(out_of_range(field_type, other)),
        },
        (tp::FLOAT | tp::DOUBLE, Datum::Float(value)) => check_float(field_type, *value),
        (tp::NEW_DECIMAL, Datum::Decimal(value)) => {
            let (precision, scale) = decimal_size(field_type)?;
            value.encode(&mut Vec::with_capacity(40), precision, scale)
        }
        (tp::DATE, Datum::UInt(packed)) => check_time(field_type, *packed, TimeKind::Date),
        (tp::DATETIME, Datum::UInt(packed)) => check_time(field_type, *packed, TimeKind::DateTime),
        (tp::TIMESTAMP, Datum::UInt(packed)) => {
            check_time(field_type, *packed, TimeKind::Timestamp)
        }
        (tp::DURATION, Datum::Duration(nanos)) => check_duration(field_type, *nanos),
        (tp::ENUM, Datum::UInt(number)) => {
            let known = usize::try_from(*number).is_ok_and(|at| at <= field_type.elems.len());
            if known { Ok(()) } else { Err(out_of_range(field_type, number)) }
        }
        (tp::SET, Datum::UInt(mask)) => check_bits(field_type, *mask, field_type.elems.len()),
        (tp::BIT, Datum::UInt(bits)) => {
            check_bits(field_type, *bits, usize::try_from(field_type.flen).unwrap_or_default())
        }
        (tp::JSON, Datum::Json(tp, body)) => json::check_value(*tp, body),
        (tp::TIDB_VECTOR_FLOAT32, Datum::VectorFloat32(cell)) => check_vector(field_type, cell),
        (_, Datum::Bytes(bytes)) if field_type.is_string() => check_string(field_type, bytes),
        (
            tp::YEAR
            | tp::FLOAT
            | tp::DOUBLE
            | tp::NEW_DECIMAL
            | tp::DATE
            | tp::DATETIME
            | tp::TIMESTAMP
            | tp::DURATION
            | tp::ENUM
            | tp::SET
            | tp::BIT
            | tp::JSON
            | tp::TIDB_VECTOR_FLOAT32,
            _,
        ) => Err(wrong_kind(field_type, value)),
        _ if field_type.is_string() => Err(wrong_kind(field_type, value)),
        (code, _) => Err(Error::unsupported(WHAT, format!("type {} ({code})", field_type.name()))),
    }
}

fn out_of_range(field_type: &FieldType, value: impl ToString) -> Error {
    let null = if field_type.is_not_null() { " not null" } else { "" };
    let value: String = value.to_string().chars().take(64).collect();
    let target = format!("{field_type}{null}");
    Error::OutOfRange { what: WHAT, value, target }
}

fn check_integer(field_type: &FieldType, value: &Datum<'_>) -> Result<()> {
    let bits = match field_type.tp {
        tp::TINY => 8,
        tp::SHORT => 16,
        tp::INT24 => 24,
        tp::LONG => 32,
        _ => 64,
    };
    match value {
        Datum::Int(value) if !field_type.is_unsigned() => {
            let fits = value >> (bits - 1) == 0 || value >> (bits - 1) == -1;
            if fits { Ok(()) } else { Err(out_of_range(field_type, value)) }
        }
        Datum::UInt(value) if field_type.is_unsigned() => {
            let fits = value.checked_shr(bits).is_none_or(|rest| rest == 0);
            if fits { Ok(()) } else { Err(out_of_range(field_type, value)) }
        }
        other => Err(wrong_kind(field_type, other)),
    }
}

fn check_float(field_type: &FieldType, value: f64) -> Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is what is asked for")]
    let narrow = f64::from(value as f32);
    let fits = field_type.tp == tp::DOUBLE || narrow.to_bits() == value.to_bits();
    if !value.is_finite() || !fits || (field_type.is_unsigned() && value < 0.0) {
        return Err(out_of_range(field_type, value));
    }
    Ok(())
}

fn check_bits(field_type: &FieldType, value: u64, bits: usize) -> Result<()> {
    let bits = u32::try_from(bits).unwrap_or(u32::MAX);
    let fits = value.checked_shr(bits).is_none_or(|rest| rest == 0);
    if fits { Ok(()) } else { Err(out_of_range(field_type, value)) }
}

/// Fraction digits of a column of times.
fn fsp(field_type: &FieldType) -> u8 {
    u8::try_from(field_type.decimal).unwrap_or(0).min(MAX_FSP)
}

/// Microseconds of the last digit of a fraction.
fn unit(fsp: u8) -> u32 {
    10_u32.pow(u32::from(MAX_FSP - fsp))
}

fn check_time(field_type: &FieldType, packed: u64, kind: TimeKind) -> Result<()> {
    let fsp = if kind == TimeKind::Date { 0 } else { fsp(field_type) };
    let time = CoreTime::from_packed(packed, kind, fsp);
    let refuse = || Err(out_of_range(field_type, time));
    let in_fields = time.to_packed() == packed
        && time.year <= 9999
        && time.month <= 12
        && time.hour <= 23
        && time.minute <= 59
        && time.second <= 59
        && time.micro < 1_000_000;
    let is_midnight = packed & ((1 << 41) - 1) == 0;
    if !in_fields
        || !time.micro.is_multiple_of(unit(fsp))
        || (kind == TimeKind::Date && !is_midnight)
    {
        return refuse();
    }
    if time.is_zero() {
        return Ok(());
    }
    match time.to_micros() {
        Ok(FIRST_TIMESTAMP_MICROS..=LAST_TIMESTAMP_MICROS) => Ok(()),
        Ok(_) if kind != TimeKind::Timestamp => Ok(()),
        // MySQL lets the month or the day be zero.
        Err(InvalidTime::ZeroInDate) if kind != TimeKind::Timestamp => Ok(()),
        _ => refuse(),
    }
}

fn check_duration(field_type: &FieldType, nanos: i64) -> Result<()> {
    let unit = i64::from(unit(fsp(field_type))) * 1000;
    if nanos.unsigned_abs() > duration::MAX_NANOS.unsigned_abs() || nanos % unit != 0 {
        return Err(out_of_range(field_type, duration::to_text(nanos, MAX_FSP)));
    }
    Ok(())
}

fn check_vector(field_type: &FieldType, cell: &[u8]) -> Result<()> {
    let vector = VectorRef::from_cell(cell)?;
    let fits = field_type.flen < 0 || usize::try_from(field_type.flen) == Ok(vector.len());
    if !fits || vector.len() > crate::vector::MAX_DIMENSIONS {
        return Err(out_of_range(field_type, format!("{} dimensions", vector.len())));
    }
    match vector.iter().find(|element| !element.is_finite()) {
        None => Ok(()),
        Some(element) => Err(out_of_range(field_type, element)),
    }
}

fn check_string(field_type: &FieldType, bytes: &[u8]) -> Result<()> {
    let too_long = |len: usize| {
        let fits = field_type.flen < 0 || i64::try_from(len).is_ok_and(|l| l <= field_type.flen);
        if fits { Ok(()) } else { Err(out_of_range(field_type, format!("a string of {len}"))) }
    };
    if field_type.charset == "binary" {
        let is_short = i64::try_from(bytes.len()).is_ok_and(|len| len < field_type.flen);
        if field_type.tp == tp::STRING && is_short {
            let value = format!("{} bytes without the padding", bytes.len());
            return Err(out_of_range(field_type, value));
        }
        return too_long(bytes.len());
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::malformed(WHAT, format!("no {} text", field_type.charset)))?;
    let is_known = match field_type.charset.as_str() {
        "utf8mb4" => true,
        "utf8" | "utf8mb3" => text.chars().all(|c| c.len_utf8() <= 3),
        // TiDB takes latin1 for UTF-8 in some places and not in others; ASCII is the same in all.
        "ascii" | "latin1" => text.is_ascii(),
        other => return Err(Error::unsupported(WHAT, format!("character set {other:?}"))),
    };
    if !is_known {
        return Err(Error::malformed(WHAT, format!("text beyond {}", field_type.charset)));
    }
    if field_type.tp == tp::STRING && text.ends_with(' ') {
        return Err(Error::malformed(WHAT, "trailing blanks in a CHAR"));
    }
    match field_type.tp {
        tp::VARCHAR | tp::VAR_STRING | tp::STRING => too_long(text.chars().count()),
        _ => too_long(bytes.len()),
    }
}
