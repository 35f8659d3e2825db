//! From the stores' partial results to the partial states of DataFusion's aggregates.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Decimal128Array, Decimal256Array, Int64Array,
    RecordBatch, UInt64Array,
};
use arrow::compute::{CastOptions, cast_with_options, nullif};
use arrow::datatypes::{DataType, Decimal256Type, Int64Type, SchemaRef, i256};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use crate::error::{Error, ErrorKind, Result};
use crate::pushdown::partial::{Bound, PartialAggregate, State};

/// How partial states are made of the columns of an answer.
#[derive(Debug)]
pub(super) struct PartialStates {
    states: Vec<State>,
    bounded: Vec<Bound>,
}

/// Partial states.
#[derive(Debug)]
pub(super) struct MadeStates {
    pub(super) batch: RecordBatch,
    /// Whether they are right only if none of the products that they are made of has more than 128 bits, which these do
    /// not tell.
    pub(super) in_doubt: bool,
}

impl PartialStates {
    pub(super) fn new(partial: &PartialAggregate) -> Self {
        Self { states: partial.states.clone(), bounded: partial.bounded.clone() }
    }

    /// The states of `schema` that `answer` tells.
    ///
    /// # Errors
    /// When DataFusion would not have computed a value that the stores did.
    pub(super) fn make(&self, answer: &RecordBatch, schema: &SchemaRef) -> Result<MadeStates> {
        let mut in_doubt = false;
        for bound in &self.bounded {
            in_doubt |= is_in_doubt(*bound, decimals(answer, bound.place)?)?;
        }
        let columns = self.states.iter().zip(schema.fields());
        let columns = columns.map(|(state, field)| state_of(answer, *state, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(schema), columns).map_err(arrow_error)?;
        Ok(MadeStates { batch, in_doubt })
    }
}

fn state_of(answer: &RecordBatch, state: State, wanted: &DataType) -> Result<ArrayRef> {
    match state {
        State::Value(place) => cast(column(answer, place)?, wanted),
        State::Sum(place) => {
            let sum = column(answer, place)?;
            match sum.data_type() {
                DataType::Decimal256(_, _) => wrapped(decimals(answer, place)?, wanted),
                _ => cast(sum, wanted),
            }
        }
        State::Counted { value, count } => {
            let is_none: BooleanArray =
                counts(answer, count)?.iter().map(|count| count.map(|count| count == 0)).collect();
            let value = nullif(column(answer, value)?, &is_none).map_err(arrow_error)?;
            cast(&value, wanted)
        }
        State::Seen(count) => {
            let seen: BooleanArray =
                counts(answer, count)?.iter().map(|count| count.map(|count| count > 0)).collect();
            Ok(Arc::new(seen))
        }
    }
}

/// A sum as a type that may have fewer digits: it wraps around, as DataFusion's own addition does.
fn wrapped(sums: &Decimal256Array, wanted: &DataType) -> Result<ArrayRef> {
    let low = |sum: i256| sum.to_le_bytes();
    let sums = sums.iter();
    Ok(match wanted {
        DataType::Int64 => {
            let words = sums.map(|sum| sum.map(|sum| i64::from_le_bytes(first(&low(sum)))));
            Arc::new(words.collect::<Int64Array>())
        }
        DataType::UInt64 => {
            let words = sums.map(|sum| sum.map(|sum| u64::from_le_bytes(first(&low(sum)))));
            Arc::new(words.collect::<UInt64Array>())
        }
        DataType::Decimal128(precision, scale) => {
            let words = sums.map(|sum| sum.map(|sum| i128::from_le_bytes(first(&low(sum)))));
            let words = words.collect::<Decimal128Array>();
            let typed = words.with_precision_and_scale(*precision, *scale);
            Arc::new(typed.map_err(arrow_error)?)
        }
        DataType::Decimal256(precision, scale) => {
            let words = sums.collect::<Decimal256Array>();
            let typed = words.with_precision_and_scale(*precision, *scale);
            Arc::new(typed.map_err(arrow_error)?)
        }
        other => return Err(malformed(&format!("a sum of type {other}"))),
    })
}

/// The first bytes of a number.
fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    let mut word = [0; N];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    word
}

/// Whether a factor is so large that the products may be too large. DataFusion computes these in 128 bits, and fails where
/// they don't suffice.
fn is_in_doubt(bound: Bound, values: &Decimal256Array) -> Result<bool> {
    let most = i256::from_i128(bound.most);
    match values.iter().flatten().find(|value| *value > most) {
        None => Ok(false),
        Some(_) if !bound.is_exact => Ok(true),
        Some(value) => {
            let why = format!("a product of decimals has more digits than 128 bits hold: {value}");
            Err(arrow_error(ArrowError::ArithmeticOverflow(why)))
        }
    }
}

fn cast(values: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if values.data_type() == wanted {
        return Ok(Arc::clone(values));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(values, wanted, &options).map_err(arrow_error)
}

fn column(answer: &RecordBatch, place: usize) -> Result<&ArrayRef> {
    answer.columns().get(place).ok_or_else(|| malformed(&format!("no column {place}")))
}

fn decimals(answer: &RecordBatch, place: usize) -> Result<&Decimal256Array> {
    let sums = column(answer, place)?.as_primitive_opt::<Decimal256Type>();
    sums.ok_or_else(|| malformed("a sum that is no decimal"))
}

fn counts(answer: &RecordBatch, place: usize) -> Result<Int64Array> {
    let counts = cast(column(answer, place)?, &DataType::Int64)?;
    let counts = counts.as_primitive_opt::<Int64Type>().cloned();
    counts.ok_or_else(|| malformed("a count that is no integer"))
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Data, format!("an answer of aggregates has {what}"))
}

fn arrow_error(error: ArrowError) -> Error {
    Error::from(DataFusionError::from(error))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int8Array};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn wide(values: &[Option<i256>], scale: i8) -> ArrayRef {
        let values: Decimal256Array = values.iter().copied().collect();
        Arc::new(values.with_precision_and_scale(76, scale).unwrap())
    }

    fn make(
        columns: Vec<ArrayRef>,
        states: &[(State, DataType)],
        bounded: &[Bound],
    ) -> Result<RecordBatch> {
        Ok(make_states(columns, states, bounded)?.batch)
    }

    fn make_states(
        columns: Vec<ArrayRef>,
        states: &[(State, DataType)],
        bounded: &[Bound],
    ) -> Result<MadeStates> {
        let fields = columns.iter().map(|column| Field::new("", column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let answer = RecordBatch::try_new(schema, columns).unwrap();
        let fields = states.iter().map(|(_, ty)| Field::new("s", ty.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let states = states.iter().map(|(state, _)| *state).collect();
        PartialStates { states, bounded: bounded.to_vec() }.make(&answer, &schema)
    }

    #[test]
    fn sums_wrap_around_at_the_width_of_their_type() {
        let twice = i256::from_i128(i128::from(i64::MAX)) + i256::from_i128(i128::from(i64::MAX));
        let most = i256::from_i128(i128::MAX);
        let columns = vec![
            wide(&[Some(twice), None, Some(i256::from_i128(-1))], 0),
            wide(&[Some(most + most), None, Some(i256::ONE)], 2),
        ];
        let states = [
            (State::Sum(0), DataType::Int64),
            (State::Sum(0), DataType::UInt64),
            (State::Sum(1), DataType::Decimal128(38, 2)),
            (State::Sum(1), DataType::Decimal256(60, 2)),
        ];
        let made = make(columns, &states, &[]).unwrap();
        let wrapped = i64::MAX.wrapping_add(i64::MAX);
        assert_eq!(made.column(0).as_ref(), &Int64Array::from(vec![Some(wrapped), None, Some(-1)]));
        let unsigned = vec![Some(wrapped.cast_unsigned()), None, Some(u64::MAX)];
        assert_eq!(made.column(1).as_ref(), &UInt64Array::from(unsigned));
        let narrow: Vec<_> =
            made.column(2).as_primitive::<arrow::datatypes::Decimal128Type>().iter().collect();
        assert_eq!(narrow, [Some(i128::MAX.wrapping_add(i128::MAX)), None, Some(1)]);
        assert_eq!(made.column(3).as_primitive::<Decimal256Type>().value(0), most + most);
    }

    #[test]
    fn what_the_store_has_of_no_row_is_null() {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(vec![u64::MAX, 7])),
            Arc::new(Int64Array::from(vec![0, 3])),
            Arc::new(Int8Array::from(vec![Some(1), None])),
            Arc::new(Float64Array::from(vec![0.5, 2.0])),
        ];
        let states = [
            (State::Counted { value: 0, count: 1 }, DataType::UInt8),
            (State::Seen(1), DataType::Boolean),
            (State::Value(2), DataType::Boolean),
            (State::Value(3), DataType::Float32),
        ];
        let made = make(columns, &states, &[]).unwrap();
        assert_eq!(made.column(0).as_ref(), &arrow::array::UInt8Array::from(vec![None, Some(7)]));
        assert_eq!(made.column(1).as_ref(), &BooleanArray::from(vec![false, true]));
        assert_eq!(made.column(2).as_ref(), &BooleanArray::from(vec![Some(true), None]));
        assert_eq!(made.column(3).as_ref(), &arrow::array::Float32Array::from(vec![0.5, 2.0]));
    }

    #[test]
    fn products_beyond_128_bits_are_an_overflow() {
        let most = i256::from_i128(i128::MAX);
        let states = [(State::Sum(0), DataType::Decimal128(38, 0))];
        let sum = || wide(&[Some(i256::ONE)], 0);
        let exact = [Bound { place: 1, most: i128::MAX, is_exact: true }];
        let sums = || wide(&[Some(i256::ONE), None], 0);
        assert!(make(vec![sums(), wide(&[Some(most), None], 0)], &states, &exact).is_ok());
        let error = make(vec![sum(), wide(&[Some(most + i256::ONE)], 0)], &states, &exact);
        assert!(error.unwrap_err().to_string().contains("128 bits"));
        assert!(make(vec![sum()], &[(State::Sum(4), DataType::Int64)], &[]).is_err());
    }

    #[test]
    fn a_large_factor_tells_nothing() {
        let states = [(State::Sum(0), DataType::Decimal128(38, 0))];
        let bound = [Bound { place: 1, most: 7, is_exact: false }];
        let in_doubt = |factor| {
            let factor = wide(&[Some(i256::from_i128(factor))], 2);
            make_states(vec![wide(&[Some(i256::ONE)], 0), factor], &states, &bound)
        };
        assert!(!in_doubt(7).unwrap().in_doubt);
        assert!(in_doubt(8).unwrap().in_doubt);
    }
}
