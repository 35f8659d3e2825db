//! Aggregate functions, and what is grouped by.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::bit_and_or_xor::{bit_and_udaf, bit_or_udaf, bit_xor_udaf};
use datafusion::functions_aggregate::count::Count;
use datafusion::functions_aggregate::first_last::FirstValue;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::functions_aggregate::variance::{VariancePopulation, VarianceSample};
use datafusion::logical_expr::{AggregateUDF, AggregateUDFImpl};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use tifusion_proto::tipb::{AggFunctionMode, Expr, ExprType};

use super::product::{BoundedFactor, Product};
use super::{Lowering, Outcome, Physical};
use crate::pushdown::build::is_too_large;
use crate::pushdown::capability::Kind;
use crate::pushdown::partial::{AnswerColumn, Bound, INTEGER_SUM, PartialAggregate, State};
use crate::pushdown::refusal::{NO_SQL, Reason, Refusal, Sql};
use crate::pushdown::scope::Scope;
use crate::pushdown::table::find_aggregate;
use crate::pushdown::ty::{IntRange, Ty, Typed};

/// Digits of a decimal whose sum over any number of rows fits into what a store computes with.
const MAX_SUMMED_DIGITS: u8 = 45;

const COUNTS: Ty = Ty::Int(IntRange { unsigned: true, ..IntRange::signed(0, u64::MAX as i128) });

/// An aggregate function over a scan.
#[derive(Debug, Clone)]
pub(crate) struct AggregateCall {
    /// The function.
    pub(crate) function: Arc<AggregateFunctionExpr>,
    /// Its arguments, over the scan's columns.
    pub(crate) args: Vec<Physical>,
    /// The rows that it is for, over the scan's columns.
    pub(crate) filter: Option<Physical>,
}

/// What is to be made of the rows of a scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grouping<'a> {
    /// What is grouped by, over the scan's columns.
    pub(crate) keys: &'a [Physical],
    /// The functions.
    pub(crate) calls: &'a [AggregateCall],
    /// The schema of the partial states: the keys, then the functions' states.
    pub(crate) states: &'a Schema,
}

impl PartialAggregate {
    /// What the stores make of the rows of a scan of `scope`, whose schema is `schema`.
    ///
    /// # Errors
    /// Why they make none of DataFusion's partial states of them.
    pub(crate) fn of(grouping: Grouping<'_>, scope: &Scope, schema: &Schema) -> Outcome<Self> {
        let lowering = Lowering::new(scope, schema);
        let fields = grouping.states.fields();
        let mut made = Making {
            lowering: &lowering,
            is_grouped: !grouping.keys.is_empty(),
            functions: Vec::new(),
            states: Vec::new(),
            bounded: Vec::new(),
            products: Vec::new(),
        };
        let mut groups = Vec::new();
        for (key, field) in grouping.keys.iter().zip(fields) {
            groups.push(lowering.group_key(key, field.data_type())?);
        }
        let mut rest = fields.get(grouping.keys.len()..).unwrap_or_default();
        for call in grouping.calls {
            let states = call.function.state_fields().map_or(0, |fields| fields.len());
            let (own, others) = rest.split_at_checked(states).unwrap_or_default();
            made.add(call, own)?;
            rest = others;
        }
        let shown_functions = grouping.calls.iter().map(ToString::to_string).collect();
        let shown_groups = grouping.keys.iter().map(|key| Sql(key.as_ref()).to_string()).collect();
        let places = made.functions.len()..;
        let states = places.zip(&groups).map(|(place, _)| State::Value(place));
        let states = states.chain(made.states).collect();
        let (functions, answer): (Vec<_>, Vec<_>) = made.functions.into_iter().unzip();
        let (groups, keys): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
        let answer = answer.into_iter().chain(keys).collect();
        let (bounded, exact) = (made.bounded, Self::of_largest(made.products).map(Box::new));
        let read = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Self {
            functions,
            groups,
            answer,
            states,
            bounded,
            exact,
            read,
            shown_functions,
            shown_groups,
            is_streamed: false,
        })
    }
}

impl Lowering<'_> {
    /// A key to group by, and how it comes in an answer.
    fn group_key(&self, key: &Physical, wanted: &DataType) -> Outcome<(Expr, AnswerColumn)> {
        let refuse = |reason| Refusal::new(key.as_ref(), reason);
        if key.is::<Literal>() {
            return Err(refuse(Reason::Special("a constant is no key")));
        }
        let typed = self.value(key)?;
        self.executor("GROUP BY", &typed, key)?;
        let column = AnswerColumn::value(&typed.ty, wanted);
        let column = column.ok_or_else(|| refuse(Reason::Unknown))?;
        let expr = self.by_bytes(typed, key)?.expr;
        if is_too_large(&expr) {
            return Err(refuse(Reason::TooLarge));
        }
        match self.scope.sql.as_ref().is_none_or(|sql| sql.value(&expr).is_some()) {
            true => Ok((expr, column)),
            false => Err(refuse(NO_SQL)),
        }
    }

    /// Whether the stores' executor takes `value` for a key.
    pub(super) fn executor(&self, name: &str, value: &Typed, key: &Physical) -> Outcome<()> {
        let refuse = |reason| Refusal::new(key.as_ref(), reason);
        let row = find_aggregate(name, value.ty.kind()).ok_or_else(|| refuse(Reason::Unknown))?;
        if row.signature().is_none() {
            return Err(refuse(Reason::Table(row)));
        }
        match self.scope.refuses(row) {
            Some(reason) => Err(refuse(reason)),
            None => Ok(()),
        }
    }

    /// A key that the stores compare by its bytes: what a column's texts are compared by is said by its
    /// collation, but that of a call by ours.
    pub(super) fn by_bytes(&self, key: Typed, expr: &Physical) -> Outcome {
        match key.ty {
            Ty::Text => self.call(("coalesce", Kind::Text), vec![key.expr], Ty::Bytes, expr),
            _ => Ok(key),
        }
    }
}

/// An aggregation in the making.
struct Making<'a> {
    lowering: &'a Lowering<'a>,
    is_grouped: bool,
    functions: Vec<(Expr, AnswerColumn)>,
    states: Vec<State>,
    bounded: Vec<Bound>,
    /// The largest of products that are bounded by a factor of theirs.
    products: Vec<(Expr, AnswerColumn)>,
}

impl Making<'_> {
    /// One more function, whose states are `fields`.
    fn add(&mut self, call: &AggregateCall, fields: &[FieldRef]) -> Outcome<()> {
        let function = &call.function;
        if !function.order_bys().is_empty() {
            return Err(call.refuse(Reason::Special("an ordered aggregate")));
        }
        let is_extreme = is_a::<Min>(function.fun()) || is_a::<Max>(function.fun());
        if function.is_distinct() && !is_extreme {
            return Err(call.refuse(Reason::Special("DISTINCT values are told apart here")));
        }
        let types: Vec<&DataType> = fields.iter().map(|field| field.data_type()).collect();
        let fun = function.fun();
        match types.as_slice() {
            [_] if is_a::<Count>(fun) => self.count(call),
            [state] if is_a::<Sum>(fun) => self.sum(call, state),
            [_, sum] if is_a::<Avg>(fun) => self.average(call, sum),
            [state] if is_extreme => self.extreme(call, state),
            [state] if is_bitwise(fun) => self.bits(call, state),
            [state, _] if is_a::<FirstValue>(fun) => self.first(call, state),
            _ if is_a::<VariancePopulation>(fun) || is_a::<VarianceSample>(fun) => {
                let row = find_aggregate(fun.name(), Kind::Real);
                Err(call.refuse(row.map_or(Reason::Unknown, Reason::Table)))
            }
            _ => Err(call.refuse(Reason::Special("the stores have no such aggregate function"))),
        }
    }

    fn count(&mut self, call: &AggregateCall) -> Outcome<()> {
        let typed = match call.args.as_slice() {
            [arg] => self.argument(call, arg)?,
            args => self.all_there(call, args)?,
        };
        let count = self.counted(call, typed)?;
        self.states.push(State::Value(count));
        Ok(())
    }

    fn sum(&mut self, call: &AggregateCall, state: &DataType) -> Outcome<()> {
        let typed = self.summand(call)?;
        let sum = self.summed(call, typed, state)?;
        self.states.push(State::Sum(sum));
        Ok(())
    }

    fn average(&mut self, call: &AggregateCall, sum: &DataType) -> Outcome<()> {
        let typed = self.summand(call)?;
        // A product that is looked at is a NULL where the row has none.
        let count = self.counted(call, typed.clone())?;
        let sum = self.summed(call, typed, sum)?;
        // DataFusion takes a group with a count, be it zero, for one that has an average.
        self.states.extend([State::Counted { value: count, count }, State::Sum(sum)]);
        Ok(())
    }

    fn extreme(&mut self, call: &AggregateCall, state: &DataType) -> Outcome<()> {
        let name = call.function.fun().name();
        let typed = self.only_argument(call)?;
        if typed.ty.kind() == Kind::Real && !self.is_grouped {
            let row = find_aggregate(name, Kind::Real);
            return Err(call.refuse(row.map_or(Reason::Unknown, Reason::Table)));
        }
        let value = self.value_of(call, name, typed, state)?;
        self.states.push(State::Value(value));
        Ok(())
    }

    fn bits(&mut self, call: &AggregateCall, state: &DataType) -> Outcome<()> {
        let name = call.function.fun().name();
        let typed = self.only_argument(call)?;
        let Ty::Int(range) = typed.ty else { return Err(call.refuse(Reason::Unknown)) };
        if !state.is_integer() {
            return Err(call.refuse(Reason::Unknown));
        }
        // Of no value the store has all bits or none, of 64.
        let wide = if range.unsigned { DataType::UInt64 } else { DataType::Int64 };
        let column = AnswerColumn::value(&typed.ty, &wide);
        let column = column.ok_or_else(|| call.refuse(Reason::Unknown))?;
        let ty = typed.ty;
        let value = self.place_of(call, name, &ty, typed.clone(), column)?;
        let count = self.counted(call, typed)?;
        self.states.push(State::Counted { value, count });
        Ok(())
    }

    fn first(&mut self, call: &AggregateCall, state: &DataType) -> Outcome<()> {
        if call.function.ignore_nulls() || call.filter.is_some() {
            let why = "the store's first row may be another one";
            return Err(call.refuse(Reason::Special(why)));
        }
        let typed = self.only_argument(call)?;
        let value = self.value_of(call, "first_value", typed, state)?;
        let rows = self.counted(call, self.lowering.build().small(1))?;
        self.states.extend([State::Value(value), State::Seen(rows)]);
        Ok(())
    }

    /// A function whose result is one of its arguments.
    fn value_of(
        &mut self,
        call: &AggregateCall,
        name: &str,
        typed: Typed,
        state: &DataType,
    ) -> Outcome<usize> {
        let column = AnswerColumn::value(&typed.ty, state);
        let column = column.ok_or_else(|| call.refuse(Reason::Unknown))?;
        // The collation of the result is what decides, to unistore that of the argument.
        let [arg] = call.args.as_slice() else { return Err(call.refuse(Reason::Unknown)) };
        let typed = self.lowering.by_bytes(typed, arg)?;
        // A FLOAT column's values would come as such from unistore, whatever the result's type.
        let typed = match typed.ty {
            Ty::Real(_) if typed.expr.tp() == ExprType::ColumnRef => {
                self.lowering.call(("coalesce", Kind::Real), vec![typed.expr], typed.ty, arg)?
            }
            _ => typed,
        };
        let ty = typed.ty;
        self.place_of(call, name, &ty, typed, column)
    }

    /// The place of a count of the rows where `typed`, made of the call's arguments, is something.
    fn counted(&mut self, call: &AggregateCall, typed: Typed) -> Outcome<usize> {
        // What is never NULL is counted as rows are, and all such counts are one.
        let is_there = |arg: &Physical| {
            arg.is::<Column>() && !arg.nullable(self.lowering.schema).unwrap_or(true)
        };
        let counts_rows = call.filter.is_none() && call.args.iter().all(is_there);
        let typed = if counts_rows { self.lowering.build().small(1) } else { typed };
        self.place_of(call, "count", &COUNTS, typed, AnswerColumn::count(DataType::Int64))
    }

    fn summed(&mut self, call: &AggregateCall, typed: Typed, state: &DataType) -> Outcome<usize> {
        let name = call.function.fun().name();
        let refused = |kind| {
            let row = find_aggregate(name, kind);
            call.refuse(row.map_or(Reason::Unknown, Reason::Table))
        };
        let kind = typed.ty.kind();
        let (ty, column) = match (typed.ty, state) {
            (Ty::Int(_), DataType::Int64 | DataType::UInt64) => {
                (INTEGER_SUM, AnswerColumn::decimal_sum(0))
            }
            (Ty::Real(_), DataType::Float64) => (typed.ty, AnswerColumn::real_sum()),
            (
                Ty::Decimal { precision, scale },
                DataType::Decimal128(_, to_scale) | DataType::Decimal256(_, to_scale),
            ) if precision <= MAX_SUMMED_DIGITS && i16::from(scale) <= i16::from(*to_scale) => {
                (Ty::Decimal { precision: 65, scale }, AnswerColumn::decimal_sum(*to_scale))
            }
            _ => return Err(refused(kind)),
        };
        // An average is a count and a sum.
        self.place_of(call, name, &ty, typed, column)
    }

    /// The place of a function's result, a new one unless the same was asked for before.
    fn place_of(
        &mut self,
        call: &AggregateCall,
        name: &str,
        ty: &Ty,
        argument: Typed,
        column: AnswerColumn,
    ) -> Outcome<usize> {
        let made = self.made(call, name, ty, argument, column)?;
        Ok(self.placed(made))
    }

    /// The place of a function, a new one unless it has one.
    fn placed(&mut self, made: (Expr, AnswerColumn)) -> usize {
        if let Some(place) = self.functions.iter().position(|known| *known == made) {
            return place;
        }
        self.functions.push(made);
        self.functions.len() - 1
    }

    /// A function, and how its result comes in an answer.
    fn made(
        &self,
        call: &AggregateCall,
        name: &str,
        ty: &Ty,
        argument: Typed,
        column: AnswerColumn,
    ) -> Outcome<(Expr, AnswerColumn)> {
        let function = self.function(call, name, argument.ty.kind())?;
        let expr = Expr {
            tp: Some(function.into()),
            children: vec![argument.expr],
            agg_func_mode: Some(AggFunctionMode::Partial1Mode.into()),
            field_type: Some(self.lowering.build().field_type(ty)),
            ..Expr::default()
        };
        if is_too_large(&expr) {
            return Err(call.refuse(Reason::TooLarge));
        }
        let sql = self.lowering.scope.sql.as_ref();
        if sql.is_some_and(|sql| sql.aggregate(&expr).is_none()) {
            return Err(call.refuse(NO_SQL));
        }
        Ok((expr, column))
    }

    fn function(&self, call: &AggregateCall, name: &str, kind: Kind) -> Outcome<ExprType> {
        let row = find_aggregate(name, kind).ok_or_else(|| call.refuse(Reason::Unknown))?;
        let function = row.aggregate().ok_or_else(|| call.refuse(Reason::Table(row)))?;
        match self.lowering.scope.refuses(row) {
            Some(reason) => Err(call.refuse(reason)),
            None => Ok(function),
        }
    }

    fn only_argument(&self, call: &AggregateCall) -> Outcome {
        match call.args.as_slice() {
            [arg] => self.argument(call, arg),
            _ => Err(call.refuse(Reason::Unknown)),
        }
    }

    /// An argument, `NULL` for the rows that the function is not for.
    fn argument(&self, call: &AggregateCall, arg: &Physical) -> Outcome {
        let typed = self.lowering.value(arg)?;
        self.where_asked(call, arg, typed)
    }

    fn where_asked(&self, call: &AggregateCall, arg: &Physical, typed: Typed) -> Outcome {
        let Some(filter) = &call.filter else { return Ok(typed) };
        let condition = self.lowering.value(filter)?;
        if condition.ty.kind() != Kind::Int {
            return Err(call.refuse(Reason::Unknown));
        }
        let (kind, ty) = (typed.ty.kind(), typed.ty);
        self.lowering.call(("CASE", kind), vec![condition.expr, typed.expr], ty, arg)
    }

    /// Something that is `NULL` where one of `args` is.
    fn all_there(&self, call: &AggregateCall, args: &[Physical]) -> Outcome {
        let Some(first) = args.first() else { return Err(call.refuse(Reason::Unknown)) };
        let mut conditions = Vec::new();
        for arg in args {
            let is_null = self.lowering.is_null(arg, arg)?;
            conditions.push(self.lowering.not(is_null, arg)?.expr);
        }
        let condition = self.lowering.all_of(conditions, first)?;
        let one = self.lowering.build().small(1);
        let (ty, children) = (one.ty, vec![condition, one.expr]);
        let typed = self.lowering.call(("CASE", Kind::Int), children, ty, first)?;
        self.where_asked(call, first, typed)
    }

    /// What is added up. Decimals that DataFusion might have failed to compute are looked at.
    fn summand(&mut self, call: &AggregateCall) -> Outcome {
        let [arg] = call.args.as_slice() else { return Err(call.refuse(Reason::Unknown)) };
        if call.filter.is_some() {
            return self.argument(call, arg);
        }
        let (typed, looked_at) = self.lowering.summand(arg)?;
        for product in looked_at {
            self.look_at(call, arg, product)?;
        }
        Ok(typed)
    }

    /// Has the largest of a product told, or of a factor of it that is less work and as good as long as it is small.
    fn look_at(&mut self, call: &AggregateCall, arg: &Physical, product: Product) -> Outcome<()> {
        // TiDB is asked once.
        let by_factor = match self.lowering.scope.sql {
            None => product.bounded_factor(),
            Some(_) => None,
        };
        let largest = |value: Typed, scale| {
            let ty = value.ty;
            let size = self.lowering.call(("abs", Kind::Decimal), vec![value.expr], ty, arg)?;
            self.made(call, "max", &ty, size, AnswerColumn::decimal_sum(scale))
        };
        let of_product = largest(product.value, product.scale)?;
        let (made, most, is_exact) = match by_factor {
            Some(BoundedFactor { factor, scale, most }) => (largest(factor, scale)?, most, false),
            None => (of_product.clone(), i128::MAX, true),
        };
        if !is_exact && !self.products.contains(&of_product) {
            self.products.push(of_product);
        }
        let bound = Bound { place: self.placed(made), most, is_exact };
        if !self.bounded.contains(&bound) {
            self.bounded.push(bound);
        }
        Ok(())
    }
}

/// Whether it is DataFusion's own function, not another one that a session has under its name.
fn is_a<T: AggregateUDFImpl>(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<T>().is_some()
}

/// The same, for functions whose type DataFusion does not show.
fn is_bitwise(function: &AggregateUDF) -> bool {
    [bit_and_udaf(), bit_or_udaf(), bit_xor_udaf()].iter().any(|known| **known == *function)
}

impl AggregateCall {
    fn refuse(&self, reason: Reason) -> Refusal {
        Refusal { expr: self.to_string(), reason }
    }
}

impl fmt::Display for AggregateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = self.function.fun();
        let distinct = if self.function.is_distinct() { "DISTINCT " } else { "" };
        let args: Vec<String> = self.args.iter().map(|arg| Sql(arg.as_ref()).to_string()).collect();
        let args = match self.args.as_slice() {
            [arg] if is_a::<Count>(function) && arg.is::<Literal>() => "*".to_owned(),
            _ => args.join(", "),
        };
        write!(f, "{}({distinct}{args})", function.name())?;
        match &self.filter {
            Some(filter) => write!(f, " FILTER (WHERE {})", Sql(filter.as_ref())),
            None => Ok(()),
        }
    }
}
