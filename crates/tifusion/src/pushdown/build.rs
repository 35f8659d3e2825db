//! Expressions of the stores', put together.

use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::number;
use tifusion_proto::tipb::{Expr, ExprType, FieldType, ScalarFuncSig};
use tifusion_schema::collation::{BINARY_COLLATION_ID, signed_collation};

use super::ty::{IntRange, Ty, Typed};

/// Number of `utf8mb4_bin`.
const TEXT_COLLATION_ID: u16 = 46;

/// Digits of a fraction of a second.
const MICROSECONDS: i32 = 6;

/// Most calls, columns and constants of one expression.
const MAX_NODES: usize = 20_000;

/// How deep an expression of a request may nest.
pub(super) const MAX_DEPTH: usize = 80;

/// Makes expressions for a cluster with or without the new collations.
///
/// What a comparison of texts means to a store is decided by the collation of the *comparison's* type,
/// whatever its operands' are: `binary` compares bytes. A `LIKE` takes `utf8mb4_bin`, under which `_`
/// is a character and not a byte, and trailing spaces count as in every pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Build {
    new_collation: bool,
}

impl Build {
    /// For a cluster whose strings compare by the new collations or not.
    pub(crate) fn new(new_collation: bool) -> Self {
        Self { new_collation }
    }

    /// The type of an expression, as a request has it.
    pub(super) fn field_type(self, ty: &Ty) -> FieldType {
        let binary = signed_collation(BINARY_COLLATION_ID, self.new_collation);
        let text = signed_collation(TEXT_COLLATION_ID, self.new_collation);
        let number = |code: u8, flag: u32, length: i32, decimal: i32| FieldType {
            tp: Some(i32::from(code)),
            flag: Some(flag | flag::BINARY),
            flen: Some(length),
            decimal: Some(decimal),
            collate: Some(binary),
            charset: Some("binary".to_owned()),
            ..FieldType::default()
        };
        match ty {
            Ty::Int(range) => {
                let unsigned = if range.unsigned { flag::UNSIGNED } else { 0 };
                number(tp::LONG_LONG, unsigned, 20, 0)
            }
            Ty::Real(_) => number(tp::DOUBLE, 0, -1, -1),
            Ty::Decimal { precision, scale } => {
                number(tp::NEW_DECIMAL, 0, i32::from(*precision), i32::from(*scale))
            }
            Ty::Text => FieldType {
                flag: Some(0),
                collate: Some(text),
                charset: Some("utf8mb4".to_owned()),
                ..number(tp::VAR_STRING, 0, -1, -1)
            },
            Ty::Bytes => number(tp::VAR_STRING, 0, -1, -1),
            Ty::Date => number(tp::DATE, 0, 10, 0),
            // Points in time travel in UTC, the zone of the request: constants need no shift.
            Ty::DateTime | Ty::Timestamp => number(tp::DATETIME, 0, 26, MICROSECONDS),
            Ty::Time => number(tp::DURATION, 0, 17, MICROSECONDS),
        }
    }

    /// A call whose result is `ty`.
    pub(super) fn call(self, signature: ScalarFuncSig, children: Vec<Expr>, ty: Ty) -> Typed {
        let expr = Expr {
            tp: Some(ExprType::ScalarFunc.into()),
            sig: Some(signature.into()),
            children,
            field_type: Some(self.field_type(&ty)),
            ..Expr::default()
        };
        Typed { expr, ty }
    }

    /// A condition over texts or patterns, by the collation of `of`.
    pub(super) fn text_condition(
        self,
        signature: ScalarFuncSig,
        children: Vec<Expr>,
        of: &Ty,
    ) -> Typed {
        let mut call = self.call(signature, children, Ty::TRUTH);
        if let Some(field_type) = &mut call.expr.field_type {
            field_type.collate = self.field_type(of).collate;
        }
        call
    }

    /// A constant of encoded bytes.
    pub(super) fn constant(self, kind: ExprType, val: Vec<u8>, ty: Ty) -> Typed {
        let expr = Expr {
            tp: Some(kind.into()),
            val: Some(val),
            field_type: Some(self.field_type(&ty)),
            ..Expr::default()
        };
        Typed { expr, ty }
    }

    /// An integer constant.
    pub(super) fn int(self, value: i128) -> Option<Typed> {
        let mut val = Vec::with_capacity(8);
        if let Ok(value) = i64::try_from(value) {
            number::encode_i64(&mut val, value);
            let range = IntRange::signed(i128::from(value), i128::from(value));
            return Some(self.constant(ExprType::Int64, val, Ty::Int(range)));
        }
        number::encode_u64(&mut val, u64::try_from(value).ok()?);
        let range = IntRange { unsigned: true, ..IntRange::signed(value, value) };
        Some(self.constant(ExprType::Uint64, val, Ty::Int(range)))
    }

    /// A small integer constant.
    pub(super) fn small(self, value: i32) -> Typed {
        let mut val = Vec::with_capacity(8);
        number::encode_i64(&mut val, i64::from(value));
        let range = IntRange::signed(i128::from(value), i128::from(value));
        self.constant(ExprType::Int64, val, Ty::Int(range))
    }

    /// `NULL` of a type.
    pub(super) fn null(self, ty: Ty) -> Typed {
        self.constant(ExprType::Null, Vec::new(), ty)
    }

    /// The column at `offset` of the scan.
    pub(super) fn column(self, offset: usize, ty: Ty) -> Typed {
        let mut val = Vec::with_capacity(8);
        number::encode_i64(&mut val, i64::try_from(offset).unwrap_or(i64::MAX));
        self.constant(ExprType::ColumnRef, val, ty)
    }

    /// All of `conditions`, as a tree that is as flat as can be: requests nest a hundred deep at most.
    pub(super) fn tree(self, signature: ScalarFuncSig, mut level: Vec<Expr>) -> Option<Expr> {
        while level.len() > 1 {
            let mut next = Vec::with_capacity(level.len().div_ceil(2));
            let mut rest = level.into_iter();
            while let Some(left) = rest.next() {
                next.push(match rest.next() {
                    Some(right) => self.call(signature, vec![left, right], Ty::TRUTH).expr,
                    None => left,
                });
            }
            level = next;
        }
        level.pop()
    }
}

/// Whether an expression is too large for a request.
pub(super) fn is_too_large(expr: &Expr) -> bool {
    let (nodes, depth) = size(expr);
    nodes > MAX_NODES || depth > MAX_DEPTH
}

/// How many calls, columns and constants an expression has, and how deep they nest.
pub(super) fn size(expr: &Expr) -> (usize, usize) {
    let (mut nodes, mut depth) = (1, 0);
    for child in &expr.children {
        let (n, d) = size(child);
        nodes += n;
        depth = depth.max(d);
    }
    (nodes, depth + 1)
}
