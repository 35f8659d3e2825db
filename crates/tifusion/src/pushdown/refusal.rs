//! Why an expression stays here.

use std::fmt;

use datafusion::physical_expr::PhysicalExpr;

use super::capability::Capability;

/// An expression that is not pushed down, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The expression, as SQL.
    pub(crate) expr: String,
    /// Why.
    pub(crate) reason: Reason,
}

/// Why an expression is not pushed down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// What the table says of it.
    Table(&'static Capability),
    /// The table has no row for it.
    Unknown,
    /// A name in the configuration or in TiDB's table forbids it.
    Blocked(String),
    /// What is special about a column or constant.
    Special(&'static str),
    /// It is too large for a request.
    TooLarge,
}

impl Refusal {
    /// `expr` stays here for `reason`.
    pub(super) fn new(expr: &dyn PhysicalExpr, reason: Reason) -> Self {
        Self { expr: Sql(expr).to_string(), reason }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.expr, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(row) => {
                write!(f, "{} of {}: {}", row.name(), row.operand(), row.note())
            }
            Self::Unknown => f.write_str("the stores have no such expression"),
            Self::Blocked(by) => f.write_str(by),
            Self::Special(why) => f.write_str(why),
            Self::TooLarge => f.write_str("too large for a request"),
        }
    }
}

/// The reason where TiDB's SQL has no text that surely means the same.
pub(super) const NO_SQL: Reason =
    Reason::Special("in TiDB's SQL it has no form that surely means the same");

/// The reason where the table does not say so of TiFlash.
pub(super) const NO_TIFLASH: Reason =
    Reason::Special("TiFlash is not trusted to make of it what TiKV does");

/// Shows an expression as SQL.
pub(super) struct Sql<'a>(pub(super) &'a dyn PhysicalExpr);

impl fmt::Display for Sql<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}
