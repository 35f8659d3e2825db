//! Aggregate functions: their states, and the partial results that a client adds up.

use tifusion_codec::decimal::Decimal;
use tifusion_codec::field_type::{flag, tp};
use tifusion_proto::tipb::{Expr, ExprType, FieldType};

use crate::cop::context::EvalContext;
use crate::cop::convert;
use crate::cop::decimal;
use crate::cop::error::{CopError, EvalError};
use crate::cop::expr::Expression;
use crate::cop::order::Order;
use crate::cop::types::{EvalType, TypeExt, plain, require_eval_type};
use crate::cop::value::{Row, Value};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Count,
    Sum,
    SumInt,
    Avg,
    First,
    Min,
    Max,
    BitAnd,
    BitOr,
    BitXor,
    Variance { of_sample: bool },
}

/// An aggregate function over an expression.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    kind: Kind,
    argument: Expression,
    argument_type: FieldType,
    order: Order,
}

impl Aggregate {
    /// The function of a request, and the columns of its partial result.
    ///
    /// # Errors
    /// [`CopError::Other`] for what this cluster doesn't aggregate, by name.
    pub(crate) fn build(
        expr: &Expr,
        schema: &[FieldType],
        ctx: &EvalContext,
    ) -> Result<(Self, Vec<FieldType>), CopError> {
        let kind = kind(expr)?;
        if expr.has_distinct() && !matches!(kind, Kind::Min | Kind::Max | Kind::First) {
            return Err(CopError::plan(format!("{:?} of distinct values", expr.tp())));
        }
        let [argument] = expr.children.as_slice() else {
            let count = expr.children.len();
            return Err(CopError::plan(format!("Expect 1 parameter, but got {count}")));
        };
        let argument = Expression::build(argument, schema.len(), ctx)?;
        let argument_type = argument.field_type(schema);
        let result = expr.field_type.clone().unwrap_or_default();
        let order = match kind {
            Kind::Min | Kind::Max => {
                let order_type = FieldType { flag: argument_type.flag, ..result.clone() };
                Order::of(&order_type)?
            }
            _ => Order::of(&plain(tp::LONG_LONG, 0))?,
        };
        check_result(kind, &argument_type, &result)?;
        let count = plain(tp::LONG_LONG, flag::UNSIGNED);
        let columns = match kind {
            Kind::Count => vec![count],
            Kind::Avg => vec![count, result],
            Kind::Variance { .. } => vec![count, result.clone(), result],
            _ => vec![result],
        };
        Ok((Self { kind, argument, argument_type, order }, columns))
    }

    /// The state before the first row.
    pub(crate) fn start(&self) -> State {
        let bits = if self.kind == Kind::BitAnd { -1 } else { 0 };
        State { count: 0, value: Value::Null, bits, variance: Value::Null }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the argument fails, or the result leaves its type's range.
    pub(crate) fn add(
        &self,
        state: &mut State,
        row: &Row,
        ctx: &mut EvalContext,
    ) -> Result<(), EvalError> {
        let value = self.argument.eval(row, ctx)?;
        if self.kind == Kind::First {
            if state.count == 0 {
                (state.count, state.value) = (1, value);
            }
            return Ok(());
        }
        if value.is_null() {
            return Ok(());
        }
        match self.kind {
            Kind::Count | Kind::First => {}
            Kind::Sum | Kind::Avg => {
                let number = self.summand(&value, ctx)?;
                state.value = sum(&state.value, &number, ctx)?;
            }
            Kind::SumInt => state.value = self.sum_int(&state.value, &value)?,
            Kind::Min | Kind::Max => {
                let ordering = self.order.compare(&value, &state.value)?;
                let better =
                    if self.kind == Kind::Min { ordering.is_lt() } else { ordering.is_gt() };
                if state.count == 0 || better {
                    state.value = value;
                }
            }
            Kind::BitAnd => state.bits &= convert::int_of(&value, ctx)?,
            Kind::BitOr => state.bits |= convert::int_of(&value, ctx)?,
            Kind::BitXor => state.bits ^= convert::int_of(&value, ctx)?,
            Kind::Variance { .. } => {
                let number = self.summand(&value, ctx)?;
                state.add_variance(&number, ctx)?;
            }
        }
        state.count += 1;
        Ok(())
    }

    /// Appends the partial result.
    ///
    /// # Errors
    /// When a variance can't be divided.
    pub(crate) fn finish(&self, state: &State, out: &mut Row) -> Result<(), EvalError> {
        match self.kind {
            Kind::Count => out.push(Value::Int(state.count)),
            Kind::Avg => out.extend([Value::Int(state.count), state.value.clone()]),
            Kind::BitAnd | Kind::BitOr | Kind::BitXor => out.push(Value::Int(state.bits)),
            Kind::Variance { of_sample } => {
                let variance = state.final_variance(of_sample);
                out.extend([Value::Int(state.count), state.value.clone(), variance]);
            }
            _ => out.push(state.value.clone()),
        }
        Ok(())
    }

    /// The argument as the number that is summed: integers as decimals, other kinds as floats.
    fn summand(&self, value: &Value, ctx: &mut EvalContext) -> Result<Value, EvalError> {
        let unsigned = self.argument_type.is_unsigned();
        Ok(match value {
            Value::Decimal(_) | Value::Real(_) => value.clone(),
            Value::Int(_) if self.argument_type.code() != tp::BIT => {
                Value::Decimal(convert::decimal_of(value, unsigned, ctx)?)
            }
            other => Value::Real(convert::real_of(other, true, ctx)?),
        })
    }

    fn sum_int(&self, sum: &Value, value: &Value) -> Result<Value, EvalError> {
        let (Value::Int(sum), Value::Int(value)) = (sum, value) else { return Ok(value.clone()) };
        let (total, kind) = if self.argument_type.is_unsigned() {
            let total = sum.cast_unsigned().checked_add(value.cast_unsigned());
            (total.map(u64::cast_signed), "BIGINT UNSIGNED")
        } else {
            (sum.checked_add(*value), "BIGINT")
        };
        let total =
            total.ok_or_else(|| EvalError::overflow(kind, &format!("({sum} + {value})")))?;
        Ok(Value::Int(total))
    }
}

fn kind(expr: &Expr) -> Result<Kind, CopError> {
    Ok(match expr.tp() {
        ExprType::Count => Kind::Count,
        ExprType::Sum => Kind::Sum,
        ExprType::SumInt => Kind::SumInt,
        ExprType::Avg => Kind::Avg,
        ExprType::First => Kind::First,
        ExprType::Min => Kind::Min,
        ExprType::Max => Kind::Max,
        ExprType::AggBitAnd => Kind::BitAnd,
        ExprType::AggBitOr => Kind::BitOr,
        ExprType::AggBitXor => Kind::BitXor,
        ExprType::VarPop | ExprType::Variance => Kind::Variance { of_sample: false },
        ExprType::VarSamp => Kind::Variance { of_sample: true },
        other => {
            let number = expr.tp.unwrap_or_default();
            return Err(CopError::plan(format!(
                "Aggregation function meet blacklist aggr function {other:?} ({number})"
            )));
        }
    })
}

/// The result's kind must be what the argument gives.
fn check_result(kind: Kind, argument: &FieldType, result: &FieldType) -> Result<(), CopError> {
    let of_argument = require_eval_type(argument)?;
    let expected = match kind {
        Kind::Count | Kind::BitAnd | Kind::BitOr | Kind::BitXor => return Ok(()),
        Kind::Sum | Kind::Avg | Kind::Variance { .. } => match of_argument {
            EvalType::Decimal => EvalType::Decimal,
            EvalType::Int if argument.code() != tp::BIT => EvalType::Decimal,
            _ => EvalType::Real,
        },
        Kind::SumInt if argument.is_unsigned() != result.is_unsigned() => {
            return Err(CopError::plan("Unexpected unsigned flag for SUM_INT"));
        }
        Kind::SumInt => EvalType::Int,
        Kind::First | Kind::Min | Kind::Max => of_argument,
    };
    if require_eval_type(result)? == expected && (kind != Kind::SumInt || of_argument == expected) {
        return Ok(());
    }
    Err(CopError::plan(format!(
        "Unexpected return field type {} of {kind:?}",
        tifusion_codec::field_type::type_name(result.code())
    )))
}

/// What a function has seen of a group.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// Rows that weren't `NULL`.
    count: i64,
    /// The sum or the value; `NULL` before the first one.
    value: Value,
    bits: i64,
    /// The sum of the squared distances.
    variance: Value,
}

impl State {
    /// Adds a number to sum and variance: `variance += (n·x − sum)² / (n·(n − 1))`.
    fn add_variance(&mut self, number: &Value, ctx: &mut EvalContext) -> Result<(), EvalError> {
        let n = self.count + 1;
        self.value = sum(&self.value, number, ctx)?;
        self.variance = match (number, &self.value, &self.variance) {
            (Value::Real(_), _, Value::Null) => Value::Real(0.0),
            (Value::Decimal(_), _, Value::Null) => Value::Decimal(Decimal::default()),
            (Value::Real(x), Value::Real(sum), Value::Real(variance)) => {
                let distance = x * convert::int_to_real(n, false) - sum;
                let weight = convert::int_to_real(n * (n - 1), false);
                Value::Real(variance + distance * distance / weight)
            }
            (Value::Decimal(x), Value::Decimal(sum), Value::Decimal(variance)) => {
                let product = decimal::multiply(x, &decimal::from_i64(n)).0;
                let distance = decimal::subtract(&product, sum).0;
                let square = decimal::multiply(&distance, &distance).0;
                let weight = decimal::from_i64(n * (n - 1));
                let part = decimal::divide(&square, &weight, ctx.division_digits);
                let part = part.map(|(part, _)| part).unwrap_or_default();
                Value::Decimal(decimal::add(variance, &part).0)
            }
            (other, _, _) => {
                return Err(EvalError::other(format!("a variance of {}", other.kind())));
            }
        };
        Ok(())
    }

    fn final_variance(&self, of_sample: bool) -> Value {
        // TiKV leaves the division to the client for samples of one row, which have no variance.
        match &self.variance {
            Value::Real(variance) if self.count > 0 => {
                let divisor = self.count - i64::from(of_sample);
                match divisor {
                    0 => Value::Real(0.0),
                    _ => Value::Real(variance / convert::int_to_real(divisor, false)),
                }
            }
            Value::Decimal(variance) if self.count > 0 => {
                let divisor = decimal::from_i64(self.count - i64::from(of_sample));
                match decimal::divide(variance, &divisor, 4) {
                    Some((value, _)) => Value::Decimal(value),
                    None => Value::Decimal(Decimal::default()),
                }
            }
            _ => Value::Null,
        }
    }
}

/// Adds a number to a sum that may not have begun.
fn sum(total: &Value, number: &Value, ctx: &mut EvalContext) -> Result<Value, EvalError> {
    Ok(match (total, number) {
        (Value::Null, number) => number.clone(),
        (Value::Real(a), Value::Real(b)) => Value::real(a + b),
        (Value::Decimal(a), Value::Decimal(b)) => {
            let overflow = || EvalError::overflow("DECIMAL", "");
            Value::Decimal(convert::settle(decimal::add(a, b), overflow, ctx)?)
        }
        (a, b) => return Err(EvalError::other(format!("a sum of {} and {}", a.kind(), b.kind()))),
    })
}
