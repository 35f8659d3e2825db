//! Puts a row together.

use std::ops::Range;

use super::{FLAG_LARGE, VERSION, WHAT, check_stored, encode_value};
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::field_type::FieldType;

/// Collects a row's columns, in any order, and writes the row. It can be used again and again, so
/// that its buffers are.
#[derive(Debug, Clone, Default)]
pub struct RowBuilder {
    values: Vec<(u32, Range<usize>)>,
    nulls: Vec<u32>,
    data: Vec<u8>,
}

impl RowBuilder {
    /// A builder without columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all columns.
    pub fn clear(&mut self) {
        self.values.clear();
        self.nulls.clear();
        self.data.clear();
    }

    /// Whether there is no column yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.nulls.is_empty()
    }

    /// Adds a column with the value it is to have.
    ///
    /// # Errors
    /// As [`check_stored`], and [`Error::OutOfRange`] for an id that no column has. The builder is as
    /// it was then.
    pub fn push(&mut self, id: i64, field_type: &FieldType, value: &Datum<'_>) -> Result<()> {
        check_stored(field_type, value)?;
        self.push_unchecked(id, field_type, value)
    }

    /// Adds a column whose value was checked with [`check_stored`] before.
    ///
    /// # Errors
    /// As [`encode_value`], and [`Error::OutOfRange`] for an id that no column has. The builder is as
    /// it was then.
    pub fn push_unchecked(
        &mut self,
        id: i64,
        field_type: &FieldType,
        value: &Datum<'_>,
    ) -> Result<()> {
        let id = column_id(id)?;
        if *value == Datum::Null {
            self.nulls.push(id);
            return Ok(());
        }
        let start = self.data.len();
        encode_value(&mut self.data, field_type, value)
            .inspect_err(|_| self.data.truncate(start))?;
        self.values.push((id, start..self.data.len()));
        Ok(())
    }

    /// Adds a plain number in place of a column's value, as index values have it; see
    /// [`crate::index`].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an id that no column has, [`Error::Malformed`] for a datum that is
    /// no integer.
    pub(crate) fn push_number(&mut self, id: i64, value: &Datum<'_>) -> Result<()> {
        let id = column_id(id)?;
        let start = self.data.len();
        super::value::encode_number(&mut self.data, value)?;
        self.values.push((id, start..self.data.len()));
        Ok(())
    }

    /// Appends the row to `out`. The builder keeps its columns.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a column was added twice, [`Error::OutOfRange`] for more columns or
    /// bytes than a row can have. `out` is as it was then.
    pub fn write(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.values.sort_unstable_by_key(|(id, _)| *id);
        self.nulls.sort_unstable();
        self.check_ids()?;
        let (values, nulls) = (count(self.values.len())?, count(self.nulls.len())?);
        let total = u32::try_from(self.data.len())
            .map_err(|_| out_of_range(format!("{} bytes", self.data.len()), "a row"))?;
        let is_large = total > u32::from(u16::MAX) || self.ids().any(|id| id > u32::from(u8::MAX));

        out.reserve(6 + (self.values.len() * 2 + self.nulls.len()) * 4 + self.data.len());
        out.extend_from_slice(&[VERSION, if is_large { FLAG_LARGE } else { 0 }]);
        out.extend_from_slice(&values.to_le_bytes());
        out.extend_from_slice(&nulls.to_le_bytes());
        let ids = self.values.iter().map(|(id, _)| *id).chain(self.nulls.iter().copied());
        ids.for_each(|id| write_le(out, id, if is_large { 4 } else { 1 }));
        let mut end = 0_u32;
        for (_, range) in &self.values {
            // The sum of all is `total`.
            end = end.saturating_add(u32::try_from(range.len()).unwrap_or(u32::MAX));
            write_le(out, end, if is_large { 4 } else { 2 });
        }
        for (_, range) in &self.values {
            out.extend_from_slice(self.data.get(range.clone()).unwrap_or_default());
        }
        Ok(())
    }

    fn ids(&self) -> impl Iterator<Item = u32> {
        self.values.iter().map(|(id, _)| *id).chain(self.nulls.iter().copied())
    }

    fn check_ids(&self) -> Result<()> {
        let mut ids: Vec<_> = self.ids().collect();
        ids.sort_unstable();
        match ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a == b) {
            None => Ok(()),
            Some((id, _)) => Err(Error::malformed(WHAT, format!("column id {id} twice"))),
        }
    }
}

/// The lowest `bytes` bytes of a number.
fn write_le(out: &mut Vec<u8>, value: u32, bytes: usize) {
    out.extend(value.to_le_bytes().iter().take(bytes));
}

fn column_id(id: i64) -> Result<u32> {
    let known = u32::try_from(id).ok().filter(|id| *id > 0);
    known.ok_or_else(|| out_of_range(format!("column id {id}"), "1 to 4294967295"))
}

fn count(len: usize) -> Result<u16> {
    u16::try_from(len).map_err(|_| out_of_range(format!("{len} columns"), "a row"))
}

fn out_of_range(value: String, target: &str) -> Error {
    Error::OutOfRange { what: WHAT, value, target: target.to_owned() }
}
