//! Columns of text and of bytes: cells of variable width, kept as they are, and text made of other
//! values.

use std::sync::Arc;

use arrow_array::types::{
    BinaryType, BinaryViewType, ByteArrayType, ByteViewType, LargeBinaryType, LargeUtf8Type,
    StringViewType, Utf8Type,
};
use arrow_array::{ArrayRef, GenericByteArray, GenericByteViewArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::layout::RawColumn;
use super::row_error::{RowError, RowResult};
use crate::error::{Error, Result};
use crate::output::StringLayout;

/// A column of strings as text; bytes that are not UTF-8 are an error.
pub(super) fn text(column: RawColumn, layout: StringLayout) -> RowResult<ArrayRef> {
    let offsets = column.offsets.clone().unwrap_or_else(OffsetBuffer::new_empty);
    let data = Buffer::from(column.data.clone());
    match GenericByteArray::try_new(offsets, data, column.nulls.clone()) {
        Ok(array) => lay_out_text(array, layout),
        // Either a value isn't UTF-8, or the bytes of a NULL aren't.
        Err(_) => {
            let mut text = TextBuilder::new(&column);
            for (row, cell) in column.variable_cells().enumerate() {
                if !column.is_null(row) {
                    text.push_bytes(cell).map_err(RowError::at(row))?;
                }
                text.end_row();
            }
            text.finish(column.nulls, layout)
        }
    }
}

/// A column of strings as bytes.
pub(super) fn bytes(column: RawColumn, layout: StringLayout) -> RowResult<ArrayRef> {
    let offsets = column.offsets.unwrap_or_else(OffsetBuffer::new_empty);
    let data = Buffer::from(column.data);
    let array = GenericByteArray::<LargeBinaryType>::try_new(offsets, data, column.nulls)
        .map_err(RowError::arrow("bytes"))?;
    lay_out::<_, BinaryType, BinaryViewType>(array, layout)
}

/// A column of text that grows value by value.
pub(crate) struct TextBuilder {
    text: String,
    ends: Vec<i64>,
}

impl TextBuilder {
    /// For about as many bytes as the column has.
    pub(crate) fn new(column: &RawColumn) -> Self {
        let mut ends = Vec::with_capacity(column.len.saturating_add(1));
        ends.push(0);
        Self { text: String::with_capacity(column.data.len()), ends }
    }

    /// The text so far, to be appended to.
    pub(crate) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let text = str::from_utf8(bytes).map_err(|error| {
            let reason = format!("not UTF-8 from byte {} on", error.valid_up_to());
            Error::malformed("text", reason)
        })?;
        self.text.push_str(text);
        Ok(())
    }

    /// Ends the value of the row, a NULL's too.
    pub(crate) fn end_row(&mut self) {
        // Memory is never longer than i64::MAX.
        self.ends.push(i64::try_from(self.text.len()).unwrap_or(i64::MAX));
    }

    /// The rows as an array.
    pub(crate) fn finish(
        self,
        nulls: Option<NullBuffer>,
        layout: StringLayout,
    ) -> RowResult<ArrayRef> {
        // The ends only grow.
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let data = Buffer::from(self.text.into_bytes());
        let array =
            GenericByteArray::try_new(offsets, data, nulls).map_err(RowError::arrow("text"))?;
        lay_out_text(array, layout)
    }
}

fn lay_out_text(
    array: GenericByteArray<LargeUtf8Type>,
    layout: StringLayout,
) -> RowResult<ArrayRef> {
    lay_out::<_, Utf8Type, StringViewType>(array, layout)
}

/// The array in the layout asked for; its bytes are shared, not copied.
fn lay_out<L, S, V>(array: GenericByteArray<L>, layout: StringLayout) -> RowResult<ArrayRef>
where
    L: ByteArrayType<Offset = i64>,
    S: ByteArrayType<Offset = i32, Native = L::Native>,
    V: ByteViewType<Native = L::Native>,
{
    match layout {
        StringLayout::Large => Ok(Arc::new(array)),
        StringLayout::View => Ok(Arc::new(GenericByteViewArray::<V>::from(&array))),
        StringLayout::Small => Ok(Arc::new(with_small_offsets::<L, S>(array)?)),
    }
}

fn with_small_offsets<L, S>(array: GenericByteArray<L>) -> RowResult<GenericByteArray<S>>
where
    L: ByteArrayType<Offset = i64>,
    S: ByteArrayType<Offset = i32>,
{
    let (offsets, data, nulls) = array.into_parts();
    let small: Result<Vec<i32>, _> = offsets.iter().map(|offset| i32::try_from(*offset)).collect();
    let small = small.map_err(|_| {
        RowError::at(0)(Error::OutOfRange {
            what: "text",
            value: format!("{} bytes", data.len()),
            target: "an array with 32-bit offsets".to_owned(),
        })
    })?;
    // They rise as the 64-bit offsets did.
    let offsets = OffsetBuffer::new(ScalarBuffer::from(small));
    GenericByteArray::try_new(offsets, data, nulls).map_err(RowError::arrow("text"))
}
