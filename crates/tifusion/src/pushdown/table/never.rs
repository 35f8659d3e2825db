//! What is never pushed down for what it is a column of, or for a dialect of its own.

use super::{Capability, Kind, never};

/// All rows of this subject.
pub(super) const ROWS: &[Capability] = &[
    never(
        ("column", "enum"),
        Kind::Enum,
        "an ENUM is its text here and its number in the store",
        &["e_size = 'small'"],
    ),
    never(("column", "set"), Kind::Set, "the stores compute with no SET", &["tags = 'a'"]),
    never(("column", "bit"), Kind::Bit, "TiDB gives the stores no BIT", &["bits = 5"]),
    never(("column", "json"), Kind::Json, "JSON is its text here", &["doc = '{}'"]),
    never(("column", "vector"), Kind::Vector, "a VECTOR is a list here", &[]),
    never(
        ("+", "date_add"),
        Kind::Date,
        "past the year 9999 the store has NULL",
        &["d_day + INTERVAL '3 days' > DATE '2024-03-01'"],
    ),
    never(
        ("-", "date_sub"),
        Kind::Date,
        "before the year 0 the store has NULL",
        &["d_day - INTERVAL '3 days' > DATE '2024-03-01'"],
    ),
    never(
        ("+", "date_add"),
        Kind::DateTime,
        "past the year 9999 the store has NULL",
        &["moment + INTERVAL '3 days' > '2024-03-01 00:00:00'"],
    ),
    never(
        ("-", "date_sub"),
        Kind::DateTime,
        "before the year 0 the store has NULL",
        &["moment - INTERVAL '3 days' > '2024-03-01 00:00:00'"],
    ),
    never(("+", "date_add"), Kind::Timestamp, "days differ in length where the zone changes", &[]),
    never(("-", "date_sub"), Kind::Timestamp, "days differ in length where the zone changes", &[]),
    never(("ILIKE", "ilike"), Kind::Text, "letters are folded by other rules", &["s ILIKE 'A%'"]),
    never(
        ("~", "regexp"),
        Kind::Text,
        "the dialects of regular expressions differ",
        &["s ~ '^[ab]'"],
    ),
];
