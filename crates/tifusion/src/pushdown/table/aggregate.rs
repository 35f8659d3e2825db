//! Aggregate functions, `GROUP BY`, and `ORDER BY` with a `LIMIT`.

use tifusion_proto::tipb::{ExecType, ExprType};

use super::{Capability, Exactness, Function, Kind, never};

/// The condition of a text's group, least and greatest value.
const TEXTS: &str = "bytes are compared whatever the column's collation; not gbk and gb18030";

/// What becomes of dates.
const DATES: &str =
    "a date that no calendar has is NULL, as it is here; not with zero_date = error";

/// Why floats are no keys.
const ZEROS: &str = "DataFusion tells -0.0 from 0.0, the store does not";

/// The condition of a sum of decimals.
const DIGITS: &str = "at most 45 digits, so that no sum has more than the store computes with";

const fn exact(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    function: ExprType,
    note: &'static str,
    examples: &'static [&'static str],
) -> Capability {
    let (function, exactness) = (Some(Function::Aggregate(function)), Exactness::Exact);
    Capability { name, operand, function, tidb_name, exactness, note, examples }
}

const fn executor(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    executor: ExecType,
    note: &'static str,
    examples: &'static [&'static str],
) -> Capability {
    let (function, exactness) = (Some(Function::Executor(executor)), Exactness::Exact);
    Capability { name, operand, function, tidb_name, exactness, note, examples }
}

/// A function that is exact over every kind of which there is one value.
macro_rules! of_every_kind {
    ($row:ident, $names:expr, $function:expr, $real:expr, [$($example:literal),* $(,)?]) => {
        [
            $row($names, Kind::Int, $function, "", &[$(concat!($example, "i_int", ")")),*]),
            $real,
            $row($names, Kind::Decimal, $function, "", &[$(concat!($example, "n_price", ")")),*]),
            $row($names, Kind::Text, $function, TEXTS, &[$(concat!($example, "name_ci", ")")),*]),
            $row($names, Kind::Bytes, $function, "", &[]),
            $row($names, Kind::Date, $function, DATES, &[$(concat!($example, "d_day", ")")),*]),
            $row($names, Kind::DateTime, $function, DATES, &[$(concat!($example, "moment", ")")),*]),
            $row($names, Kind::Timestamp, $function, DATES, &[]),
            $row($names, Kind::Time, $function, "", &[]),
        ]
    };
}

/// The least or greatest of floats.
const fn extreme(
    name: &'static str,
    function: ExprType,
    examples: &'static [&'static str],
) -> Capability {
    let note = "with GROUP BY; without one DataFusion tells -0.0 from 0.0, the store does not";
    exact((name, name), Kind::Real, function, note, examples)
}

const COUNT: [Capability; 9] = of_every_kind!(
    exact,
    ("count", "count"),
    ExprType::Count,
    exact(("count", "count"), Kind::Real, ExprType::Count, "", &["count(f_x)"]),
    ["count("]
);

const MIN: [Capability; 9] = of_every_kind!(
    exact,
    ("min", "min"),
    ExprType::Min,
    extreme("min", ExprType::Min, &[]),
    ["min("]
);

const MAX: [Capability; 9] = of_every_kind!(
    exact,
    ("max", "max"),
    ExprType::Max,
    extreme("max", ExprType::Max, &[]),
    ["max("]
);

const FIRST: [Capability; 9] = of_every_kind!(
    exact,
    ("first_value", "firstrow"),
    ExprType::First,
    exact(("first_value", "firstrow"), Kind::Real, ExprType::First, "", &[]),
    []
);

const GROUPS: [Capability; 9] = of_every_kind!(
    executor,
    ("GROUP BY", "group"),
    ExecType::TypeAggregation,
    never(("GROUP BY", "group"), Kind::Real, ZEROS, &["(f_x)"]),
    ["("]
);

const ORDER: [Capability; 9] = of_every_kind!(
    executor,
    ("ORDER BY", "topn"),
    ExecType::TypeTopN,
    never(("ORDER BY", "topn"), Kind::Real, ZEROS, &["(f_x)"]),
    ["("]
);

const NUMBERS: &[Capability] = &[
    exact(
        ("sum", "sum"),
        Kind::Int,
        ExprType::Sum,
        "the store's sum does not overflow; it wraps around here as DataFusion's does",
        &["sum(i_int)", "sum(i_big)"],
    ),
    exact(("sum", "sum"), Kind::Real, ExprType::Sum, "added up in another order", &["sum(f_x)"]),
    exact(("sum", "sum"), Kind::Decimal, ExprType::Sum, DIGITS, &["sum(n_price)"]),
    never(("sum", "sum"), Kind::Time, "the sum of spans is a number there", &[]),
    exact(
        ("avg", "avg"),
        Kind::Real,
        ExprType::Sum,
        "as count and sum",
        &["avg(i_int)", "avg(f_x)"],
    ),
    exact(("avg", "avg"), Kind::Decimal, ExprType::Sum, DIGITS, &["avg(n_price)"]),
    never(("avg", "avg"), Kind::Time, "the sum of spans is a number there", &[]),
    exact(("bit_and", "bit_and"), Kind::Int, ExprType::AggBitAnd, "", &["bit_and(i_int)"]),
    exact(("bit_or", "bit_or"), Kind::Int, ExprType::AggBitOr, "", &["bit_or(i_int)"]),
    exact(("bit_xor", "bit_xor"), Kind::Int, ExprType::AggBitXor, "", &["bit_xor(i_int)"]),
    never(
        ("var_pop", "var_pop"),
        Kind::Real,
        "the store adds up by another formula: of large values with little spread each finds digits of its own",
        &["var_pop(i_int)"],
    ),
    never(
        ("var", "var_samp"),
        Kind::Real,
        "the store adds up by another formula: of large values with little spread each finds digits of its own",
        &["var_samp(i_int)"],
    ),
];

/// All rows of this subject.
pub(super) const ROWS: &[&[Capability]] = &[&COUNT, NUMBERS, &MIN, &MAX, &FIRST, &GROUPS, &ORDER];
