//! Integer columns: cells of eight bytes, narrowed to the width of the Arrow type.

use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType};
use arrow_buffer::ScalarBuffer;

use super::buffer::{primitive_ref, scalar_buffer};
use super::layout::RawColumn;
use super::row_error::{RowError, RowResult};
use crate::error::Error;
use crate::output::IntWidth;

const SIGN: u64 = 1 << 63;

/// An Arrow integer type that 64 bits can be narrowed to.
trait Narrow: ArrowPrimitiveType {
    /// Whether the type is signed.
    const SIGNED: bool;
    /// The type's name.
    const NAME: &str;
    /// What moves the type's range to 0 and up.
    const BIAS: u64;
    /// The bits that are zero in the moved range.
    const BEYOND: u64;

    /// The low bits.
    fn narrow(bits: u64) -> Self::Native;
}

macro_rules! impl_narrow {
    ($($arrow:ty, $native:ty, $signed:expr, $name:expr;)*) => {$(
        impl Narrow for $arrow {
            const SIGNED: bool = $signed;
            const NAME: &str = $name;
            const BIAS: u64 = if $signed { 1 << (<$native>::BITS - 1) } else { 0 };
            const BEYOND: u64 = !(u64::MAX >> (u64::BITS - <$native>::BITS));

            #[inline]
            fn narrow(bits: u64) -> $native {
                bits.to_le_bytes().first_chunk().map_or(0, |low| <$native>::from_le_bytes(*low))
            }
        }
    )*};
}

impl_narrow! {
    Int8Type, i8, true, "Int8";
    Int16Type, i16, true, "Int16";
    Int32Type, i32, true, "Int32";
    Int64Type, i64, true, "Int64";
    UInt8Type, u8, false, "UInt8";
    UInt16Type, u16, false, "UInt16";
    UInt32Type, u32, false, "UInt32";
    UInt64Type, u64, false, "UInt64";
}

/// The column as integers of `width`; its cells are `unsigned` or signed.
pub(super) fn decode(column: RawColumn, width: IntWidth, unsigned: bool) -> RowResult<ArrayRef> {
    match width {
        IntWidth::I8 => narrowed::<Int8Type>(column, unsigned),
        IntWidth::I16 => narrowed::<Int16Type>(column, unsigned),
        IntWidth::I32 => narrowed::<Int32Type>(column, unsigned),
        IntWidth::I64 if !unsigned => {
            let values = scalar_buffer(column.data, i64::from_le_bytes);
            primitive_ref::<Int64Type>(values, column.nulls)
        }
        IntWidth::I64 => narrowed::<Int64Type>(column, unsigned),
        IntWidth::U8 => narrowed::<UInt8Type>(column, unsigned),
        IntWidth::U16 => narrowed::<UInt16Type>(column, unsigned),
        IntWidth::U32 => narrowed::<UInt32Type>(column, unsigned),
        IntWidth::U64 if unsigned => {
            let values = scalar_buffer(column.data, u64::from_le_bytes);
            primitive_ref::<UInt64Type>(values, column.nulls)
        }
        IntWidth::U64 => narrowed::<UInt64Type>(column, unsigned),
    }
}

fn narrowed<T: Narrow>(column: RawColumn, unsigned: bool) -> RowResult<ArrayRef> {
    // Between a signed and an unsigned type the top bit means different numbers, so it must be clear.
    let forbidden = if unsigned == T::SIGNED { SIGN } else { 0 };
    // Two loops that are made of vector instructions are faster than one that isn't.
    let bits = || column.cells().iter().map(|cell| u64::from_le_bytes(*cell));
    let lost = bits().fold(0, |lost, bits| lost | lost_bits::<T>(bits, forbidden));
    let values: Vec<T::Native> = bits().map(T::narrow).collect();
    if lost != 0 {
        refuse_lost::<T>(&column, unsigned, forbidden)?;
    }
    primitive_ref::<T>(ScalarBuffer::from(values), column.nulls)
}

/// Not zero if the type doesn't hold the number.
#[inline]
fn lost_bits<T: Narrow>(bits: u64, forbidden: u64) -> u64 {
    (bits.wrapping_add(T::BIAS) & T::BEYOND) | (bits & forbidden)
}

/// Finds the row whose value doesn't fit; there is none if only NULL cells don't.
fn refuse_lost<T: Narrow>(column: &RawColumn, unsigned: bool, forbidden: u64) -> RowResult<()> {
    for (row, cell) in column.cells::<8>().iter().enumerate() {
        let bits = u64::from_le_bytes(*cell);
        if lost_bits::<T>(bits, forbidden) != 0 && !column.is_null(row) {
            let value = if unsigned { bits.to_string() } else { bits.cast_signed().to_string() };
            let error = Error::OutOfRange { what: "integer", value, target: T::NAME.to_owned() };
            return Err(RowError { row, error });
        }
    }
    Ok(())
}
