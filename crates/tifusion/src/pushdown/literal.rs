//! Constants.

use datafusion::arrow::datatypes::i256;
use datafusion::common::ScalarValue;
use tifusion_codec::decimal::{Decimal, MAX_PRECISION, MAX_SCALE};
use tifusion_codec::time::{CoreTime, MAX_FSP, MICROS_PER_DAY, TimeKind};
use tifusion_codec::{duration, number};
use tifusion_proto::tipb::ExprType;

use super::build::Build;
use super::ty::{RealRange, Ty, Typed};

const NO_FORM: &str = "a constant of this type has no form there";
const OUT_OF_RANGE: &str = "the constant is beyond what the store's type holds";

/// The constant `value`.
///
/// # Errors
/// Why the stores can't be given it.
pub(super) fn lower(build: Build, value: &ScalarValue) -> Result<Typed, &'static str> {
    if value.is_null() {
        let ty = Ty::of_null(&value.data_type()).ok_or(NO_FORM)?;
        return Ok(build.null(ty));
    }
    match value {
        ScalarValue::Boolean(Some(truth)) => {
            let constant = build.small(i32::from(*truth));
            Ok(Typed { ty: Ty::TRUTH, ..constant })
        }
        ScalarValue::Float32(Some(value)) => real(build, f64::from(*value)),
        ScalarValue::Float64(Some(value)) => real(build, *value),
        ScalarValue::Decimal128(Some(value), _, scale) => {
            decimal(build, i256::from_i128(*value), *scale)
        }
        ScalarValue::Decimal256(Some(value), _, scale) => decimal(build, *value, *scale),
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => {
            Ok(build.constant(ExprType::String, text.clone().into_bytes(), Ty::Text))
        }
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes)) => {
            Ok(build.constant(ExprType::Bytes, bytes.clone(), Ty::Bytes))
        }
        ScalarValue::Date32(Some(days)) => {
            let micros = i64::from(*days).checked_mul(MICROS_PER_DAY).ok_or(OUT_OF_RANGE)?;
            calendar(build, micros, Ty::Date)
        }
        ScalarValue::TimestampMicrosecond(Some(micros), None) => {
            calendar(build, *micros, Ty::DateTime)
        }
        ScalarValue::TimestampMicrosecond(Some(micros), Some(_)) => {
            calendar(build, *micros, Ty::Timestamp)
        }
        ScalarValue::DurationMicrosecond(Some(micros)) => {
            let nanos = duration::from_micros(*micros).ok_or(OUT_OF_RANGE)?;
            let mut val = Vec::with_capacity(8);
            number::encode_i64(&mut val, nanos);
            Ok(build.constant(ExprType::MysqlDuration, val, Ty::Time))
        }
        _ => build.int(integer(value).ok_or(NO_FORM)?).ok_or(OUT_OF_RANGE),
    }
}

/// The value of an integer constant.
pub(super) fn integer(value: &ScalarValue) -> Option<i128> {
    Some(match value {
        ScalarValue::Int8(value) => i128::from((*value)?),
        ScalarValue::Int16(value) => i128::from((*value)?),
        ScalarValue::Int32(value) => i128::from((*value)?),
        ScalarValue::Int64(value) => i128::from((*value)?),
        ScalarValue::UInt8(value) => i128::from((*value)?),
        ScalarValue::UInt16(value) => i128::from((*value)?),
        ScalarValue::UInt32(value) => i128::from((*value)?),
        ScalarValue::UInt64(value) => i128::from((*value)?),
        _ => return None,
    })
}

fn real(build: Build, value: f64) -> Result<Typed, &'static str> {
    if !value.is_finite() {
        return Err("MySQL has no such float");
    }
    let is_zero = value == 0.0;
    let range = RealRange {
        bound: value.abs(),
        zero: is_zero && value.is_sign_positive(),
        negative_zero: is_zero && value.is_sign_negative(),
    };
    let mut val = Vec::with_capacity(8);
    number::encode_f64(&mut val, value);
    Ok(build.constant(ExprType::Float64, val, Ty::Real(range)))
}

fn decimal(build: Build, unscaled: i256, scale: i8) -> Result<Typed, &'static str> {
    let scale = u8::try_from(scale).ok().filter(|scale| *scale <= MAX_SCALE).ok_or(OUT_OF_RANGE)?;
    let value = Decimal::from_i256(unscaled, scale).map_err(|_| OUT_OF_RANGE)?;
    let precision = value.precision().max(scale).max(1);
    if precision > MAX_PRECISION {
        return Err(OUT_OF_RANGE);
    }
    let mut val = Vec::new();
    value.encode(&mut val, precision, scale).map_err(|_| OUT_OF_RANGE)?;
    Ok(build.constant(ExprType::MysqlDecimal, val, Ty::Decimal { precision, scale }))
}

fn calendar(build: Build, micros: i64, ty: Ty) -> Result<Typed, &'static str> {
    let kind = if ty == Ty::Date { TimeKind::Date } else { TimeKind::DateTime };
    let fsp = if ty == Ty::Date { 0 } else { MAX_FSP };
    let time = CoreTime::from_micros(micros, kind, fsp).map_err(|_| OUT_OF_RANGE)?;
    Ok(packed(build, time, ty))
}

/// A date, whether the calendar has it or not.
pub(super) fn date(build: Build, date: CoreTime) -> Typed {
    packed(build, date, Ty::Date)
}

fn packed(build: Build, time: CoreTime, ty: Ty) -> Typed {
    let mut val = Vec::with_capacity(8);
    number::encode_u64(&mut val, time.to_packed());
    build.constant(ExprType::MysqlTime, val, ty)
}
