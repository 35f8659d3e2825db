//! `JSON`.

use std::borrow::Cow;

use super::error::Refusal;
use super::time::Wall;
use super::value::InputValue;
use super::{float, number_text, span_number};
use crate::datum::Datum;
use crate::json::{self, tp};
use crate::time::{TimeKind, Zone};

/// Text is a document; anything else becomes a value of the same kind.
pub(super) fn convert<'a>(value: &InputValue<'a>, zone: Zone) -> Result<Datum<'a>, Refusal> {
    let fixed = |tp, bytes: &[u8]| Ok(Datum::Json(tp, Cow::Owned(bytes.to_vec())));
    match value {
        InputValue::Int(value) => fixed(tp::I64, &value.to_le_bytes()),
        InputValue::UInt(value) => fixed(tp::U64, &value.to_le_bytes()),
        InputValue::Float32(value) => double(f64::from(*value)),
        InputValue::Float64(value) => double(*value),
        InputValue::Decimal(value) => double(float::of_decimal(value)?),
        InputValue::Text(text) => document(text),
        InputValue::Bytes(bytes) => document(number_text::of_bytes(bytes)?),
        InputValue::Duration(moment) => {
            let nanos = span_number::nanos(*moment, moment.fsp)?;
            let mut body = nanos.to_le_bytes().to_vec();
            body.extend_from_slice(&u32::from(moment.fsp).to_le_bytes());
            Ok(Datum::Json(tp::DURATION, Cow::Owned(body)))
        }
        other => {
            let time = Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?.time;
            let tp = match time.kind {
                TimeKind::Date => tp::DATE,
                TimeKind::DateTime => tp::DATETIME,
                TimeKind::Timestamp => tp::TIMESTAMP,
            };
            // Kind and fraction digits, the lowest four bits, are left out.
            fixed(tp, &(time.to_core_bits() & !0b1111).to_le_bytes())
        }
    }
}

fn document(text: &str) -> Result<Datum<'static>, Refusal> {
    let (tp, body) = json::from_text(text).map_err(Refusal::InvalidJson)?;
    Ok(Datum::Json(tp, Cow::Owned(body)))
}

fn double(value: f64) -> Result<Datum<'static>, Refusal> {
    if !value.is_finite() {
        return Err(Refusal::OutOfRange);
    }
    Ok(Datum::Json(tp::DOUBLE, Cow::Owned(value.to_le_bytes().to_vec())))
}
