//! The type of a column, from the words of `information_schema.columns.column_type`.

use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};

/// The type that is said so: `int(11) unsigned`, `enum('a','b')`. One that this version does not know, or whose
/// words could mean two things, is [`tp::GEOMETRY`], which nobody reads.
pub(super) fn parse(words: &str, charset: Option<&str>, collation: Option<&str>) -> FieldType {
    let (name, rest) = match words.find(['(', ' ']) {
        Some(end) => words.split_at(end),
        None => (words, ""),
    };
    let (arguments, attributes) = match rest.strip_prefix('(') {
        Some(inner) => inner.rsplit_once(')').unwrap_or_default(),
        None => ("", rest),
    };
    let Some(code) = code_of(name) else { return FieldType::new(tp::GEOMETRY, 0) };
    let mut field_type = FieldType { flen: -1, decimal: -1, ..FieldType::new(code, 0) };
    field_type.charset = charset.unwrap_or("binary").to_owned();
    field_type.collate = collation.unwrap_or("binary").to_owned();
    if attributes.split(' ').any(|word| word == "unsigned") {
        field_type.flag |= flag::UNSIGNED;
    }
    if field_type.charset == "binary" && !matches!(code, tp::ENUM | tp::SET) {
        field_type.flag |= flag::BINARY;
    }
    match code {
        tp::ENUM | tp::SET => match members(arguments) {
            Some(members) => field_type.elems = members,
            None => field_type.tp = tp::GEOMETRY,
        },
        tp::DATETIME | tp::TIMESTAMP | tp::DURATION => {
            field_type.decimal = arguments.parse().unwrap_or(0);
        }
        tp::YEAR => field_type.flag |= flag::UNSIGNED | flag::ZEROFILL,
        _ => {
            let mut numbers = arguments.split(',').map(|number| number.trim().parse().ok());
            field_type.flen = numbers.next().flatten().unwrap_or(-1);
            field_type.decimal = numbers.next().flatten().unwrap_or(-1);
        }
    }
    if matches!(code, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG) {
        field_type.decimal = 0;
    }
    if code == tp::BIT {
        field_type.flag |= flag::UNSIGNED;
    }
    field_type
}

fn code_of(name: &str) -> Option<u8> {
    Some(match name {
        "tinyint" => tp::TINY,
        "smallint" => tp::SHORT,
        "mediumint" => tp::INT24,
        "int" => tp::LONG,
        "bigint" => tp::LONG_LONG,
        "float" => tp::FLOAT,
        "double" => tp::DOUBLE,
        "decimal" => tp::NEW_DECIMAL,
        "date" => tp::DATE,
        "datetime" => tp::DATETIME,
        "timestamp" => tp::TIMESTAMP,
        "time" => tp::DURATION,
        "year" => tp::YEAR,
        "char" | "binary" => tp::STRING,
        "varchar" | "varbinary" => tp::VARCHAR,
        "tinytext" | "tinyblob" => tp::TINY_BLOB,
        "text" | "blob" => tp::BLOB,
        "mediumtext" | "mediumblob" => tp::MEDIUM_BLOB,
        "longtext" | "longblob" => tp::LONG_BLOB,
        "enum" => tp::ENUM,
        "set" => tp::SET,
        "bit" => tp::BIT,
        "json" => tp::JSON,
        "vector" => tp::TIDB_VECTOR_FLOAT32,
        _ => return None,
    })
}

/// The texts between quotes; `None` where one may be another one: TiDB writes a line's end as a backslash and a
/// letter, but leaves a backslash as it is.
fn members(arguments: &str) -> Option<Vec<String>> {
    if arguments.contains('\\') {
        return None;
    }
    let (mut members, mut rest) = (Vec::new(), arguments.chars().peekable());
    while rest.next()? == '\'' {
        let mut member = String::new();
        loop {
            match rest.next()? {
                '\'' if rest.peek() == Some(&'\'') => {
                    rest.next();
                    member.push('\'');
                }
                '\'' => break,
                other => member.push(other),
            }
        }
        members.push(member);
        match rest.next() {
            None => return Some(members),
            Some(',') => {}
            Some(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_types() {
        let of = |words| parse(words, None, None);
        assert_eq!((of("int(11)").tp, of("int(11)").flen), (tp::LONG, 11));
        assert!(of("bigint(20) unsigned").is_unsigned() && !of("bigint").is_unsigned());
        let price = of("decimal(12,2)");
        assert_eq!((price.tp, price.flen, price.decimal), (tp::NEW_DECIMAL, 12, 2));
        assert_eq!((of("datetime").decimal, of("datetime(6)").decimal), (0, 6));
        assert!(of("varbinary(8)").is_binary_string());
        assert!(!parse("text", Some("latin1"), Some("latin1_bin")).is_binary_string());
        assert_eq!(of("vector(3)").tp, tp::TIDB_VECTOR_FLOAT32);
        assert_eq!(of("polygon").tp, tp::GEOMETRY);
    }

    #[test]
    fn members_are_taken_apart_or_not_at_all() {
        let of = |words: &str| parse(words, Some("utf8mb4"), Some("utf8mb4_bin"));
        assert_eq!(
            of("enum('a','it''s','(b),',' unsigned')").elems,
            ["a", "it's", "(b),", " unsigned"]
        );
        assert!(!of("set('x) unsigned')").is_unsigned());
        for unclear in [r"enum('a\nb')", "enum('a'", "enum('a''", "enum('a' 'b')", "enum(a)"] {
            assert_eq!(of(unclear).tp, tp::GEOMETRY, "{unclear}");
        }
    }
}
