//! Takes a row apart.

use super::{FLAG_CHECKSUM, FLAG_LARGE, VERSION, WHAT};
use crate::cursor::{take, take_array};
use crate::error::{Error, Result};
use crate::number::decode_u16_le;

/// Flag in the head of a checksum: a second one follows.
const CHECKSUM_EXTRA: u8 = 0b1000;

/// What a row says about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing: it has its default of when it was added, or is the row's key.
    Missing,
    /// It is `NULL`.
    Null,
    /// Its value; see [`decode_value`](super::decode_value).
    Value(&'a [u8]),
}

/// A row that borrows its bytes.
#[derive(Debug, Clone, Copy)]
pub struct RowReader<'a> {
    is_large: bool,
    ids: &'a [u8],
    null_ids: &'a [u8],
    ends: &'a [u8],
    data: &'a [u8],
}

impl<'a> RowReader<'a> {
    /// Takes the head of a row apart; values are looked at when asked for.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another format or a flag this version does not know,
    /// [`Error::Truncated`] when the bytes end before the row does.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = bytes;
        let [version, flags] = *take_array(WHAT, &mut rest)?;
        if version != VERSION {
            return Err(Error::malformed(WHAT, format!("format {version}")));
        }
        if flags & !(FLAG_LARGE | FLAG_CHECKSUM) != 0 {
            return Err(Error::malformed(WHAT, format!("flags {flags:#04x}")));
        }
        let is_large = flags & FLAG_LARGE != 0;
        let (id_bytes, end_bytes) = if is_large { (4, 4) } else { (1, 2) };
        let values = usize::from(decode_u16_le(&mut rest)?);
        let nulls = usize::from(decode_u16_le(&mut rest)?);
        let ids = take(WHAT, &mut rest, values * id_bytes)?;
        let null_ids = take(WHAT, &mut rest, nulls * id_bytes)?;
        let ends = take(WHAT, &mut rest, values * end_bytes)?;
        let mut row = Self { is_large, ids, null_ids, ends, data: rest };
        let len = values.checked_sub(1).map_or(0, |last| row.end(last));
        row.data = take(WHAT, &mut rest, len)?;
        if flags & FLAG_CHECKSUM != 0 {
            skip_checksum(&mut rest)?;
        }
        if !rest.is_empty() {
            return Err(Error::malformed(WHAT, format!("{} bytes too many", rest.len())));
        }
        Ok(row)
    }

    /// What the row says about a column.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the ends of the values are out of order.
    pub fn get(&self, column_id: i64) -> Result<Cell<'a>> {
        let Ok(wanted) = u32::try_from(column_id) else { return Ok(Cell::Missing) };
        if let Some(at) = self.search(self.ids, wanted) {
            return self.value(at).map(Cell::Value);
        }
        let is_null = self.search(self.null_ids, wanted).is_some();
        Ok(if is_null { Cell::Null } else { Cell::Missing })
    }

    /// Ids of the columns with a value, ascending.
    pub fn value_ids(&self) -> impl Iterator<Item = u32> + 'a {
        let row = *self;
        (0..row.count(row.ids)).map(move |at| row.id(row.ids, at))
    }

    /// Ids of the columns that are `NULL`, ascending.
    pub fn null_ids(&self) -> impl Iterator<Item = u32> + 'a {
        let row = *self;
        (0..row.count(row.null_ids)).map(move |at| row.id(row.null_ids, at))
    }

    fn value(&self, at: usize) -> Result<&'a [u8]> {
        let start = at.checked_sub(1).map_or(0, |before| self.end(before));
        self.data.get(start..self.end(at)).ok_or_else(|| {
            Error::malformed(WHAT, format!("value {at} ends at {} of {}", self.end(at), start))
        })
    }

    fn count(&self, ids: &[u8]) -> usize {
        if self.is_large { ids.len() / 4 } else { ids.len() }
    }

    fn search(&self, ids: &[u8], wanted: u32) -> Option<usize> {
        let (mut low, mut high) = (0, self.count(ids));
        while low < high {
            let middle = low.midpoint(high);
            match self.id(ids, middle).cmp(&wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn id(&self, ids: &[u8], at: usize) -> u32 {
        if self.is_large {
            ids.as_chunks().0.get(at).map_or(u32::MAX, |id| u32::from_le_bytes(*id))
        } else {
            ids.get(at).map_or(u32::MAX, |id| u32::from(*id))
        }
    }

    fn end(&self, at: usize) -> usize {
        let end = if self.is_large {
            self.ends.as_chunks().0.get(at).map(|end| u32::from_le_bytes(*end))
        } else {
            self.ends.as_chunks().0.get(at).map(|end| u32::from(u16::from_le_bytes(*end)))
        };
        end.and_then(|end| usize::try_from(end).ok()).unwrap_or(usize::MAX)
    }
}

/// Takes a checksum off the front: a head with a version and a flag, and one or two numbers. Whether it is
/// right is for those who keep one.
fn skip_checksum(input: &mut &[u8]) -> Result<()> {
    let [head] = *take_array(WHAT, input)?;
    let len = if head & CHECKSUM_EXTRA == 0 { 4 } else { 8 };
    take(WHAT, input, len).map(|_| ())
}
