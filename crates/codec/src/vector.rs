//! `VECTOR` values: a little-endian `u32` count, then as many little-endian `f32`.
//!
//! The same bytes in datums, rows and chunks (`types/vector.go` of TiDB).

use crate::cursor::take;
use crate::error::{Error, Result};
use crate::number::decode_u32_le;

/// Dimensions TiDB allows at most.
pub const MAX_DIMENSIONS: usize = 16383;

/// A vector that borrows its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorRef<'a> {
    elements: &'a [[u8; 4]],
}

impl<'a> VectorRef<'a> {
    /// Reads a vector off the front of `input`.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the input is shorter than the count says.
    pub fn decode(input: &mut &'a [u8]) -> Result<Self> {
        let mut rest = *input;
        let count = usize::try_from(decode_u32_le(&mut rest)?).unwrap_or(usize::MAX);
        let data = take("vector", &mut rest, count.saturating_mul(4))?;
        *input = rest;
        Ok(Self { elements: data.as_chunks().0 })
    }

    /// Reads a vector that is all of `cell`.
    ///
    /// # Errors
    /// As [`VectorRef::decode`], and [`Error::Malformed`] when bytes are left over.
    pub fn from_cell(cell: &'a [u8]) -> Result<Self> {
        let mut rest = cell;
        let vector = Self::decode(&mut rest)?;
        if !rest.is_empty() {
            return Err(Error::malformed("vector", format!("{} bytes too many", rest.len())));
        }
        Ok(vector)
    }

    /// Number of dimensions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether the vector has no dimension.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The elements in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + 'a {
        self.elements.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// The elements as a vector of floats.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        self.iter().collect()
    }
}

/// Appends the encoding of a vector.
///
/// # Errors
/// [`Error::OutOfRange`] for more than `u32::MAX` elements.
pub fn encode(out: &mut Vec<u8>, elements: &[f32]) -> Result<()> {
    let count = u32::try_from(elements.len()).map_err(|_| Error::OutOfRange {
        what: "vector",
        value: format!("{} dimensions", elements.len()),
        target: "a 32-bit count".to_owned(),
    })?;
    out.extend_from_slice(&count.to_le_bytes());
    for element in elements {
        out.extend_from_slice(&element.to_le_bytes());
    }
    Ok(())
}

/// Reads a vector as TiDB prints it: `[1,2.5]`.
///
/// # Errors
/// [`Error::Malformed`] when the text is no list of numbers, [`Error::OutOfRange`] for a number that no
/// `f32` is near.
pub fn parse(text: &str) -> Result<Vec<f32>> {
    let malformed = |_| Error::malformed("vector", "not a list of numbers");
    let elements: Vec<f64> = serde_json::from_str(text).map_err(malformed)?;
    elements.into_iter().map(nearest).collect()
}

/// The `f32` nearest to a number.
fn nearest(value: f64) -> Result<f32> {
    if !(f64::from(f32::MIN)..=f64::from(f32::MAX)).contains(&value) {
        return Err(Error::OutOfRange {
            what: "vector",
            value: value.to_string(),
            target: "a 32-bit float".to_owned(),
        });
    }
    #[expect(clippy::cast_possible_truncation, reason = "a VECTOR has no more digits")]
    let narrow = value as f32;
    Ok(narrow)
}

#[cfg(test)]
#[path = "vector_tests.rs"]
mod tests;
