//! Columns of a `TypeChunk` answer, written: what [`ChunkDecoder`](super::ChunkDecoder) reads.
//!
//! A chunk is its columns one after the other, each as [`layout`](super::layout) describes it. NULLs
//! have zeros for cells of fixed width and no bytes otherwise, as TiKV writes them (TiDB leaves what
//! was there before, which no reader looks at).

use crate::decimal::{CHUNK_LEN, Decimal};
use crate::error::{Error, Result};
use crate::field_type::tp;
use crate::time::CoreTime;

/// A column of a chunk that grows a cell at a time.
///
/// Which method fits is the type's: a cell of another width than the type's makes a column that no
/// reader accepts, so each method that can is checked.
#[derive(Debug, Clone)]
pub struct ColumnEncoder {
    /// Bytes of a cell; `None` when they differ.
    width: Option<usize>,
    len: u32,
    null_count: u32,
    bitmap: Vec<u8>,
    offsets: Vec<u8>,
    data: Vec<u8>,
}

impl ColumnEncoder {
    /// An empty column of a MySQL type, one of [`tp`].
    #[must_use]
    pub fn new(code: u8) -> Self {
        let width = match code {
            tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR => Some(8),
            tp::DOUBLE | tp::DURATION | tp::DATE | tp::DATETIME | tp::TIMESTAMP => Some(8),
            tp::FLOAT => Some(4),
            tp::NEW_DECIMAL => Some(CHUNK_LEN),
            _ => None,
        };
        let mut column = Self {
            width,
            len: 0,
            null_count: 0,
            bitmap: Vec::new(),
            offsets: Vec::new(),
            data: Vec::new(),
        };
        column.push_offset();
        column
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.len).unwrap_or(usize::MAX)
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a NULL.
    pub fn push_null(&mut self) {
        let filled = self.data.len() + self.width.unwrap_or(0);
        self.data.resize(filled, 0);
        self.null_count += 1;
        self.end_cell(false);
    }

    /// Appends a signed integer or a `YEAR`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the type's cells are not eight bytes.
    pub fn push_int(&mut self, value: i64) -> Result<()> {
        self.push_cell(&value.to_le_bytes())
    }

    /// Appends an unsigned integer.
    ///
    /// # Errors
    /// As [`ColumnEncoder::push_int`].
    pub fn push_uint(&mut self, value: u64) -> Result<()> {
        self.push_cell(&value.to_le_bytes())
    }

    /// Appends a `FLOAT`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the type's cells are not four bytes.
    pub fn push_f32(&mut self, value: f32) -> Result<()> {
        self.push_cell(&value.to_le_bytes())
    }

    /// Appends a `DOUBLE`.
    ///
    /// # Errors
    /// As [`ColumnEncoder::push_int`].
    pub fn push_f64(&mut self, value: f64) -> Result<()> {
        self.push_cell(&value.to_le_bytes())
    }

    /// Appends a `DECIMAL`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the type's cells are not [`CHUNK_LEN`] bytes.
    pub fn push_decimal(&mut self, value: &Decimal) -> Result<()> {
        self.push_cell(&value.to_chunk())
    }

    /// Appends a `DATE`, `DATETIME` or `TIMESTAMP`, the last in the request's time zone.
    ///
    /// # Errors
    /// As [`ColumnEncoder::push_int`].
    pub fn push_time(&mut self, value: CoreTime) -> Result<()> {
        self.push_cell(&value.to_core_bits().to_le_bytes())
    }

    /// Appends a `TIME` in nanoseconds.
    ///
    /// # Errors
    /// As [`ColumnEncoder::push_int`].
    pub fn push_duration(&mut self, nanos: i64) -> Result<()> {
        self.push_cell(&nanos.to_le_bytes())
    }

    /// Appends a text, bytes, JSON (type byte and body) or a `VECTOR` in its encoding.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the type's cells have one width.
    pub fn push_bytes(&mut self, value: &[u8]) -> Result<()> {
        self.push_variable(&[value])
    }

    /// Appends the number and name of an `ENUM`'s member, or the mask and names of a `SET`.
    ///
    /// # Errors
    /// As [`ColumnEncoder::push_bytes`].
    pub fn push_member(&mut self, number: u64, name: &[u8]) -> Result<()> {
        self.push_variable(&[&number.to_le_bytes(), name])
    }

    /// Appends a `BIT` of as many bytes as its column has, at most eight.
    ///
    /// # Errors
    /// As [`ColumnEncoder::push_bytes`].
    pub fn push_bit(&mut self, value: u64, bytes: usize) -> Result<()> {
        let all = value.to_be_bytes();
        let unused = all.len().saturating_sub(bytes);
        self.push_variable(&[all.get(unused..).unwrap_or_default()])
    }

    /// Appends the column to a chunk.
    pub fn finish(self, chunk: &mut Vec<u8>) {
        chunk.extend_from_slice(&self.len.to_le_bytes());
        chunk.extend_from_slice(&self.null_count.to_le_bytes());
        if self.null_count > 0 {
            chunk.extend_from_slice(&self.bitmap);
        }
        if self.width.is_none() {
            chunk.extend_from_slice(&self.offsets);
        }
        chunk.extend_from_slice(&self.data);
    }

    fn push_cell(&mut self, cell: &[u8]) -> Result<()> {
        if self.width != Some(cell.len()) {
            return Err(self.wrong_width(cell.len()));
        }
        self.data.extend_from_slice(cell);
        self.end_cell(true);
        Ok(())
    }

    fn push_variable(&mut self, parts: &[&[u8]]) -> Result<()> {
        if self.width.is_some() {
            return Err(self.wrong_width(parts.iter().map(|part| part.len()).sum()));
        }
        parts.iter().for_each(|part| self.data.extend_from_slice(part));
        self.end_cell(true);
        Ok(())
    }

    fn wrong_width(&self, len: usize) -> Error {
        let reason = match self.width {
            Some(width) => format!("a cell of {len} bytes in a column of {width} bytes each"),
            None => format!("a cell of {len} bytes without an offset"),
        };
        Error::malformed("chunk column", reason)
    }

    /// Counts the cell that was appended.
    fn end_cell(&mut self, is_valid: bool) {
        let bit = self.len % 8;
        if bit == 0 {
            self.bitmap.push(0);
        }
        if let Some(byte) = self.bitmap.last_mut() {
            *byte |= u8::from(is_valid) << bit;
        }
        self.len += 1;
        self.push_offset();
    }

    fn push_offset(&mut self) {
        if self.width.is_none() {
            let end = i64::try_from(self.data.len()).unwrap_or(i64::MAX);
            self.offsets.extend_from_slice(&end.to_le_bytes());
        }
    }
}
