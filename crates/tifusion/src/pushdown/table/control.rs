//! Logic, `CASE` and `coalesce`.

use super::{Capability, Kind, Sig, always, under};

/// The condition of a `CASE`.
const CASES: &str = "its values are of one kind";

/// All rows of this subject.
pub(super) const ROWS: &[Capability] = &[
    under(
        ("AND", "and"),
        Kind::Int,
        Sig::LogicalAnd,
        "as a condition it is pushed without the sides that can't be: a superset then",
        &["(i_int > 0 AND i_tiny > 0) IS NOT TRUE"],
    ),
    always(
        ("OR", "or"),
        Kind::Int,
        Sig::LogicalOr,
        &["i_int > 0 OR i_tiny > 0", "s = 'a' OR d_day IS NULL"],
    ),
    always(
        ("NOT", "not"),
        Kind::Int,
        Sig::UnaryNotInt,
        &[
            "NOT (i_int > i_tiny OR s = 'a')",
            "(i_int = 7) IS NOT TRUE",
            "(d_day < DATE '2000-01-01') IS NOT FALSE",
        ],
    ),
    under(
        ("CASE", "case"),
        Kind::Int,
        Sig::CaseWhenInt,
        CASES,
        &[
            "CASE WHEN i_int > 0 THEN i_tiny WHEN s = 'a' THEN 7 ELSE NULL END = 7",
            "CASE i_tiny WHEN 1 THEN 2 WHEN -1 THEN 3 END IS NULL",
        ],
    ),
    under(
        ("CASE", "case"),
        Kind::Real,
        Sig::CaseWhenReal,
        CASES,
        &["CASE WHEN i_int > 0 THEN f_x ELSE 1.5 END > 1.25"],
    ),
    under(
        ("CASE", "case"),
        Kind::Decimal,
        Sig::CaseWhenDecimal,
        CASES,
        &["CASE WHEN i_int > 0 THEN n_price END > 1"],
    ),
    under(
        ("CASE", "case"),
        Kind::Text,
        Sig::CaseWhenString,
        CASES,
        &[
            "CASE WHEN i_int > 0 THEN s ELSE s_pad END <> 'a'",
            "CASE s WHEN 'a' THEN 'x' ELSE name_ci END = 'x'",
        ],
    ),
    under(
        ("CASE", "case"),
        Kind::Date,
        Sig::CaseWhenTime,
        CASES,
        &["CASE WHEN i_int > 0 THEN d_day ELSE DATE '2024-01-01' END <= DATE '2024-01-01'"],
    ),
    under(
        ("CASE", "case"),
        Kind::DateTime,
        Sig::CaseWhenTime,
        CASES,
        &["CASE WHEN i_int > 0 THEN moment END IS NULL"],
    ),
    under(
        ("CASE", "case"),
        Kind::Timestamp,
        Sig::CaseWhenTime,
        CASES,
        &["CASE WHEN i_int > 0 THEN stamp END IS NULL"],
    ),
    under(
        ("CASE", "case"),
        Kind::Time,
        Sig::CaseWhenDuration,
        CASES,
        &["CASE WHEN i_int > 0 THEN span END IS NULL"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::Int,
        Sig::CoalesceInt,
        CASES,
        &["coalesce(i_int, i_tiny, 5) = 5"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::Real,
        Sig::CoalesceReal,
        CASES,
        &["coalesce(f_x, 2.5) = 2.5"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::Decimal,
        Sig::CoalesceDecimal,
        CASES,
        &["coalesce(n_price, n_wide) > 1"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::Text,
        Sig::CoalesceString,
        CASES,
        &["coalesce(s, name_ci) = 'a'"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::Date,
        Sig::CoalesceTime,
        CASES,
        &["coalesce(d_day, DATE '2024-02-29') = DATE '2024-02-29'"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::DateTime,
        Sig::CoalesceTime,
        CASES,
        &["coalesce(moment, moment) IS NULL"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::Timestamp,
        Sig::CoalesceTime,
        CASES,
        &["coalesce(stamp, stamp) IS NULL"],
    ),
    under(
        ("coalesce", "coalesce"),
        Kind::Time,
        Sig::CoalesceDuration,
        CASES,
        &["coalesce(span, span) IS NULL"],
    ),
];
