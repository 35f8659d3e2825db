//! Bytes of a chunk as typed Arrow buffers: without a copy where they happen to be aligned, with one
//! where they are not.

use std::sync::Arc;

use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use bytes::Bytes;

use super::row_error::{RowError, RowResult};

/// The little-endian numbers in `bytes`; a rest that is shorter than a number is left out.
///
/// The buffer keeps the whole answer alive when it borrows from it, as TiDB's own reader does.
pub(crate) fn scalar_buffer<T: ArrowNativeType, const N: usize>(
    bytes: Bytes,
    from_le_bytes: impl Fn([u8; N]) -> T,
) -> ScalarBuffer<T> {
    // A `ScalarBuffer` made of a misaligned buffer panics.
    let aligned = bytes.as_ptr().addr().is_multiple_of(align_of::<T>());
    if cfg!(target_endian = "little") && aligned && !bytes.is_empty() {
        return ScalarBuffer::from(Buffer::from(bytes));
    }
    bytes.as_chunks().0.iter().map(|bytes| from_le_bytes(*bytes)).collect()
}

/// An array of `values`.
pub(crate) fn primitive<T: ArrowPrimitiveType>(
    values: ScalarBuffer<T::Native>,
    nulls: Option<NullBuffer>,
) -> RowResult<PrimitiveArray<T>> {
    PrimitiveArray::try_new(values, nulls).map_err(RowError::arrow("numbers"))
}

/// An array of `values` whose type needs no parameters.
pub(crate) fn primitive_ref<T: ArrowPrimitiveType>(
    values: ScalarBuffer<T::Native>,
    nulls: Option<NullBuffer>,
) -> RowResult<ArrayRef> {
    Ok(Arc::new(primitive::<T>(values, nulls)?))
}
