//! Arithmetic of decimals, by the rules of MySQL's own: nine words of nine digits, of which a result
//! that is too long first loses digits after the point and then overflows
//! (`types/mydecimal.go` of TiDB, `mysql/decimal.rs` of TiKV).

mod arithmetic;
mod limbs;
mod number;
mod round;

pub(crate) use arithmetic::{add, divide, multiply, negate, remainder, subtract};
pub(crate) use number::{
    Fit, compare, from_f64, from_i64, from_u64, largest, parse, to_f64, to_i64, to_u64,
};
pub(crate) use round::{Rounding, ceiling, floor, round, shift};

#[cfg(test)]
mod tests;
