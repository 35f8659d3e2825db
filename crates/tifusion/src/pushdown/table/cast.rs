//! Casts, by the kind that they start from.

use super::{Capability, Kind, Sig, never, under};

/// Texts are read by each side's own rules.
const PARSES: &str = "a text that is no such value is an error here, the store takes what it can";

/// All rows of this subject.
pub(super) const ROWS: &[Capability] = &[
    under(
        ("CAST AS integer", "cast"),
        Kind::Int,
        Sig::CastIntAsInt,
        "where every value fits",
        &["CAST(i_tiny AS BIGINT) = i_big"],
    ),
    under(("CAST AS BOOLEAN", "cast"), Kind::Int, Sig::NeInt, "", &["CAST(i_tiny AS BOOLEAN)"]),
    under(
        ("CAST AS DOUBLE", "cast"),
        Kind::Int,
        Sig::CastIntAsReal,
        "",
        &["CAST(i_big AS DOUBLE) > 1.5"],
    ),
    under(
        ("CAST AS DECIMAL", "cast"),
        Kind::Int,
        Sig::CastIntAsDecimal,
        "where every value fits",
        &["n_price > i_tiny", "i_big > i_ubig"],
    ),
    under(
        ("CAST AS VARCHAR", "cast"),
        Kind::Int,
        Sig::CastIntAsString,
        "not of YEAR, ZEROFILL and conditions",
        &["CAST(i_int AS VARCHAR) LIKE '7%'"],
    ),
    under(
        ("CAST AS DOUBLE", "cast"),
        Kind::Real,
        Sig::CastRealAsReal,
        "of FLOAT to DOUBLE, as the store has it already",
        &["f_single > 0.1"],
    ),
    under(
        ("CAST AS DECIMAL", "cast"),
        Kind::Decimal,
        Sig::CastDecimalAsDecimal,
        "where no digit is lost",
        &["n_price = n_wide"],
    ),
    under(
        ("CAST AS DATE", "cast"),
        Kind::DateTime,
        Sig::Date,
        "",
        &["CAST(moment AS DATE) = DATE '2024-02-29'"],
    ),
    under(
        ("CAST AS DATE", "cast"),
        Kind::Timestamp,
        Sig::Date,
        "in a session whose zone is UTC",
        &["CAST(stamp AS DATE) = DATE '2024-02-29'"],
    ),
    under(
        ("CAST AS TIMESTAMP", "cast"),
        Kind::Date,
        Sig::CastTimeAsTime,
        "of microseconds, as the store compares them already",
        &["arrow_cast(d_day, 'Timestamp(Microsecond, None)') < moment"],
    ),
    never(
        ("CAST AS integer", "cast"),
        Kind::Real,
        "the fraction is cut here and rounded in the store",
        &["CAST(f_single AS BIGINT) = 2"],
    ),
    never(("CAST AS VARCHAR", "cast"), Kind::Real, "floats print differently", &[]),
    never(
        ("CAST AS DECIMAL", "cast"),
        Kind::Real,
        "the digits of a float are rounded differently",
        &[],
    ),
    never(
        ("CAST AS integer", "cast"),
        Kind::Decimal,
        "the fraction is rounded differently",
        &["CAST(n_price AS BIGINT) + 1 = 3"],
    ),
    never(
        ("CAST AS DOUBLE", "cast"),
        Kind::Decimal,
        "the last bit may differ",
        &["CAST(n_price AS DOUBLE) > 2.5"],
    ),
    never(("CAST AS VARCHAR", "cast"), Kind::Decimal, "decimals print differently", &[]),
    never(("CAST AS integer", "cast"), Kind::Text, PARSES, &[]),
    never(("CAST AS DOUBLE", "cast"), Kind::Text, PARSES, &[]),
    never(("CAST AS DECIMAL", "cast"), Kind::Text, PARSES, &[]),
    never(("CAST AS DATE", "cast"), Kind::Text, PARSES, &[]),
    never(("CAST AS TIMESTAMP", "cast"), Kind::Text, PARSES, &[]),
    never(
        ("CAST AS VARCHAR", "cast"),
        Kind::Date,
        "dates print differently",
        &["CAST(d_day AS VARCHAR) LIKE '2024%'"],
    ),
    never(("CAST AS VARCHAR", "cast"), Kind::DateTime, "times print differently", &[]),
    never(("CAST AS VARCHAR", "cast"), Kind::Timestamp, "times print differently", &[]),
];
