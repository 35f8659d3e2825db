//! What the stores may evaluate in DataFusion's stead, as data: the one table that the planner reads,
//! `EXPLAIN` quotes, `docs/pushdown.md` shows and the conformance tests run through.

use std::fmt;

use tifusion_proto::tipb::{ExecType, ExprType, ScalarFuncSig};

/// What kind of value an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Integers of every width, `YEAR`, and the truth of a condition.
    Int,
    /// `FLOAT` and `DOUBLE`.
    Real,
    /// `DECIMAL`.
    Decimal,
    /// Text of every collation.
    Text,
    /// Byte strings.
    Bytes,
    /// `DATE`.
    Date,
    /// `DATETIME`.
    DateTime,
    /// `TIMESTAMP`.
    Timestamp,
    /// `TIME`.
    Time,
    /// `ENUM`.
    Enum,
    /// `SET`.
    Set,
    /// `BIT`.
    Bit,
    /// `JSON`.
    Json,
    /// `VECTOR`.
    Vector,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int => "integer",
            Self::Real => "float",
            Self::Decimal => "DECIMAL",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Date => "DATE",
            Self::DateTime => "DATETIME",
            Self::Timestamp => "TIMESTAMP",
            Self::Time => "TIME",
            Self::Enum => "ENUM",
            Self::Set => "SET",
            Self::Bit => "BIT",
            Self::Json => "JSON",
            Self::Vector => "VECTOR",
        })
    }
}

/// How what a store evaluates relates to what DataFusion would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exactness {
    /// Every row has the same value, `NULL` included.
    Exact,
    /// As a condition it keeps every row that DataFusion would, and perhaps more: DataFusion filters
    /// again.
    Superset,
    /// It is not given to the stores.
    Never,
}

impl fmt::Display for Exactness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Superset => "superset",
            Self::Never => "never",
        })
    }
}

/// What of the stores' evaluates a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// A function of one row's values.
    Scalar(ScalarFuncSig),
    /// An aggregate function.
    Aggregate(ExprType),
    /// An executor.
    Executor(ExecType),
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Scalar(signature) => signature.as_str_name(),
            Self::Aggregate(function) => function.as_str_name(),
            Self::Executor(executor) => executor.as_str_name(),
        }
    }
}

/// One row of the table: an operator or function of DataFusion over one kind of operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    pub(super) name: &'static str,
    pub(super) operand: Kind,
    pub(super) function: Option<Function>,
    pub(super) tidb_name: &'static str,
    pub(super) exactness: Exactness,
    pub(super) note: &'static str,
    pub(super) examples: &'static [&'static str],
}

impl Capability {
    /// The operator or function, as DataFusion's SQL has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The kind of its (first) operand; of a `CASE`, that of its result.
    #[must_use]
    pub fn operand(&self) -> Kind {
        self.operand
    }

    /// The stores' name of the function (`tipb.ScalarFuncSig`; `ExprType` of an aggregate function,
    /// `ExecType` of an executor), unless it is never pushed down.
    #[must_use]
    pub fn signature(&self) -> Option<&'static str> {
        self.function.map(Function::name)
    }

    /// The function of one row's values.
    pub(super) fn scalar(&self) -> Option<ScalarFuncSig> {
        match self.function? {
            Function::Scalar(signature) => Some(signature),
            Function::Aggregate(_) | Function::Executor(_) => None,
        }
    }

    /// The aggregate function.
    pub(super) fn aggregate(&self) -> Option<ExprType> {
        match self.function? {
            Function::Aggregate(function) => Some(function),
            Function::Scalar(_) | Function::Executor(_) => None,
        }
    }

    /// TiDB's name of the function: `mysql.expr_pushdown_blacklist` has such names.
    #[must_use]
    pub fn tidb_name(&self) -> &'static str {
        self.tidb_name
    }

    /// How far it may be pushed down.
    #[must_use]
    pub fn exactness(&self) -> Exactness {
        self.exactness
    }

    /// Under which condition it is pushed down, or why never; empty for always.
    #[must_use]
    pub fn note(&self) -> &'static str {
        self.note
    }

    /// Conditions that show it, over the columns of the conformance tests' table; of an aggregate
    /// function calls, of `GROUP BY` and `ORDER BY` keys.
    #[must_use]
    pub fn examples(&self) -> &'static [&'static str] {
        self.examples
    }
}
