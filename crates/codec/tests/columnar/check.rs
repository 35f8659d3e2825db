//! Decodes the same values from every encoding and at every alignment.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::output::{DecodeOptions, OutputColumn, ZeroDate};
use tifusion_codec::rows::RowsDecoder;
use tifusion_codec::{Error, FieldType, Result};

use crate::writer::{Cell, Form, chunk, rows, write_column};

/// The type with its code and flags.
pub(crate) fn field_type(tp: u8, flag: u32) -> FieldType {
    FieldType::new(tp, flag)
}

/// One column under test.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) field_type: FieldType,
    pub(crate) data_type: DataType,
    pub(crate) nullable: bool,
    pub(crate) zero_date: ZeroDate,
}

impl Column {
    pub(crate) fn new(field_type: FieldType, data_type: DataType) -> Self {
        Self { field_type, data_type, nullable: true, zero_date: ZeroDate::Null }
    }

    pub(crate) fn not_null(self) -> Self {
        Self { nullable: false, ..self }
    }

    pub(crate) fn zero_dates_fail(self) -> Self {
        Self { zero_date: ZeroDate::Error, ..self }
    }

    fn parts(&self) -> (Arc<Schema>, Vec<OutputColumn>, DecodeOptions) {
        let field = Field::new("c", self.data_type.clone(), self.nullable);
        let column = OutputColumn::new(self.field_type.clone(), &field);
        let options = DecodeOptions { zero_date: self.zero_date };
        (Arc::new(Schema::new(vec![field])), vec![column], options)
    }

    pub(crate) fn chunks(&self) -> Result<ChunkDecoder> {
        let (schema, columns, options) = self.parts();
        ChunkDecoder::new(schema, columns, options)
    }

    pub(crate) fn rows(&self) -> Result<RowsDecoder> {
        let (schema, columns, options) = self.parts();
        RowsDecoder::new(schema, columns, options)
    }

    /// Decodes the cells from a chunk.
    pub(crate) fn decode_chunk(&self, cells: &[Cell]) -> Result<ArrayRef> {
        let data = chunk(&[(self.field_type.tp, cells.to_vec())]);
        Ok(self.chunks()?.decode(&data.into())?.column(0).clone())
    }

    /// Decodes the cells from rows.
    pub(crate) fn decode_rows(&self, cells: &[Cell], form: Form) -> Result<ArrayRef> {
        let data = rows(&[(self.field_type.tp, cells.to_vec())], form);
        Ok(self.rows()?.decode(&data.into())?.column(0).clone())
    }

    /// Checks that the cells come out as `expected` whatever their encoding and place in memory, and
    /// whatever the cells of NULLs hold.
    pub(crate) fn check(&self, cells: &[Cell], expected: impl Array + 'static) {
        let expected: ArrayRef = Arc::new(expected);
        assert_eq!(*expected.data_type(), self.data_type);
        let same = |array: &ArrayRef, how: &str| {
            assert_eq!(array, &expected, "{how}");
            array.to_data().validate_full().unwrap();
        };
        let decoder = self.chunks().unwrap();
        for null_fill in [&[][..], &[0xff; 40], &[0x80, 1, 2]] {
            let mut data = Vec::new();
            write_column(&mut data, self.field_type.tp, cells, null_fill);
            for shift in 0..8 {
                let batch = decoder.decode(&shifted(&data, shift)).unwrap();
                same(batch.column(0), &format!("chunk shifted by {shift}, NULLs {null_fill:?}"));
            }
        }
        for form in [Form::Comparable, Form::Compact] {
            same(&self.decode_rows(cells, form).unwrap(), &format!("rows, {form:?}"));
        }
    }

    /// Checks that the cells are refused in every encoding, in this row, with this message.
    pub(crate) fn refuses(&self, cells: &[Cell], row: usize, message: &str) {
        let in_row = |error: Error| match error {
            Error::Column { column: 0, row, source } => (row, source.to_string()),
            other => panic!("{other:?}"),
        };
        let expected = (row, message.to_owned());
        assert_eq!(in_row(self.decode_chunk(cells).unwrap_err()), expected, "chunk");
        for form in [Form::Comparable, Form::Compact] {
            assert_eq!(in_row(self.decode_rows(cells, form).unwrap_err()), expected, "{form:?}");
        }
    }
}

/// The bytes at an address that is `shift` above a multiple of eight.
pub(crate) fn shifted(data: &[u8], shift: usize) -> Bytes {
    let mut memory = vec![0; data.len() + 16];
    let start = (shift + 8 - memory.as_ptr().addr() % 8) % 8;
    memory[start..start + data.len()].copy_from_slice(data);
    let bytes = Bytes::from(memory).slice(start..start + data.len());
    assert!(bytes.is_empty() || bytes.as_ptr().addr() % 8 == shift);
    bytes
}
