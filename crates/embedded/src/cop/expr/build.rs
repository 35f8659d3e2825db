//! From a request's expressions to ones that can be evaluated.

use prost::Message;
use tifusion_codec::number;
use tifusion_proto::tipb::{Expr, ExprType, FieldType, InUnionMetadata, ScalarFuncSig};

use super::call::{Call, Function, Site};
use super::{
    arithmetic, cast, compare, constant, control, date, date_add, document, logic, math, pattern,
    regexp, text, vector,
};
use crate::cop::collation::Collation;
use crate::cop::context::EvalContext;
use crate::cop::error::{CopError, EvalError};
use crate::cop::types::{TypeExt, require_eval_type};
use crate::cop::value::{Row, Value};

/// An expression that can be evaluated over rows.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    node: Node,
    field_type: FieldType,
}

#[derive(Debug, Clone)]
enum Node {
    Constant(Value),
    Column(usize),
    Call { run: fn(&mut Call<'_>) -> Result<Value, EvalError>, args: Vec<Expression>, site: Site },
}

impl Expression {
    /// Builds an expression over rows of `columns` columns.
    ///
    /// # Errors
    /// [`CopError::Other`] for what this cluster can't evaluate, by name.
    pub(crate) fn build(expr: &Expr, columns: usize, ctx: &EvalContext) -> Result<Self, CopError> {
        let field_type = expr.field_type.clone().unwrap_or_default();
        require_eval_type(&field_type)?;
        let node = match expr.tp() {
            ExprType::ScalarFunc => Self::build_call(expr, &field_type, columns, ctx)?,
            ExprType::ColumnRef => Node::Column(column_offset(expr, columns)?),
            _ => Node::Constant(constant::value(expr, &field_type, ctx)?),
        };
        Ok(Self { node, field_type })
    }

    /// Builds several expressions.
    ///
    /// # Errors
    /// As [`Expression::build`].
    pub(crate) fn build_all<'a>(
        exprs: impl IntoIterator<Item = &'a Expr>,
        columns: usize,
        ctx: &EvalContext,
    ) -> Result<Vec<Self>, CopError> {
        exprs.into_iter().map(|expr| Self::build(expr, columns, ctx)).collect()
    }

    fn build_call(
        expr: &Expr,
        field_type: &FieldType,
        columns: usize,
        ctx: &EvalContext,
    ) -> Result<Node, CopError> {
        let sig = expr.sig();
        let function = lookup(sig).ok_or_else(|| {
            let number = expr.sig.unwrap_or_default();
            CopError::plan(format!(
                "ScalarFunction {sig:?} ({number}) is not supported in batch mode"
            ))
        })?;
        let count = expr.children.len();
        if count < function.min || count > function.max {
            return Err(CopError::plan(format!(
                "Invalid {sig:?} signature: it was given {count} arguments"
            )));
        }
        let site = Site {
            arg_types: expr
                .children
                .iter()
                .map(|child| child.field_type.clone().unwrap_or_default())
                .collect(),
            ret: field_type.clone(),
            collation: collation_of(sig, field_type)?,
            first_is_constant: expr.children.first().is_some_and(|child| {
                !matches!(child.tp(), ExprType::ScalarFunc | ExprType::ColumnRef)
            }),
            in_union: in_union(expr),
        };
        let args = Self::build_all(&expr.children, columns, ctx)?;
        Ok(Node::Call { run: function.run, args, site })
    }

    /// The type of the value; a column's is that of the row.
    pub(crate) fn field_type(&self, schema: &[FieldType]) -> FieldType {
        match &self.node {
            Node::Column(offset) => schema.get(*offset).unwrap_or(&self.field_type).clone(),
            _ => self.field_type.clone(),
        }
    }

    /// The value over a row.
    ///
    /// # Errors
    /// When a function fails.
    pub(crate) fn eval(&self, row: &Row, ctx: &mut EvalContext) -> Result<Value, EvalError> {
        match &self.node {
            Node::Constant(value) => Ok(value.clone()),
            Node::Column(offset) => row
                .get(*offset)
                .cloned()
                .ok_or_else(|| EvalError::other(format!("no column {offset}"))),
            Node::Call { run, args, site } => {
                let args =
                    args.iter().map(|arg| arg.eval(row, ctx)).collect::<Result<Vec<_>, _>>()?;
                run(&mut Call { args: &args, site, ctx })
            }
        }
    }
}

/// The function of a signature; `None` when no group knows it.
fn lookup(sig: ScalarFuncSig) -> Option<Function> {
    compare::lookup(sig)
        .or_else(|| logic::lookup(sig))
        .or_else(|| control::lookup(sig))
        .or_else(|| arithmetic::lookup(sig))
        .or_else(|| pattern::lookup(sig))
        .or_else(|| regexp::lookup(sig))
        .or_else(|| cast::lookup(sig))
        .or_else(|| math::lookup(sig))
        .or_else(|| text::lookup(sig))
        .or_else(|| date::lookup(sig))
        .or_else(|| date_add::lookup(sig))
        .or_else(|| vector::lookup(sig))
        .or_else(|| document::lookup(sig))
}

fn column_offset(expr: &Expr, columns: usize) -> Result<usize, CopError> {
    let offset = number::decode_i64(&mut expr.val())
        .map_err(|_| CopError::plan("Unable to decode column reference offset from the request"))?;
    usize::try_from(offset).ok().filter(|offset| *offset < columns).ok_or_else(|| {
        CopError::plan(format!(
            "Invalid column offset (schema has {columns} columns, access index {offset})"
        ))
    })
}

/// The collation of a result. One that this cluster doesn't know matters to functions of texts only.
fn collation_of(sig: ScalarFuncSig, field_type: &FieldType) -> Result<Collation, CopError> {
    let found = Collation::of(field_type.collation_id());
    if compare::needs_collation(sig) { found } else { Ok(found.unwrap_or(Collation::Binary)) }
}

fn in_union(expr: &Expr) -> bool {
    InUnionMetadata::decode(expr.val()).is_ok_and(|metadata| metadata.in_union)
}
