//! Rows of the second format, taken apart.
//!
//! `128 · flags · u16 count of values · u16 count of NULLs · ids of both, sorted · end of each value ·
//! values`, little-endian. Ids have one byte and ends two, or four each in a big row
//! (`util/rowcodec` of TiDB).

use tifusion_codec::cursor::{take, take_array};
use tifusion_codec::{Error, number};

/// The first byte of such a row; those of the first format start with a datum's flag.
pub(crate) const VERSION: u8 = 128;

const WHAT: &str = "row";
const BIG: u8 = 1;

/// A row that borrows its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowV2<'a> {
    big: bool,
    ids: &'a [u8],
    null_ids: &'a [u8],
    ends: &'a [u8],
    values: &'a [u8],
}

/// What a row says about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// The column's value in the row's own encoding.
    Value(&'a [u8]),
    /// The column is NULL.
    Null,
    /// The row was written before the column existed.
    Missing,
}

impl<'a> RowV2<'a> {
    /// Takes a row apart.
    ///
    /// # Errors
    /// When it is shorter than it says, or not of this format.
    pub(crate) fn new(row: &'a [u8]) -> Result<Self, Error> {
        let mut rest = row;
        let [version, flags] = *take_array(WHAT, &mut rest)?;
        if version != VERSION {
            return Err(Error::malformed(WHAT, format!("version {version}")));
        }
        let big = flags & BIG != 0;
        let count = usize::from(number::decode_u16_le(&mut rest)?);
        let null_count = usize::from(number::decode_u16_le(&mut rest)?);
        let (id_width, end_width) = if big { (4, 4) } else { (1, 2) };
        Ok(Self {
            big,
            ids: take(WHAT, &mut rest, count * id_width)?,
            null_ids: take(WHAT, &mut rest, null_count * id_width)?,
            ends: take(WHAT, &mut rest, count * end_width)?,
            values: rest,
        })
    }

    /// The cell of a column.
    ///
    /// # Errors
    /// When the value lies outside the row.
    pub(crate) fn cell(&self, column_id: i64) -> Result<Cell<'a>, Error> {
        let Ok(id) = u32::try_from(column_id) else { return Ok(Cell::Missing) };
        if id == 0 || (!self.big && id > u32::from(u8::MAX)) {
            return Ok(Cell::Missing);
        }
        if let Some(at) = self.find(self.ids, id) {
            let start = at.checked_sub(1).map_or(Some(0), |before| self.end(before));
            let value =
                start.zip(self.end(at)).and_then(|(start, end)| self.values.get(start..end));
            return value
                .map(Cell::Value)
                .ok_or_else(|| Error::malformed(WHAT, format!("no value of column {column_id}")));
        }
        Ok(if self.find(self.null_ids, id).is_some() { Cell::Null } else { Cell::Missing })
    }

    fn find(&self, ids: &[u8], id: u32) -> Option<usize> {
        if self.big {
            let (ids, _) = ids.as_chunks::<4>();
            ids.binary_search_by_key(&id, |bytes| u32::from_le_bytes(*bytes)).ok()
        } else {
            ids.binary_search_by_key(&id, |byte| u32::from(*byte)).ok()
        }
    }

    fn end(&self, at: usize) -> Option<usize> {
        if self.big {
            let end = u32::from_le_bytes(*self.ends.as_chunks::<4>().0.get(at)?);
            usize::try_from(end).ok()
        } else {
            Some(usize::from(u16::from_le_bytes(*self.ends.as_chunks::<2>().0.get(at)?)))
        }
    }
}
