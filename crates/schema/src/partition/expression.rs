//! Partitioning expressions: whole numbers of a row's columns.

use std::fmt;

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{FieldType, tp};
use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, MICROS_PER_SECOND, TimeKind};

use super::error::PartitionError;
use super::node::{Function, Node, Operator};
use super::parse;

/// Days from the year 0 to 1970, as `TO_DAYS` counts.
const DAYS_TO_1970: i64 = 719_528;

/// An expression over a row that is a whole number or `NULL`.
///
/// Its `Display` is the form in which TiDB keeps it in the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionExpr {
    pub(super) node: Node,
}

/// A whole number with the type that bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    value: i128,
    is_unsigned: bool,
}

impl PartitionExpr {
    /// Reads an expression as SQL has it. `column` tells offset and type of a column by name.
    ///
    /// # Errors
    /// [`PartitionError::Unsupported`] for what this version does not evaluate.
    pub fn parse(
        text: &str,
        column: &dyn Fn(&str) -> Option<(usize, FieldType)>,
    ) -> Result<Self, PartitionError> {
        let node = parse::parse(text, column)?;
        let expr = Self { node };
        expr.check(&expr.node)?;
        Ok(expr)
    }

    /// The value for a row, `None` for `NULL`; a `TIMESTAMP` is in UTC.
    ///
    /// # Errors
    /// [`PartitionError::Value`] when there is none: an overflow, a division by zero, a time that no
    /// calendar has.
    pub fn eval(&self, row: &[Datum<'_>]) -> Result<Option<i128>, PartitionError> {
        Ok(self.number(&self.node, row)?.map(|number| number.value))
    }

    /// Checks the types of what functions and operators are given.
    fn check(&self, node: &Node) -> Result<(), PartitionError> {
        match node {
            Node::Column(column) if is_integer(&column.field_type) => Ok(()),
            Node::Number(_) => Ok(()),
            Node::Column(column) => {
                let name = &column.name;
                Err(self.unsupported(format!("column {name} is a {}", column.field_type.name())))
            }
            Node::Text(_) => Err(self.unsupported("text in place of a number")),
            Node::Paren(inner) | Node::Minus(inner) => self.check(inner),
            Node::Binary(_, left, right) => self.check(left).and_then(|()| self.check(right)),
            Node::Call(function, arguments) => {
                let [argument] = arguments.as_slice() else {
                    return Err(self.unsupported(format!("arguments of {}", function.name())));
                };
                self.check_argument(*function, argument)
            }
        }
    }

    fn check_argument(&self, function: Function, argument: &Node) -> Result<(), PartitionError> {
        if function == Function::Abs {
            return self.check(argument);
        }
        match (function, argument) {
            (_, Node::Paren(inner)) => self.check_argument(function, inner),
            (_, Node::Text(_)) => Ok(()),
            // With a fraction the result is a decimal.
            (Function::UnixTimestamp, Node::Column(column))
                if column.field_type.tp == tp::TIMESTAMP && column.field_type.decimal <= 0 =>
            {
                Ok(())
            }
            (Function::UnixTimestamp, _) => Err(self.unsupported("its argument")),
            (_, Node::Column(column))
                if matches!(column.field_type.tp, tp::DATE | tp::DATETIME) =>
            {
                Ok(())
            }
            _ => Err(self.unsupported(format!("the argument of {}", function.name()))),
        }
    }

    fn number(&self, node: &Node, row: &[Datum<'_>]) -> Result<Option<Number>, PartitionError> {
        match node {
            Node::Column(column) => match row.get(column.offset) {
                Some(Datum::Null) => Ok(None),
                Some(Datum::Int(value)) => Ok(Some(Number::signed(i128::from(*value)))),
                Some(Datum::UInt(value)) => {
                    Ok(Some(Number { value: i128::from(*value), is_unsigned: true }))
                }
                _ => Err(self.no_value(format!("column {} is no integer", column.name))),
            },
            Node::Number(value) => Ok(Some(Number::signed(*value))),
            Node::Text(_) => Err(self.no_value("text in place of a number")),
            Node::Paren(inner) => self.number(inner, row),
            Node::Minus(inner) => {
                let Some(number) = self.number(inner, row)? else { return Ok(None) };
                self.bounded(-number.value, false).map(Some)
            }
            Node::Binary(operator, left, right) => {
                let (left, right) = (self.number(left, row)?, self.number(right, row)?);
                let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
                self.operate(*operator, left, right).map(Some)
            }
            Node::Call(Function::Abs, arguments) => {
                let Some(argument) = arguments.first() else { return Ok(None) };
                let Some(number) = self.number(argument, row)? else { return Ok(None) };
                self.bounded(number.value.abs(), number.is_unsigned).map(Some)
            }
            Node::Call(function, arguments) => {
                let Some(argument) = arguments.first() else { return Ok(None) };
                let Some(time) = self.time(argument, row)? else { return Ok(None) };
                self.of_time(*function, time).map(|value| Some(Number::signed(value.into())))
            }
        }
    }

    fn operate(&self, op: Operator, left: Number, right: Number) -> Result<Number, PartitionError> {
        let is_unsigned = left.is_unsigned || right.is_unsigned;
        let (a, b) = (left.value, right.value);
        // Operands have 64 bits, so only a product of them fills 128.
        let value = match op {
            Operator::Plus => Some(a + b),
            Operator::Minus => Some(a - b),
            Operator::Times => a.checked_mul(b),
            Operator::Div => a.checked_div(b),
            Operator::Mod => {
                let value = a.checked_rem(b).ok_or_else(|| self.no_value("division by zero"))?;
                return self.bounded(value, left.is_unsigned);
            }
        };
        let value = value.ok_or_else(|| self.no_value("overflow or division by zero"))?;
        self.bounded(value, is_unsigned)
    }

    fn bounded(&self, value: i128, is_unsigned: bool) -> Result<Number, PartitionError> {
        let fits =
            if is_unsigned { u64::try_from(value).is_ok() } else { i64::try_from(value).is_ok() };
        if fits { Ok(Number { value, is_unsigned }) } else { Err(self.no_value("overflow")) }
    }

    fn time(&self, node: &Node, row: &[Datum<'_>]) -> Result<Option<CoreTime>, PartitionError> {
        match node {
            Node::Paren(inner) => self.time(inner, row),
            Node::Text(text) => CoreTime::parse(text, TimeKind::DateTime, 6)
                .map(Some)
                .map_err(|error| self.no_value(error.to_string())),
            Node::Column(column) => match row.get(column.offset) {
                Some(Datum::Null) => Ok(None),
                Some(Datum::UInt(packed)) => {
                    Ok(Some(CoreTime::from_packed(*packed, TimeKind::DateTime, 6)))
                }
                _ => Err(self.no_value(format!("column {} is no time", column.name))),
            },
            _ => Err(self.no_value("no time")),
        }
    }

    fn of_time(&self, function: Function, time: CoreTime) -> Result<i64, PartitionError> {
        let is_zero_timestamp = function == Function::UnixTimestamp && time.is_zero();
        if is_zero_timestamp {
            return Ok(0);
        }
        let counts_days =
            matches!(function, Function::ToDays | Function::ToSeconds | Function::DayOfYear);
        if counts_days && time.year == 0 {
            // MySQL's count of that year's days is no calendar's.
            return Err(self.no_value(format!("{time} is of the year 0")));
        }
        let invalid = |_| self.no_value(format!("{time} is on no calendar"));
        let days = i64::from(time.to_days().map_err(invalid)?);
        let seconds = time.to_micros().map_err(invalid)?.div_euclid(MICROS_PER_SECOND);
        Ok(match function {
            Function::Year => time.year.into(),
            Function::Quarter => (i64::from(time.month) + 2) / 3,
            Function::Month => time.month.into(),
            Function::Day | Function::DayOfMonth => time.day.into(),
            Function::Hour => time.hour.into(),
            Function::Minute => time.minute.into(),
            Function::Second => time.second.into(),
            // 1970 began on a Thursday.
            Function::Weekday => (days + 3).rem_euclid(7),
            Function::DayOfWeek => (days + 4).rem_euclid(7) + 1,
            Function::DayOfYear => {
                let first = CoreTime { month: 1, day: 1, ..time };
                days - i64::from(first.to_days().map_err(invalid)?) + 1
            }
            Function::ToDays => days + DAYS_TO_1970,
            Function::ToSeconds => {
                let day = MICROS_PER_DAY / MICROS_PER_SECOND;
                seconds + DAYS_TO_1970 * day
            }
            Function::UnixTimestamp if seconds < 0 => 0,
            Function::UnixTimestamp => seconds,
            Function::Abs => return Err(self.no_value("no number")),
        })
    }

    fn unsupported(&self, reason: impl Into<String>) -> PartitionError {
        PartitionError::Unsupported { text: self.to_string(), reason: reason.into() }
    }

    fn no_value(&self, reason: impl Into<String>) -> PartitionError {
        PartitionError::Value { text: self.to_string(), reason: reason.into() }
    }
}

impl Number {
    fn signed(value: i128) -> Self {
        Self { value, is_unsigned: false }
    }
}

/// Whether a column's values are whole numbers.
pub(super) fn is_integer(field_type: &FieldType) -> bool {
    let code = field_type.tp;
    matches!(code, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR)
}

impl fmt::Display for PartitionExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}
