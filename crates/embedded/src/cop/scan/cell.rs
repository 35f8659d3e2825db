//! Values of rows of the second format: like datums, but without their flags and shorter.

use tifusion_codec::datum::flag;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::field_type::tp;
use tifusion_codec::number;
use tifusion_codec::time::Zone;
use tifusion_proto::tipb::FieldType;

use crate::cop::datum;
use crate::cop::error::EvalError;
use crate::cop::types::{EvalType, TypeExt};
use crate::cop::value::Value;

/// Reads a cell as a value of the type.
///
/// # Errors
/// When the cell is no value of the type.
pub(crate) fn decode(cell: &[u8], ty: &FieldType, zone: Zone) -> Result<Value, EvalError> {
    let with_flag = |flag: u8| {
        let mut whole = Vec::with_capacity(cell.len() + 1);
        whole.push(flag);
        whole.extend_from_slice(cell);
        datum::decode(&mut whole.as_slice(), ty, zone)
    };
    let Some(eval_type) = ty.eval_type() else {
        return match ty.code() {
            tp::SET => Ok(Value::Set(uint(cell)?)),
            code => Err(EvalError::other(format!("a column of type {code} in a row"))),
        };
    };
    match eval_type {
        EvalType::Int if ty.is_unsigned() || ty.code() == tp::BIT => Ok(Value::uint(uint(cell)?)),
        EvalType::Int => Ok(Value::Int(int(cell)?)),
        EvalType::Real => with_flag(flag::FLOAT),
        EvalType::Decimal => Ok(Value::Decimal(Decimal::decode(&mut { cell })?)),
        EvalType::Bytes => Ok(Value::Bytes(::bytes::Bytes::copy_from_slice(cell))),
        EvalType::Time => Ok(Value::Time(datum::unpack_time(uint(cell)?, ty, zone)?)),
        EvalType::Duration => Ok(Value::Duration(datum::span(int(cell)?, ty.fsp())?)),
        EvalType::Json => with_flag(flag::JSON),
        EvalType::Vector => with_flag(flag::VECTOR_FLOAT32),
        EvalType::Enum => {
            let number = uint(cell)?;
            Ok(Value::Enum(number, datum::member_name(ty, number)))
        }
    }
}

/// An unsigned integer of 1, 2, 4 or 8 bytes.
fn uint(cell: &[u8]) -> Result<u64, EvalError> {
    if let [byte] = cell {
        return Ok(u64::from(*byte));
    }
    let mut rest = cell;
    let value = match cell.len() {
        2 => u64::from(number::decode_u16_le(&mut rest)?),
        4 => u64::from(number::decode_u32_le(&mut rest)?),
        8 => number::decode_u64_le(&mut rest)?,
        len => return Err(EvalError::other(format!("an integer of {len} bytes in a row"))),
    };
    Ok(value)
}

/// A signed integer of 1, 2, 4 or 8 bytes.
fn int(cell: &[u8]) -> Result<i64, EvalError> {
    let unused = match cell.len() {
        1 | 2 | 4 => 64 - 8 * u32::try_from(cell.len()).unwrap_or(8),
        _ => 0,
    };
    // Shifting up and back down spreads the sign.
    Ok((uint(cell)? << unused).cast_signed() >> unused)
}
