//! From rows of values to an answer's chunks.

use tifusion_proto::tipb::{EncodeType, FieldType};

use super::error::EvalError;
use super::types::TypeExt;
use super::value::{Row, Value};
use tifusion_codec::time::Zone;

/// How an answer is encoded: as asked for, except that chunks hold no types that nothing is computed
/// with, and that other encodings are not TiKV's.
pub(crate) fn encoding(wanted: EncodeType, schema: &[FieldType]) -> EncodeType {
    match wanted {
        EncodeType::TypeChunk if schema.iter().all(|ty| ty.eval_type().is_some()) => wanted,
        _ => EncodeType::TypeDefault,
    }
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
