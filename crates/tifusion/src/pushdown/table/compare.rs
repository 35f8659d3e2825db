//! Comparisons, `IN`, `IS NULL` and `LIKE`.

use super::{Capability, Kind, Sig, superset, under};

/// The calendar's condition.
const DATES: &str = "a date that no calendar has is NULL here and ordinary in the store: a comparison \
    of a column is filtered again (= and IN with constants are not), elsewhere a check of the calendar \
    makes it exact; not with zero_date = error";

/// The condition of floats.
const ZEROS: &str = "DataFusion orders -0.0 before 0.0, to the store they are equal: where both may \
    meet, =, <= and >= are filtered again and the others stay here";

/// The rows of one kind: `=`, `<>`, `<`, `<=`, `>`, `>=`, `IS DISTINCT FROM`, `IN` and `IS NULL`, over
/// a column and a constant.
macro_rules! rows {
    ($row:ident, $kind:ident, [$eq:ident $ne:ident $lt:ident $le:ident $gt:ident $ge:ident $same:ident
        $one_of:ident $is_null:ident], $note:expr, $($column:literal $value:literal)+) => {
        [
            $row(("=", "eq"), Kind::$kind, Sig::$eq, $note, &[$(concat!($column, " = ", $value)),+]),
            $row(("!=", "ne"), Kind::$kind, Sig::$ne, $note, &[$(concat!($column, " <> ", $value)),+]),
            $row(("<", "lt"), Kind::$kind, Sig::$lt, $note, &[$(concat!($column, " < ", $value)),+]),
            $row(("<=", "le"), Kind::$kind, Sig::$le, $note, &[$(concat!($column, " <= ", $value)),+]),
            $row((">", "gt"), Kind::$kind, Sig::$gt, $note, &[$(concat!($column, " > ", $value)),+]),
            $row((">=", "ge"), Kind::$kind, Sig::$ge, $note, &[$(concat!($column, " >= ", $value)),+]),
            under(("IS DISTINCT FROM", "nulleq"), Kind::$kind, Sig::$same, $note, &[
                $(concat!($column, " IS DISTINCT FROM ", $value),
                concat!($column, " IS NOT DISTINCT FROM ", $value)),+]),
            $row(("IN", "in"), Kind::$kind, Sig::$one_of, $note, &[
                $(concat!($column, " IN (", $value, ", ", $value, ", NULL)"),
                concat!($column, " NOT IN (", $value, ")")),+]),
            under(("IS NULL", "isnull"), Kind::$kind, Sig::$is_null, $note, &[
                $(concat!($column, " IS NULL"), concat!($column, " IS NOT NULL")),+]),
        ]
    };
}

const INT: [Capability; 9] = rows!(
    under, Int, [EqInt NeInt LtInt LeInt GtInt GeInt NullEqInt InInt IntIsNull], "",
    "i_tiny" "-1" "i_int" "7" "i_big" "9223372036854775807" "i_ubig" "18446744073709551615"
    "i_year" "2024" "i_bool" "1"
);
const REAL: [Capability; 9] = rows!(
    under, Real, [EqReal NeReal LtReal LeReal GtReal GeReal NullEqReal InReal RealIsNull], ZEROS,
    "f_x" "2.5" "f_x" "-1e300" "f_single" "0.5"
);
const DECIMAL: [Capability; 9] = rows!(
    under, Decimal,
    [EqDecimal NeDecimal LtDecimal LeDecimal GtDecimal GeDecimal NullEqDecimal InDecimal DecimalIsNull],
    "", "n_price" "CAST('12.50' AS DECIMAL(10, 2))" "n_wide" "CAST('-0.0000000001' AS DECIMAL(38, 10))"
);
const TEXT: [Capability; 9] = rows!(
    under, Text, [EqString NeString LtString LeString GtString GeString NullEqString InString StringIsNull],
    "bytes are compared whatever the column's collation; not gbk and gb18030",
    "s" "'a'" "s" "'ß'" "s_pad" "'a '" "name_ci" "'a'"
);
const BYTES: [Capability; 9] = rows!(
    under, Bytes, [EqString NeString LtString LeString GtString GeString NullEqString InString StringIsNull],
    "", "b" "X'00ff'"
);
const DATE: [Capability; 9] = rows!(
    superset, Date, [EqTime NeTime LtTime LeTime GtTime GeTime NullEqTime InTime TimeIsNull], DATES,
    "d_day" "DATE '2024-02-29'"
);
const DATETIME: [Capability; 9] = rows!(
    superset, DateTime, [EqTime NeTime LtTime LeTime GtTime GeTime NullEqTime InTime TimeIsNull], DATES,
    "moment" "'2024-02-29 12:34:56.123456'"
);
const TIMESTAMP: [Capability; 9] = rows!(
    superset, Timestamp, [EqTime NeTime LtTime LeTime GtTime GeTime NullEqTime InTime TimeIsNull], DATES,
    "stamp" "'2024-02-29 12:34:56.123456'"
);
const TIME: [Capability; 9] = rows!(
    under, Time,
    [EqDuration NeDuration LtDuration LeDuration GtDuration GeDuration NullEqDuration InDuration DurationIsNull],
    "", "span" "'-00:00:01'"
);

/// `LIKE`.
const LIKE: Capability = under(
    ("LIKE", "like"),
    Kind::Text,
    Sig::LikeSig,
    "the pattern is a constant without a backslash",
    &["s LIKE 'a%'", "s LIKE '_'", "s NOT LIKE '%a%'", "name_ci LIKE 'A_%'", "s_pad LIKE 'a '"],
);

/// All rows of this subject.
pub(super) const ROWS: &[&[Capability]] =
    &[&INT, &REAL, &DECIMAL, &TEXT, &BYTES, &DATE, &DATETIME, &TIMESTAMP, &TIME, &[LIKE]];
