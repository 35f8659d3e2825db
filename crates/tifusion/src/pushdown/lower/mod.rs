//! From DataFusion's physical expressions to the stores': total, pure, and never an expression that can
//! fail or that has another value for any row.
//!
//! What is lowered by [`Lowering::value`] is exact: it has DataFusion's value, `NULL` included, for
//! every row. A store evaluates all operands, whichever branch is taken, so that nothing may fail
//! anywhere: no overflow, no text that is no number, no date that no calendar has.

mod aggregate;
mod arithmetic;
mod calendar;
mod cast;
mod compare;
mod control;
mod function;
mod order;
mod product;
mod words;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NegativeExpr, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use tifusion_proto::tipb::{Expr, ScalarFuncSig};

use super::build::Build;
use super::capability::{Capability, Kind};
use super::literal;
use super::refusal::{Reason, Refusal};
use super::scope::Scope;
use super::table::find;
use super::ty::{Ty, Typed};
use crate::config::ZeroDate;

pub(crate) use aggregate::{AggregateCall, Grouping};
pub(super) use calendar::absent_in;
pub(super) use compare::Dates;
use product::Product;

/// An expression of DataFusion's.
pub(crate) type Physical = Arc<dyn PhysicalExpr>;

pub(super) type Outcome<T = Typed> = Result<T, Refusal>;

/// How deep expressions may nest; a request's decoder stops at a hundred.
const MAX_DEPTH: usize = 40;

/// Lowers expressions over a schema whose columns a scan reads.
#[derive(Debug)]
pub(crate) struct Lowering<'a> {
    scope: &'a Scope,
    schema: &'a Schema,
    depth: Cell<usize>,
    products: RefCell<Option<Vec<Product>>>,
}

impl<'a> Lowering<'a> {
    /// For expressions over `schema`.
    pub(crate) fn new(scope: &'a Scope, schema: &'a Schema) -> Self {
        Self { scope, schema, depth: Cell::new(0), products: RefCell::new(None) }
    }

    /// The expression with the same value for every row.
    pub(crate) fn value(&self, expr: &Physical) -> Outcome {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(Refusal::new(expr.as_ref(), Reason::TooLarge));
        }
        self.depth.set(depth + 1);
        // Below anything else it depends on the row whether DataFusion computes a product.
        let products = if computes(expr) { None } else { self.products.take() };
        let lowered = self.any(expr);
        if products.is_some() {
            self.products.replace(products);
        }
        self.depth.set(depth);
        lowered
    }

    /// The expression with the same value for every row for which DataFusion has one, and the products
    /// that must be looked at, for it may fail to compute them.
    fn summand(&self, expr: &Physical) -> Outcome<(Typed, Vec<Product>)> {
        self.products.replace(Some(Vec::new()));
        let lowered = self.value(expr);
        let products = self.products.take().unwrap_or_default();
        Ok((lowered?, products))
    }

    fn any(&self, expr: &Physical) -> Outcome {
        if let Some(column) = expr.downcast_ref::<Column>() {
            return self.checked_column(column, expr);
        }
        if let Some(constant) = expr.downcast_ref::<Literal>() {
            let lowered = literal::lower(self.build(), constant.value());
            return lowered.map_err(|why| Refusal::new(expr.as_ref(), Reason::Special(why)));
        }
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            return self.binary(binary, expr);
        }
        if let Some(not) = expr.downcast_ref::<NotExpr>() {
            let arg = self.value(not.arg())?;
            return self.not(arg, expr);
        }
        if let Some(test) = expr.downcast_ref::<IsNullExpr>() {
            return self.is_null(test.arg(), expr);
        }
        if let Some(test) = expr.downcast_ref::<IsNotNullExpr>() {
            let is_null = self.is_null(test.arg(), expr)?;
            return self.not(is_null, expr);
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            return self.in_list(list, expr, Dates::Checked);
        }
        if let Some(like) = expr.downcast_ref::<LikeExpr>() {
            return self.like(like, expr);
        }
        if let Some(case) = expr.downcast_ref::<CaseExpr>() {
            return self.case(case, expr);
        }
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            return self.cast(cast.expr(), cast.cast_type(), expr);
        }
        if let Some(cast) = expr.downcast_ref::<TryCastExpr>() {
            return self.cast(cast.expr(), cast.cast_type(), expr);
        }
        if let Some(negative) = expr.downcast_ref::<NegativeExpr>() {
            return self.negative(negative.arg(), expr);
        }
        if let Some(function) = expr.downcast_ref::<ScalarFunctionExpr>() {
            return self.function(function, expr);
        }
        Err(Refusal::new(expr.as_ref(), Reason::Unknown))
    }

    fn binary(&self, binary: &BinaryExpr, expr: &Physical) -> Outcome {
        use Operator::{
            And, BitwiseAnd, BitwiseOr, BitwiseShiftLeft, BitwiseShiftRight, BitwiseXor, Divide,
            Minus, Modulo, Multiply, Or, Plus, StringConcat,
        };
        match binary.op() {
            And | Or => self.logic(*binary.op(), expr),
            Plus | Minus | Multiply | Divide | Modulo => self.arithmetic(binary, expr),
            BitwiseAnd | BitwiseOr | BitwiseXor | BitwiseShiftLeft | BitwiseShiftRight => {
                self.bits(binary, expr)
            }
            StringConcat => self.concat_operator(binary, expr),
            _ => {
                let compared = self.compare(binary, expr, Dates::Checked)?;
                match compared.exact {
                    true => Ok(compared.typed),
                    false => Err(self.said(binary.op().to_string().as_str(), &compared.kind, expr)),
                }
            }
        }
    }

    fn build(&self) -> Build {
        self.scope.build
    }

    /// A column, where it is a date the calendar has; `NULL` elsewhere.
    fn checked_column(&self, column: &Column, expr: &Physical) -> Outcome {
        let raw = self.raw_column(column, expr)?;
        if raw.ty.is_calendar() { self.on_the_calendar(raw, expr) } else { Ok(raw) }
    }

    /// A column as the store has it.
    fn raw_column(&self, column: &Column, expr: &Physical) -> Outcome {
        // Its place says which column it is, as it does for ranges and for DataFusion; a name is only shown.
        let field = self.schema.fields().get(column.index());
        let name = field.ok_or_else(|| Refusal::new(expr.as_ref(), Reason::Unknown))?.name();
        let found = self.scope.column(name);
        let (offset, ty) = found.map_err(|reason| Refusal::new(expr.as_ref(), reason))?;
        if ty.is_calendar() && self.scope.zero_date == ZeroDate::Error {
            let why = "with zero_date = error every date must come here to be looked at";
            return Err(Refusal::new(expr.as_ref(), Reason::Special(why)));
        }
        Ok(self.build().column(offset, ty))
    }

    /// The table's row for `name` over `kind`, with its signature, where nobody forbids it.
    fn row(&self, name: &str, kind: Kind, expr: &Physical) -> Outcome<ScalarFuncSig> {
        let refuse = |reason| Refusal::new(expr.as_ref(), reason);
        let row = find(name, kind).ok_or_else(|| refuse(Reason::Unknown))?;
        let signature = row.scalar().ok_or_else(|| refuse(Reason::Table(row)))?;
        match self.scope.refuses(row) {
            Some(reason) => Err(refuse(reason)),
            None => Ok(signature),
        }
    }

    /// The refusal that quotes the table's row for `name` over `kind`.
    fn said(&self, name: &str, kind: &Kind, expr: &Physical) -> Refusal {
        let row: Option<&'static Capability> =
            find(name, *kind).filter(|row| !row.note().is_empty());
        Refusal::new(expr.as_ref(), row.map_or(Reason::Unknown, Reason::Table))
    }

    /// A call of the row `name` over `kind`.
    fn call(
        &self,
        (name, kind): (&str, Kind),
        children: Vec<Expr>,
        ty: Ty,
        expr: &Physical,
    ) -> Outcome {
        let signature = self.row(name, kind, expr)?;
        Ok(self.build().call(signature, children, ty))
    }

    fn not(&self, arg: Typed, expr: &Physical) -> Outcome {
        self.call(("NOT", Kind::Int), vec![arg.expr], Ty::TRUTH, expr)
    }

    /// DataFusion's type of an expression.
    fn data_type(&self, expr: &Physical) -> Outcome<DataType> {
        expr.data_type(self.schema).map_err(|_| Refusal::new(expr.as_ref(), Reason::Unknown))
    }
}

/// Whether all operands of an expression are computed for every row.
fn computes(expr: &Physical) -> bool {
    use Operator::{Minus, Multiply, Plus};
    match expr.downcast_ref::<BinaryExpr>() {
        Some(binary) => matches!(binary.op(), Plus | Minus | Multiply),
        None => expr.is::<CastExpr>(),
    }
}

/// The value of a constant.
fn constant(expr: &Physical) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

/// The operands of a chain of one operator, whichever way it is nested.
pub(super) fn operands(expr: &Physical, operator: Operator) -> Vec<Physical> {
    let mut found = Vec::new();
    let mut rest = vec![Arc::clone(expr)];
    while let Some(next) = rest.pop() {
        match next.downcast_ref::<BinaryExpr>().filter(|binary| *binary.op() == operator) {
            Some(binary) => rest.extend([Arc::clone(binary.right()), Arc::clone(binary.left())]),
            None => found.push(next),
        }
    }
    found
}
