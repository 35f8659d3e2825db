//! What DataFusion's SQL says or means otherwise than TiDB's, and how to ask TiDB the same.
//!
//! Tests write DataFusion's SQL; [`to_tidb`] turns it into TiDB's, so that TiDB can judge every
//! answer exactly. A test shows of every entry that it is needed and that it is enough: without it
//! TiDB refuses the example or answers otherwise, with it both agree.
//!
//! Patterns see text, not types, so columns tell by their names what a difference depends on:
//! `i_…` integers, `f_…` floats, `d_…` dates, `e_…` `ENUM`s, `…_ci` case-insensitive text, `…_pad`
//! text whose trailing spaces matter.

use std::sync::OnceLock;

use regex::Regex;

/// A known difference.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// What it is about.
    pub name: &'static str,
    /// DataFusion's side, then TiDB's.
    pub why: &'static str,
    /// How TiDB is asked the same.
    pub remedy: Remedy,
    /// A query, in DataFusion's SQL over the table of the examples, that shows the difference.
    pub example: &'static str,
}

/// How TiDB is asked the same.
#[derive(Debug, Clone, Copy)]
pub enum Remedy {
    /// Every match of a regular expression is replaced.
    Rewrite {
        /// The expression.
        from: &'static str,
        /// The replacement, with `${1}` for the first group.
        to: &'static str,
    },
    /// A word in `sql_mode`.
    Mode(&'static str),
}

const fn rewrite(from: &'static str, to: &'static str) -> Remedy {
    Remedy::Rewrite { from, to }
}

/// All of them; rewrites are done in this order.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "quoted identifiers",
        why: "\"a\" is an identifier; TiDB: a string, unless told otherwise",
        remedy: Remedy::Mode("ANSI_QUOTES"),
        example: r#"SELECT "i_a" FROM examples"#,
    },
    Difference {
        name: "||",
        why: "concatenates; TiDB: OR, unless told otherwise",
        remedy: Remedy::Mode("PIPES_AS_CONCAT"),
        example: "SELECT s || '!' FROM examples",
    },
    Difference {
        name: "NULLs last, descending",
        why: "NULL sorts as the greatest unless told otherwise; TiDB: as the least",
        remedy: rewrite(r"(\b[\w.]+|\([^()]*\)) DESC NULLS LAST\b", "${1} DESC"),
        example: "SELECT i_a FROM examples ORDER BY i_a DESC NULLS LAST",
    },
    Difference {
        name: "NULLs first, descending",
        why: "NULL sorts as the greatest; TiDB: as the least",
        remedy: rewrite(r"(\b[\w.]+|\([^()]*\)) DESC NULLS FIRST\b", "${1} IS NOT NULL, ${1} DESC"),
        example: "SELECT i_a FROM examples ORDER BY i_a DESC NULLS FIRST",
    },
    Difference {
        name: "NULLs last, ascending",
        why: "NULLS LAST is the default; TiDB: NULL sorts as the least, and there is no such clause",
        remedy: rewrite(r"(\b[\w.]+|\([^()]*\))(?: ASC)? NULLS LAST\b", "${1} IS NULL, ${1}"),
        example: "SELECT i_a FROM examples ORDER BY i_a NULLS LAST",
    },
    Difference {
        name: "NULLs first, ascending",
        why: "NULL sorts as the greatest unless told otherwise; TiDB: as the least",
        remedy: rewrite(r"(\b[\w.]+|\([^()]*\))(?: ASC)? NULLS FIRST\b", "${1}"),
        example: "SELECT i_a FROM examples ORDER BY i_a NULLS FIRST",
    },
    Difference {
        name: "rows skipped",
        why: "OFFSET may come alone; TiDB: only behind LIMIT",
        remedy: rewrite(
            r"(\bORDER BY [a-z\d_., ]+) OFFSET (\d+)$",
            "${1} LIMIT 99999999 OFFSET ${2}",
        ),
        example: "SELECT id FROM examples ORDER BY id OFFSET 2",
    },
    Difference {
        name: "division of integers",
        why: "7 / 2 is 3; TiDB: 3.5000",
        remedy: rewrite(r"\b((?:\w+\.)?i_\w+) / ((?:\w+\.)?i_\w+|\d+)\b", "${1} DIV ${2}"),
        example: "SELECT i_a / 2 FROM examples",
    },
    Difference {
        name: "average of integers",
        why: "a double; TiDB: a decimal of four digits more",
        remedy: rewrite(r"\bavg\(((?:\w+\.)?i_\w+)\)", "AVG(CAST(${1} AS DOUBLE))"),
        example: "SELECT avg(i_a) FROM examples",
    },
    Difference {
        name: "cast to text",
        why: "CAST AS VARCHAR; TiDB: CAST AS CHAR",
        remedy: rewrite(r"\bAS VARCHAR\)", "AS CHAR)"),
        example: "SELECT CAST(i_a AS VARCHAR) FROM examples",
    },
    Difference {
        name: "cast of a float to an integer",
        why: "2.7 becomes 2; TiDB: 3",
        remedy: rewrite(
            r"\bCAST\(((?:\w+\.)?f_\w+) AS (?:BIGINT|INT)\)",
            "CAST(TRUNCATE(${1}, 0) AS SIGNED)",
        ),
        example: "SELECT CAST(f_x AS BIGINT) FROM examples",
    },
    Difference {
        name: "cast to an unsigned integer",
        why: "CAST AS BIGINT UNSIGNED; TiDB: CAST AS UNSIGNED",
        remedy: rewrite(r"\bAS (?:BIGINT|INT) UNSIGNED\)", "AS UNSIGNED)"),
        example: "SELECT CAST('42' AS BIGINT UNSIGNED) FROM examples",
    },
    Difference {
        name: "cast to a signed integer",
        why: "CAST AS BIGINT or INT; TiDB: CAST AS SIGNED",
        remedy: rewrite(r"\bAS (?:BIGINT|INT)\)", "AS SIGNED)"),
        example: "SELECT CAST('-42' AS BIGINT) FROM examples",
    },
    Difference {
        name: "length of text",
        why: "length counts characters; TiDB: bytes",
        remedy: rewrite(r"\blength\(", "CHAR_LENGTH("),
        example: "SELECT length(s) FROM examples",
    },
    Difference {
        name: "place in text",
        why: "strpos; TiDB: INSTR",
        remedy: rewrite(r"\bstrpos\(", "INSTR("),
        example: "SELECT strpos(s, 'b') FROM examples",
    },
    Difference {
        name: "concat of NULL",
        why: "NULLs are left out; TiDB: the result is NULL",
        remedy: rewrite(r"\bconcat\(([\w.]+), ('[^']*')\)", "CONCAT(IFNULL(${1}, ''), ${2})"),
        example: "SELECT concat(s, '!') FROM examples",
    },
    Difference {
        name: "greatest of NULL",
        why: "NULLs are left out; TiDB: the result is NULL",
        remedy: rewrite(
            r"\b(greatest|least)\(([\w.]+), ([\w.]+)\)",
            "COALESCE(${1}(${2}, ${3}), ${2}, ${3})",
        ),
        example: "SELECT greatest(i_a, id) FROM examples",
    },
    Difference {
        name: "equal or both NULL, negated",
        why: "IS DISTINCT FROM; TiDB: NOT <=>",
        remedy: rewrite(
            r"\b([\w.]+) IS DISTINCT FROM (CAST\('[^']*' AS DECIMAL\([\d, ]+\)\)|(?:DATE |X)?'[^']*'|-?[\w.]+)",
            "NOT (${1} <=> ${2})",
        ),
        example: "SELECT i_a IS DISTINCT FROM id FROM examples",
    },
    Difference {
        name: "equal or both NULL",
        why: "IS NOT DISTINCT FROM; TiDB: <=>",
        remedy: rewrite(
            r"\b([\w.]+) IS NOT DISTINCT FROM (CAST\('[^']*' AS DECIMAL\([\d, ]+\)\)|(?:DATE |X)?'[^']*'|-?[\w.]+)",
            "${1} <=> ${2}",
        ),
        example: "SELECT i_a IS NOT DISTINCT FROM id FROM examples",
    },
    Difference {
        name: "rows counted under a condition",
        why: "count(*) FILTER; TiDB: a CASE in it",
        remedy: rewrite(
            r"\bcount\(\*\) FILTER \(WHERE ([^()]*)\)",
            "COUNT(CASE WHEN ${1} THEN 1 END)",
        ),
        example: "SELECT count(*) FILTER (WHERE i_a > 2) FROM examples",
    },
    Difference {
        name: "aggregate under a condition",
        why: "FILTER; TiDB: a CASE in it",
        remedy: rewrite(
            r"\b(count|sum|min|max|avg)\(([\w.]+)\) FILTER \(WHERE ([^()]*)\)",
            "${1}(CASE WHEN ${3} THEN ${2} END)",
        ),
        example: "SELECT sum(i_a) FILTER (WHERE id > 2) FROM examples",
    },
    Difference {
        name: "rows with several values counted",
        why: "count(a, b) counts rows where neither is NULL; TiDB: no such thing",
        remedy: rewrite(
            r"\bcount\(([\w.]+), ([\w.]+)\)",
            "COUNT(CASE WHEN ${1} IS NOT NULL AND ${2} IS NOT NULL THEN 1 END)",
        ),
        example: "SELECT count(i_a, d_day) FROM examples",
    },
    Difference {
        name: "a value of a group",
        why: "first_value without an order; TiDB: ANY_VALUE",
        remedy: rewrite(
            r"\bfirst_value\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)( AS\b|,| FROM\b| FILTER\b|$)",
            "ANY_VALUE(${1})${2}",
        ),
        example: "SELECT i_a, first_value(i_a) FROM examples GROUP BY i_a",
    },
    Difference {
        name: "bits of unsigned numbers put together",
        why: "NULL of no value; TiDB: all or no bits",
        remedy: rewrite(
            r"\b(bit_and|bit_or|bit_xor)\(((?:\w+\.)?i_u\w*)\)",
            "CASE WHEN COUNT(${2}) > 0 THEN ${1}(${2}) END",
        ),
        example: "SELECT bit_and(i_u) FROM examples WHERE i_u IS NULL",
    },
    Difference {
        name: "bits of numbers put together",
        why: "signed as the numbers, NULL of no value; TiDB: unsigned, and all or no bits",
        remedy: rewrite(
            r"\b(bit_and|bit_or|bit_xor)\(((?:\w+\.)?i_[^u\W]\w*)\)",
            "CASE WHEN COUNT(${2}) > 0 THEN CAST(${1}(${2}) AS SIGNED) END",
        ),
        example: "SELECT bit_xor(i_a) FROM examples",
    },
    Difference {
        name: "first of the month",
        why: "date_trunc; TiDB: DATE_FORMAT",
        remedy: rewrite(
            r"\bdate_trunc\('month', ([\w.]+)\)",
            "CAST(DATE_FORMAT(${1}, '%Y-%m-01') AS DATETIME)",
        ),
        example: "SELECT date_trunc('month', d_day) FROM examples",
    },
    Difference {
        name: "part of a date",
        why: "date_part('year', d); TiDB: EXTRACT(YEAR FROM d), which both have",
        remedy: rewrite(r"\bdate_part\('(\w+)', ([\w.]+)\)", "EXTRACT(${1} FROM ${2})"),
        example: "SELECT date_part('year', d_day) FROM examples",
    },
    Difference {
        name: "interval in one string",
        why: "INTERVAL '3 days'; TiDB: INTERVAL 3 DAY",
        remedy: rewrite(
            r"\bINTERVAL '(\d+) (day|hour|minute|second|month|year)s?'",
            "INTERVAL ${1} ${2}",
        ),
        example: "SELECT d_day + INTERVAL '3 days' FROM examples",
    },
    Difference {
        name: "days between dates",
        why: "d - e; TiDB: DATEDIFF(d, e)",
        remedy: rewrite(
            r"\b((?:\w+\.)?d_\w+) - ((?:\w+\.)?d_\w+|DATE '[^']*')",
            "DATEDIFF(${1}, ${2})",
        ),
        example: "SELECT d_day - DATE '2024-01-31' FROM examples",
    },
    Difference {
        name: "deviation",
        why: "stddev is of a sample; TiDB: of the population",
        remedy: rewrite(r"\bstddev\(", "STDDEV_SAMP("),
        example: "SELECT round(stddev(i_a), 6) FROM examples",
    },
    Difference {
        name: "variance",
        why: "var is of a sample; TiDB: VAR_SAMP",
        remedy: rewrite(r"\bvar\(", "VAR_SAMP("),
        example: "SELECT round(var(i_a), 6) FROM examples",
    },
    Difference {
        name: "joined text",
        why: "string_agg; TiDB: GROUP_CONCAT",
        remedy: rewrite(
            r"\bstring_agg\(([\w.]+), ('[^']*') ORDER BY ([\w.]+)\)",
            "GROUP_CONCAT(${1} ORDER BY ${3} SEPARATOR ${2})",
        ),
        example: "SELECT string_agg(s, ',' ORDER BY id) FROM examples",
    },
    Difference {
        name: "match of a regular expression",
        why: "~; TiDB: REGEXP",
        remedy: rewrite(r"\b([\w.]+) ~ ('[^']*')", "${1} REGEXP ${2}"),
        example: "SELECT s ~ '^a' FROM examples",
    },
    Difference {
        name: "digits cut off",
        why: "trunc; TiDB: TRUNCATE with a number of digits",
        remedy: rewrite(r"\btrunc\(([\w.]+)\)", "TRUNCATE(${1}, 0)"),
        example: "SELECT trunc(f_x) FROM examples",
    },
    Difference {
        name: "sum of integers",
        why: "a BIGINT, so that a quotient is one too; TiDB: a DECIMAL",
        remedy: rewrite(r"\bsum\(((?:\w+\.)?i_\w+)\) / (\d+)", "SUM(${1}) DIV ${2}"),
        example: "SELECT sum(i_a) / 3 FROM examples",
    },
    Difference {
        name: "grand totals",
        why: "GROUP BY ROLLUP (a); TiDB: GROUP BY a WITH ROLLUP",
        remedy: rewrite(r"\bGROUP BY ROLLUP \(([\w., ]+)\)", "GROUP BY ${1} WITH ROLLUP"),
        example: "SELECT i_a, count(*) FROM examples GROUP BY ROLLUP (i_a)",
    },
    Difference {
        name: "round of a float's tie",
        why: "away from zero; TiDB: to the even digit",
        remedy: rewrite(r"\bround\(((?:\w+\.)?f_\w+)\)", "(SIGN(${1}) * FLOOR(ABS(${1}) + 0.5e0))"),
        example: "SELECT round(f_x) FROM examples",
    },
    Difference {
        name: "bits of a negative number",
        why: "signed as their operands; TiDB: unsigned",
        remedy: rewrite(r"\b((?:\w+\.)?i_\w+) ([&|]|<<) (\d+)", "CAST(${1} ${2} ${3} AS SIGNED)"),
        example: "SELECT i_a | 8 FROM examples",
    },
    Difference {
        name: "text of a time",
        why: "a T between date and time; TiDB: a space",
        remedy: rewrite(r"\bCAST\(moment AS CHAR\)", "REPLACE(CAST(moment AS CHAR), ' ', 'T')"),
        example: "SELECT CAST(moment AS VARCHAR) FROM examples",
    },
    Difference {
        name: "order of ENUM members",
        why: "by name; TiDB: by place in the definition",
        remedy: rewrite(r"\b((?:\w+\.)?e_\w+)\b", "CAST(${1} AS CHAR)"),
        example: "SELECT id FROM examples ORDER BY e_size, id",
    },
    Difference {
        name: "case-insensitive collations",
        why: "bytes are compared; TiDB: by the column's collation",
        remedy: rewrite(r"\b((?:\w+\.)?\w+_ci)\b", "${1} COLLATE utf8mb4_0900_bin"),
        example: "SELECT count(*) FROM examples WHERE name_ci = 'anna'",
    },
    Difference {
        name: "trailing spaces",
        why: "bytes are compared; TiDB: without trailing spaces, in utf8mb4_bin too",
        remedy: rewrite(r"\b((?:\w+\.)?\w+_pad)\b", "${1} COLLATE utf8mb4_0900_bin"),
        example: "SELECT count(*) FROM examples WHERE s_pad = 'x'",
    },
];

/// Statements that make the table of the examples.
pub const EXAMPLES: [&str; 2] = [
    "CREATE TABLE examples (id INT PRIMARY KEY, i_a INT, i_u INT UNSIGNED, f_x DOUBLE, s VARCHAR(20), \
     s_pad VARCHAR(20), name_ci VARCHAR(20) COLLATE utf8mb4_general_ci, d_day DATE, \
     moment DATETIME(3), e_size ENUM('small', 'medium', 'large'))",
    "INSERT INTO examples VALUES \
     (1, 7, 3, 2.5, 'abc', 'x', 'Anna', '2024-02-29', '2024-02-29 12:00:00.250', 'small'), \
     (2, NULL, NULL, 2.75, NULL, 'x ', 'anna', NULL, NULL, 'small'), \
     (3, -3, 9, -1.5, 'débâcle', 'x  ', 'ANNA', '2023-12-31', '2023-12-31 23:59:59.999', 'large'), \
     (4, 4, 4294967295, 1e10, '', 'y', 'Änne', '2024-03-01', '1999-01-01 00:00:00.500', 'medium')",
];

/// `sql` of DataFusion in TiDB's dialect; TiDB's session must be in [`sql_mode`].
#[must_use]
pub fn to_tidb(sql: &str) -> String {
    static RULES: OnceLock<Vec<(Regex, &'static str)>> = OnceLock::new();
    let rules = RULES.get_or_init(|| {
        let rule = |difference: &Difference| match difference.remedy {
            Remedy::Rewrite { from, to } => Some((Regex::new(from).expect(difference.name), to)),
            Remedy::Mode(_) => None,
        };
        DIFFERENCES.iter().filter_map(rule).collect()
    });
    rules.iter().fold(sql.to_owned(), |sql, (from, to)| from.replace_all(&sql, *to).into_owned())
}

/// The statement that brings TiDB's session to the modes of [`DIFFERENCES`].
#[must_use]
pub fn sql_mode() -> String {
    let words = DIFFERENCES.iter().filter_map(|difference| match difference.remedy {
        Remedy::Mode(word) => Some(word),
        Remedy::Rewrite { .. } => None,
    });
    let words: Vec<&str> = words.collect();
    format!("SET sql_mode = CONCAT(@@sql_mode, ',{}')", words.join(","))
}
