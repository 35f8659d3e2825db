//! From rows of values to an answer's chunks.

use tifusion_codec::chunk::ColumnEncoder;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::Zone;
use tifusion_proto::tipb::{EncodeType, FieldType};

use super::error::EvalError;
use super::types::TypeExt;
use super::value::{Row, Value};

/// How an answer is encoded: as asked for, except that chunks hold no types that nothing is computed
/// with, and that other encodings are not TiKV's.
pub(crate) fn encoding(wanted: EncodeType, schema: &[FieldType]) -> EncodeType {
    match wanted {
        EncodeType::TypeChunk if schema.iter().all(|ty| ty.eval_type().is_some()) => wanted,
        _ => EncodeType::TypeDefault,
    }
}

/// Appends the columns `offsets` of the rows, one column after the other in the chunk format.
///
/// # Errors
/// When a value has no such form.
pub(crate) fn encode_chunk(
    out: &mut Vec<u8>,
    rows: &[Row],
    schema: &[FieldType],
    offsets: &[usize],
) -> Result<(), EvalError> {
    for offset in offsets {
        let Some(ty) = schema.get(*offset) else { continue };
        let mut column = ColumnEncoder::new(ty.code());
        for row in rows {
            push(&mut column, row.get(*offset).unwrap_or(&Value::Null), ty)?;
        }
        column.finish(out);
    }
    Ok(())
}

fn push(column: &mut ColumnEncoder, value: &Value, ty: &FieldType) -> Result<(), EvalError> {
    match value {
        Value::Null => column.push_null(),
        Value::Int(value) if ty.code() == tp::BIT => {
            column.push_bit(value.cast_unsigned(), bit_bytes(ty))?;
        }
        Value::Int(value) => column.push_int(*value)?,
        Value::Real(value) if ty.code() == tp::FLOAT => column.push_f32(narrow(*value))?,
        Value::Real(value) => column.push_f64(*value)?,
        Value::Decimal(value) => column.push_decimal(value)?,
        Value::Bytes(value) | Value::Json(value) | Value::Vector(value) => {
            column.push_bytes(value)?;
        }
        Value::Time(value) => column.push_time(*value)?,
        Value::Duration(span) => column.push_duration(span.nanos)?,
        Value::Enum(number, name) => column.push_member(*number, name)?,
        Value::Set(_) => return Err(EvalError::other("a SET in a chunk")),
    }
    Ok(())
}

/// Bytes of a `BIT`: TiKV drops as many of eight as its unused bits fill.
fn bit_bytes(ty: &FieldType) -> usize {
    let unused = 64 - ty.length().clamp(0, 64);
    8 - usize::try_from(unused / 8).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "FLOAT has single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Appends the columns `offsets` of the rows, one row's datums after the other's.
///
/// # Errors
/// When a value has no such form.
pub(crate) fn encode_rows(
    out: &mut Vec<u8>,
    rows: &[Row],
    schema: &[FieldType],
    offsets: &[usize],
    zone: Zone,
) -> Result<(), EvalError> {
    for row in rows {
        for offset in offsets {
            let value = row.get(*offset).unwrap_or(&Value::Null);
            if let Some(ty) = schema.get(*offset) {
                super::datum::encode(out, value, ty, zone)?;
            }
        }
    }
    Ok(())
}
