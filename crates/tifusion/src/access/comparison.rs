//! What one comparison of a column with a constant leaves of the column.

use std::ops::Bound;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use tifusion_schema::Domain;
use tifusion_schema::domain::{Interval, Value};

const SECONDS_PER_DAY: i128 = 86_400;

/// What a number counts, or whether it is text or bytes: two values of one unit compare as Arrow
/// compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Ones.
    Integer,
    /// Powers of ten below one.
    Decimal(i8),
    /// Days since 1970.
    Day,
    /// So many to a second since 1970, with or without a zone.
    Instant(i128, bool),
    /// So many to a second.
    Duration(i128),
    /// A float that counts integers up to this one exactly.
    Float(i128),
    Text,
    Bytes,
}

/// How a column's values become those that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// They are multiplied.
    Times(i128),
    /// They are divided, and rounded down.
    Floor(i128),
}

/// A column, perhaps in casts that keep its order.
#[derive(Debug, Clone)]
pub(super) struct View {
    column: usize,
    unit: Unit,
    change: Change,
}

impl View {
    /// `expr` as a view of a column, if it is one.
    pub(super) fn of(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Self> {
        if let Some(column) = expr.downcast_ref::<Column>() {
            let column = column.index();
            let unit = unit_of(schema.fields().get(column)?.data_type())?;
            let view = Self { column, unit, change: Change::Times(1) };
            return (!matches!(unit, Unit::Float(_))).then_some(view);
        }
        let cast = expr.downcast_ref::<CastExpr>()?;
        Self::of(cast.expr(), schema)?.cast(unit_of(cast.cast_type())?)
    }

    /// The column's index in the schema.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// The view in another unit, if the cast keeps the order.
    fn cast(self, to: Unit) -> Option<Self> {
        let Change::Times(factor) = self.change else { return None };
        let times = |more: i128| factor.checked_mul(more).map(Change::Times);
        let finer = |from: i128, to: i128| (to >= from).then(|| times(to / from)).flatten();
        let change = match (self.unit, to) {
            (Unit::Integer, Unit::Integer | Unit::Float(_))
            | (Unit::Text, Unit::Text)
            | (Unit::Bytes, Unit::Bytes) => self.change,
            (Unit::Integer, Unit::Decimal(scale)) => times(ten_to(scale)?)?,
            (Unit::Decimal(from), Unit::Decimal(to)) => times(ten_to(to.checked_sub(from)?)?)?,
            (Unit::Day, Unit::Day) => self.change,
            (Unit::Day, Unit::Instant(per_second, false)) => {
                times(SECONDS_PER_DAY.checked_mul(per_second)?)?
            }
            (Unit::Instant(from, zoned), Unit::Instant(to, also)) if zoned == also => {
                finer(from, to)?
            }
            (Unit::Instant(per_second, false), Unit::Day) if factor == 1 => {
                Change::Floor(SECONDS_PER_DAY.checked_mul(per_second)?)
            }
            (Unit::Duration(from), Unit::Duration(to)) => finer(from, to)?,
            _ => return None,
        };
        Some(Self { unit: to, change, ..self })
    }
}

fn ten_to(exponent: i8) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

fn per_second(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn unit_of(data_type: &DataType) -> Option<Unit> {
    Some(match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Unit::Integer,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Unit::Integer,
        DataType::Decimal128(_, scale) => Unit::Decimal(*scale),
        DataType::Date32 => Unit::Day,
        DataType::Timestamp(unit, zone) => Unit::Instant(per_second(*unit), zone.is_some()),
        DataType::Duration(unit) => Unit::Duration(per_second(*unit)),
        DataType::Float32 => Unit::Float(1 << 24),
        DataType::Float64 => Unit::Float(1 << 53),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Unit::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Unit::Bytes,
        _ => return None,
    })
}

/// A constant in its unit.
enum Constant {
    Null,
    Number(i128),
    Float(f64),
    Bytes(Vec<u8>),
}

fn constant(value: &ScalarValue) -> Option<(Option<Unit>, Constant)> {
    if value.is_null() {
        return Some((None, Constant::Null));
    }
    let number = match value {
        ScalarValue::Dictionary(_, value) => return constant(value),
        ScalarValue::Int8(number) => i128::from((*number)?),
        ScalarValue::Int16(number) => i128::from((*number)?),
        ScalarValue::Int32(number) | ScalarValue::Date32(number) => i128::from((*number)?),
        ScalarValue::Int64(number)
        | ScalarValue::TimestampSecond(number, _)
        | ScalarValue::TimestampMillisecond(number, _)
        | ScalarValue::TimestampMicrosecond(number, _)
        | ScalarValue::TimestampNanosecond(number, _)
        | ScalarValue::DurationSecond(number)
        | ScalarValue::DurationMillisecond(number)
        | ScalarValue::DurationMicrosecond(number)
        | ScalarValue::DurationNanosecond(number) => i128::from((*number)?),
        ScalarValue::UInt8(number) => i128::from((*number)?),
        ScalarValue::UInt16(number) => i128::from((*number)?),
        ScalarValue::UInt32(number) => i128::from((*number)?),
        ScalarValue::UInt64(number) => i128::from((*number)?),
        ScalarValue::Decimal128(number, _, _) => (*number)?,
        ScalarValue::Float32(float) => {
            return Some((unit_of(&value.data_type()), Constant::Float(f64::from((*float)?))));
        }
        ScalarValue::Float64(float) => {
            return Some((unit_of(&value.data_type()), Constant::Float((*float)?)));
        }
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            let bytes = text.as_ref()?.as_bytes().to_vec();
            return Some((Some(Unit::Text), Constant::Bytes(bytes)));
        }
        ScalarValue::Binary(bytes)
        | ScalarValue::LargeBinary(bytes)
        | ScalarValue::BinaryView(bytes) => {
            return Some((Some(Unit::Bytes), Constant::Bytes(bytes.clone()?)));
        }
        _ => return None,
    };
    Some((Some(unit_of(&value.data_type())?), Constant::Number(number)))
}

/// What is left of the view's column where `view operator value` is true. `None` if that isn't known.
pub(super) fn domain(operator: Operator, view: &View, value: &ScalarValue) -> Option<Domain> {
    let (unit, constant) = constant(value)?;
    match operator {
        Operator::IsDistinctFrom if matches!(constant, Constant::Null) => {
            return Some(Domain::not_null());
        }
        Operator::IsNotDistinctFrom if matches!(constant, Constant::Null) => {
            return Some(Domain::only_null());
        }
        Operator::IsDistinctFrom => {
            return Some(domain(Operator::NotEq, view, value)?.with_null());
        }
        Operator::IsNotDistinctFrom => return domain(Operator::Eq, view, value),
        Operator::NotEq => {
            let equal = domain(Operator::Eq, view, value)?;
            let is_null = matches!(constant, Constant::Null);
            return Some(if is_null { Domain::none() } else { equal.other_values() });
        }
        Operator::Eq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {}
        _ => return None,
    }
    if matches!(constant, Constant::Null) {
        return Some(Domain::none());
    }
    if unit != Some(view.unit) {
        return None;
    }
    match constant {
        Constant::Null => None,
        Constant::Number(number) => of_number(operator, view.change, number),
        Constant::Float(float) => of_float(operator, view, float),
        Constant::Bytes(bytes) => Some(between(operator, Value::Bytes(bytes))),
    }
}

/// The values on one side of `value`.
fn between(operator: Operator, value: Value) -> Domain {
    use Bound::{Excluded, Included, Unbounded};
    Domain::of(match operator {
        Operator::Lt => Interval::new(Unbounded, Excluded(value)),
        Operator::LtEq => Interval::new(Unbounded, Included(value)),
        Operator::Gt => Interval::new(Excluded(value), Unbounded),
        Operator::GtEq => Interval::new(Included(value), Unbounded),
        _ => Some(Interval::point(value)),
    })
}

/// The numbers whose change compares like this with `number`.
fn of_number(operator: Operator, change: Change, number: i128) -> Option<Domain> {
    let side = |operator, number| Some(between(operator, Value::Number(number)));
    match change {
        Change::Times(factor) => {
            let (floor, rest) = (number.div_euclid(factor), number.rem_euclid(factor));
            match operator {
                Operator::Eq if rest != 0 => Some(Domain::none()),
                // What is below a number between two multiples is the lower one, and what is below
                // that; what is at least that number is above the lower one.
                Operator::Lt if rest != 0 => side(Operator::LtEq, floor),
                Operator::GtEq if rest != 0 => side(Operator::Gt, floor),
                operator => side(operator, floor),
            }
        }
        Change::Floor(divisor) => {
            let first = number.checked_mul(divisor)?;
            let next = first.checked_add(divisor)?;
            match operator {
                Operator::Eq => {
                    let from = between(Operator::GtEq, Value::Number(first));
                    Some(from.intersect(&between(Operator::Lt, Value::Number(next))))
                }
                Operator::Lt => side(Operator::Lt, first),
                Operator::LtEq => side(Operator::Lt, next),
                Operator::Gt => side(Operator::GtEq, next),
                _ => side(Operator::GtEq, first),
            }
        }
    }
}

/// The integers whose float compares like this with `float`: up to where floats count integers
/// exactly, those are the integers that compare like this themselves.
#[expect(clippy::cast_possible_truncation, reason = "a whole number of no more than 53 bits")]
fn of_float(operator: Operator, view: &View, float: f64) -> Option<Domain> {
    let Unit::Float(exact) = view.unit else { return None };
    let floor = float.floor();
    // NaN is beyond too.
    let is_within = floor.abs() < 9_007_199_254_740_992.0;
    let whole = is_within.then_some(floor as i128).filter(|whole| whole.abs() < exact)?;
    let is_whole = floor.total_cmp(&float).is_eq() || float == 0.0;
    match operator {
        // Two zeros, which Arrow tells apart.
        _ if whole == 0 && float.is_sign_negative() && is_whole => None,
        Operator::Eq if !is_whole => Some(Domain::none()),
        Operator::Lt if !is_whole => Some(between(Operator::LtEq, Value::Number(whole))),
        Operator::GtEq if !is_whole => Some(between(Operator::Gt, Value::Number(whole))),
        operator => Some(between(operator, Value::Number(whole))),
    }
}

/// What is left where the view's text is `LIKE` the pattern: what begins as it does up to the first
/// wildcard. `None` if that isn't known.
pub(super) fn domain_of_pattern(view: &View, pattern: &ScalarValue) -> Option<Domain> {
    let (Some(Unit::Text), Constant::Bytes(pattern)) = constant(pattern)? else { return None };
    if view.unit != Unit::Text {
        return None;
    }
    let pattern = String::from_utf8(pattern).ok()?;
    let end = pattern.find(['%', '_', '\\']).unwrap_or(pattern.len());
    let prefix = pattern.get(..end).filter(|prefix| !prefix.is_empty() || pattern.is_empty())?;
    if end == pattern.len() {
        return Some(Domain::point(Value::Bytes(pattern.into_bytes())));
    }
    let high = match text_behind(prefix) {
        Some(next) => Bound::Excluded(Value::Bytes(next.into_bytes())),
        None => Bound::Unbounded,
    };
    let low = Bound::Included(Value::Bytes(prefix.as_bytes().to_vec()));
    Some(Domain::of(Interval::new(low, high)))
}

/// The first text behind all that begin with `prefix`; `None` if there is none.
fn text_behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::text_behind;

    #[test]
    fn the_text_behind_a_prefix_is_text() {
        for (prefix, want) in [
            ("ab", Some("ac")),
            ("aÿ", Some("aĀ")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(text_behind(prefix).as_deref(), want, "{prefix:?}");
        }
    }
}
