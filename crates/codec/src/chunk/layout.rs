//! Cuts a chunk into its columns.
//!
//! Per column, little-endian: the number of rows (`u32`), the number of NULLs (`u32`), a bitmap of one
//! bit per row if there are NULLs (lowest bit first, 1 = not NULL: Arrow's own form), for columns of
//! variable width one `i64` offset per row and one more, then the cells (`encodeColumn` of TiDB's
//! `chunk/codec.go`, `write_chunk_column` of TiKV). Nothing is aligned.

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use bytes::Bytes;

use super::buffer::scalar_buffer;
use crate::error::{Error, Result};
use crate::output::CellWidth;

const WHAT: &str = "chunk column";

/// A column of a chunk before its cells are understood.
#[derive(Debug, Clone)]
pub(crate) struct RawColumn {
    /// Number of rows.
    pub(crate) len: usize,
    /// Validity, none when no row is NULL.
    pub(crate) nulls: Option<NullBuffer>,
    /// Where cells begin and end, `len + 1` offsets that never fall, from 0 to the end of `data`;
    /// empty when cells have one width.
    pub(crate) offsets: Option<OffsetBuffer<i64>>,
    /// The cells of all rows. Those of NULL rows hold anything.
    pub(crate) data: Bytes,
}

impl RawColumn {
    /// Whether the row is NULL.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The cells of `N` bytes each.
    pub(crate) fn cells<const N: usize>(&self) -> &[[u8; N]] {
        self.data.as_chunks().0
    }

    /// The cells of variable width, in order; none for a column of fixed width.
    pub(crate) fn variable_cells(&self) -> impl Iterator<Item = &[u8]> {
        let offsets = self.offsets.as_deref().unwrap_or_default();
        let range = |pair: &[i64; 2]| {
            let [start, end] = pair.map(|offset| usize::try_from(offset).unwrap_or(usize::MAX));
            self.data.get(start..end).unwrap_or_default()
        };
        offsets.array_windows::<2>().map(range)
    }
}

/// Takes columns off the front of a chunk.
pub(crate) struct ColumnReader {
    rest: Bytes,
}

impl ColumnReader {
    /// Starts at the chunk's first byte.
    pub(crate) fn new(rows_data: &Bytes) -> Self {
        Self { rest: rows_data.clone() }
    }

    /// Reads the next column.
    ///
    /// Nothing is allocated before the bytes it needs have been seen.
    pub(crate) fn next(&mut self, width: CellWidth) -> Result<RawColumn> {
        let len = self.take_u32()?;
        let null_count = self.take_u32()?;
        if null_count > len {
            let reason = format!("{null_count} NULLs in {len} rows");
            return Err(Error::malformed(WHAT, reason));
        }
        let nulls = self.take_nulls(len, null_count)?;
        let (offsets, data) = match width {
            CellWidth::Fixed(width) => (None, self.take(len.saturating_mul(width))?),
            CellWidth::Variable => {
                let (offsets, end) = self.take_offsets(len)?;
                (Some(offsets), self.take(end)?)
            }
        };
        Ok(RawColumn { len, nulls, offsets, data })
    }

    /// Checks that the last column ended with the chunk.
    pub(crate) fn finish(self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let reason = format!("{} bytes after the last column", self.rest.len());
        Err(Error::malformed("chunk", reason))
    }

    fn take(&mut self, len: usize) -> Result<Bytes> {
        Error::need(WHAT, len, self.rest.len())?;
        Ok(self.rest.split_to(len))
    }

    fn take_u32(&mut self) -> Result<usize> {
        let bytes = self.take(4)?;
        let value = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        // Where `usize` is narrower than `u32` a count too large for it is too large for the chunk.
        Ok(usize::try_from(value).unwrap_or(usize::MAX))
    }

    fn take_nulls(&mut self, len: usize, null_count: usize) -> Result<Option<NullBuffer>> {
        if null_count == 0 {
            return Ok(None);
        }
        let bitmap = self.take(len.div_ceil(8))?;
        let nulls = NullBuffer::new(BooleanBuffer::new(Buffer::from(bitmap), 0, len));
        if nulls.null_count() != null_count {
            let reason = format!("{null_count} NULLs, but {} in the bitmap", nulls.null_count());
            return Err(Error::malformed(WHAT, reason));
        }
        Ok(Some(nulls))
    }

    /// The offsets, and the length of the data they point into.
    fn take_offsets(&mut self, len: usize) -> Result<(OffsetBuffer<i64>, usize)> {
        let bytes = self.take(len.saturating_add(1).saturating_mul(8))?;
        let offsets: ScalarBuffer<i64> = scalar_buffer(bytes, i64::from_le_bytes);
        // A negative number in either part leaves its sign bit in the sum of all bits; the difference
        // of two numbers that aren't negative doesn't overflow.
        let signs =
            offsets.array_windows().fold(0, |signs, [a, b]| signs | b.wrapping_sub(*a) | *b);
        if signs < 0 || offsets.first() != Some(&0) {
            return Err(Error::malformed(WHAT, "offsets don't rise from 0"));
        }
        let end = offsets.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(usize::MAX);
        Error::need(WHAT, end, self.rest.len())?;
        Ok((OffsetBuffer::new(offsets), end))
    }
}
