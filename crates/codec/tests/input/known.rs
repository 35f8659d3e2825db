//! Where this differs from TiDB on purpose.

/// A difference: some columns, some values, what happens here.
pub(crate) struct Known {
    /// How the columns' declarations begin.
    columns: &'static [&'static str],
    /// Kind and literals; none for all.
    kind: &'static str,
    literals: &'static [&'static str],
    /// How what is stored here begins; `!` for a refusal.
    pub(crate) here: &'static str,
    /// Why.
    #[allow(dead_code, reason = "for the reader")]
    reason: &'static str,
}

const REFUSED: &str = "!";
const NUMBERS: &[&str] =
    &["TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "YEAR", "BIT"];
const TIMES: &[&str] = &["DATE", "TIMESTAMP"];

pub(crate) const KNOWN: [Known; 18] = [
    Known {
        columns: NUMBERS,
        kind: "text",
        literals: &[r#""1\u0000""#, r#""1\u0000a""#],
        here: REFUSED,
        reason: "TiDB stops at a zero byte and does not say what it drops",
    },
    Known {
        columns: &["BIGINT"],
        kind: "f64",
        literals: &["9223372036854775808"],
        here: REFUSED,
        reason: "TiDB stores the greatest BIGINT, which is another number",
    },
    Known {
        columns: &["DATETIME", "BIGINT"],
        kind: "dt6",
        literals: &["9999-12-31 23:59:59.999999"],
        here: REFUSED,
        reason: "TiDB rounds into a year that no DATETIME has",
    },
    Known {
        columns: &["TIMESTAMP"],
        kind: "dt6",
        literals: &["2038-01-19 03:14:07.999999"],
        here: REFUSED,
        reason: "TiDB rounds beyond the last TIMESTAMP",
    },
    Known {
        columns: &["TIMESTAMP"],
        kind: "ts6",
        literals: &["2038-01-19 03:14:07.600000"],
        here: REFUSED,
        reason: "TiDB rounds beyond the last TIMESTAMP",
    },
    Known {
        columns: &["TIMESTAMP"],
        kind: "ts0",
        literals: &["2024-11-03 06:30:00"],
        here: "2024-11-03 06:30:00",
        reason: "TiDB takes a TIMESTAMP through the session's zone, where an hour later reads the same",
    },
    Known {
        columns: TIMES,
        kind: "text",
        literals: &[r#""2024022x""#],
        here: REFUSED,
        reason: "TiDB never looks at the last character of digits in a row",
    },
    Known {
        columns: &["DATETIME"],
        kind: "text",
        literals: &[r#""2024-03-10 01:59:59.9""#],
        here: "2024-03-10 02:00:00",
        reason: "TiDB rounds a DATETIME in the session's zone, where that hour is skipped; a DATETIME has no zone",
    },
    Known {
        columns: &["DATETIME"],
        kind: "dec(30,10)",
        literals: &["20240310015959.9000000000"],
        here: "2024-03-10 02:00:00",
        reason: "as above",
    },
    Known {
        columns: &["DATETIME"],
        kind: "dt6",
        literals: &["2024-03-10 01:59:59.600000"],
        here: "2024-03-10 02:00:00",
        reason: "as above",
    },
    Known {
        columns: &["DATETIME"],
        kind: "text",
        literals: &[r#""2024-03-10 02:30:00.9999999""#],
        here: "2024-03-10 02:30:01",
        reason: "as above",
    },
    Known {
        columns: &["DATE"],
        kind: "text",
        literals: &[r#""2024-03-10 02:30:00.9999999""#],
        here: "2024-03-10",
        reason: "as above",
    },
    Known {
        columns: &["TIME"],
        kind: "text",
        literals: &[r#""0000-00-00 00:00:00""#],
        here: REFUSED,
        reason: "strict mode takes no zero date elsewhere",
    },
    Known {
        columns: &["ENUM", "SET"],
        kind: "text",
        literals: &[r#""01""#, r#""010""#, r#""0x1""#, r#""0b1""#, r#""0o1""#, r#""1_0""#],
        here: REFUSED,
        reason: "TiDB reads numbers of members as Go's source has them: 010 is 8",
    },
    Known {
        columns: &["ENUM", "SET"],
        kind: "bytes",
        literals: &["c328", "eda080"],
        here: REFUSED,
        reason: "TiDB compares bytes that are no text with members",
    },
    Known {
        columns: &["JSON"],
        kind: "text",
        literals: &[r#""\"\\ud800\"""#, r#""\"\\udc00x\"""#],
        here: REFUSED,
        reason: "TiDB stores a replacement character for half a surrogate pair",
    },
    Known {
        columns: &["VECTOR"],
        kind: "text",
        literals: &[r#""[1,2,3]x""#],
        here: REFUSED,
        reason: "TiDB does not look at what follows the list",
    },
    Known {
        columns: &["VARCHAR(64) CHARACTER SET latin1"],
        kind: "",
        literals: &[],
        here: REFUSED,
        reason: "TiDB takes latin1 for UTF-8 in some places and not in others",
    },
];

/// The difference that a pair is one of.
pub(crate) fn find(declaration: &str, kind: &str, literal: &str) -> Option<usize> {
    KNOWN.iter().position(|known| {
        known.columns.iter().any(|column| declaration.starts_with(column))
            && (known.kind.is_empty() || known.kind == kind)
            && (known.literals.is_empty() || known.literals.contains(&literal))
    })
}
