//! From entries of an index to handles.

use std::sync::Arc;
use std::vec;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, UInt64Type};
use bytes::Bytes;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::index::{KeyColumn, encode_common_handle};
use tifusion_codec::key::Handle;
use tifusion_codec::output::ZeroDate;
use tifusion_codec::{Error as CodecError, FieldType};
use tifusion_proto::tipb;

use crate::error::{Error, ErrorKind, Result};
use crate::scan::answer::{self, Answer, ScanColumns};
use crate::scan::spec::HandleColumns;

/// Reads the handles that the answers of an index scan hold.
#[derive(Debug, Clone)]
pub(super) enum HandleReader {
    Int(Arc<ScanColumns>),
    Common(Arc<[KeyColumn]>),
}

impl HandleReader {
    /// A reader of handles of these columns.
    pub(super) fn new(handle: &HandleColumns) -> Result<Self> {
        Ok(match handle {
            HandleColumns::Common(columns) => Self::Common(columns.as_slice().into()),
            HandleColumns::Int { is_unsigned } => {
                let (sign, data_type) = match is_unsigned {
                    true => (flag::UNSIGNED, DataType::UInt64),
                    false => (0, DataType::Int64),
                };
                let field_type = FieldType::new(tp::LONG_LONG, flag::NOT_NULL | sign);
                let field = Field::new("handle", data_type, false);
                let columns = std::iter::once((&field_type, &field));
                Self::Int(Arc::new(ScanColumns::new(columns, ZeroDate::Error)?))
            }
        })
    }

    /// Opens an encoded `tipb.SelectResponse`.
    ///
    /// # Errors
    /// When the bytes are no such answer, or it holds an error of the store.
    pub(super) fn open(&self, data: Bytes) -> Result<HandleAnswer> {
        Ok(match self {
            Self::Int(columns) => HandleAnswer::Int(columns.open(data)?),
            Self::Common(columns) => {
                let response = answer::response(data)?;
                if response.encode_type() != tipb::EncodeType::TypeDefault {
                    let message = "handles were asked for as datums and came otherwise";
                    return Err(Error::new(ErrorKind::Data, message));
                }
                HandleAnswer::Common(Arc::clone(columns), response.chunks.into_iter())
            }
        })
    }
}

/// The handles of an answer, chunk by chunk.
#[derive(Debug)]
pub(super) enum HandleAnswer {
    Int(Answer),
    Common(Arc<[KeyColumn]>, vec::IntoIter<tipb::Chunk>),
}

impl Iterator for HandleAnswer {
    type Item = Result<Vec<Handle>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self {
            Self::Int(answer) => answer.next()?.map(|batch| integers(&batch)),
            Self::Common(columns, chunks) => {
                let data = chunks.next()?.rows_data.unwrap_or_default();
                common_handles(columns, &data).map_err(Error::from)
            }
        })
    }
}

fn integers(batch: &RecordBatch) -> Vec<Handle> {
    let Some(column) = batch.columns().first() else { return Vec::new() };
    if let Some(values) = column.as_primitive_opt::<Int64Type>() {
        return values.values().iter().map(|value| Handle::Int(*value)).collect();
    }
    let Some(values) = column.as_primitive_opt::<UInt64Type>() else { return Vec::new() };
    values.values().iter().map(|value| Handle::Int(value.cast_signed())).collect()
}

fn common_handles(columns: &[KeyColumn], rows: &[u8]) -> Result<Vec<Handle>, CodecError> {
    let mut handles = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let mut values = Vec::with_capacity(columns.len());
        for column in columns {
            values.push(of_type(column.field_type(), datum::decode_one(&mut rest)?));
        }
        handles.push(encode_common_handle(columns, &values.iter().collect::<Vec<_>>())?);
    }
    Ok(handles)
}

/// An integer with the sign that its column has: stores may send either.
fn of_type<'a>(field_type: &FieldType, value: Datum<'a>) -> Datum<'a> {
    let is_integer =
        matches!(field_type.tp, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG);
    let is_signed = field_type.tp == tp::YEAR || (is_integer && !field_type.is_unsigned());
    match value {
        Datum::Int(value) if !is_signed => Datum::UInt(value.cast_unsigned()),
        Datum::UInt(value) if is_signed => Datum::Int(value.cast_signed()),
        value => value,
    }
}
