//! Every type of MySQL, with its extremes.

use arrow::datatypes::{DataType, TimeUnit};

/// A type.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Name of its table.
    pub(crate) name: String,
    /// As in `CREATE TABLE`.
    pub(crate) definition: String,
    /// What it is read as.
    pub(crate) arrow: DataType,
    /// Values, as SQL.
    pub(crate) values: Vec<String>,
    /// A default for rows that are older than the column; `None` if the type takes none.
    pub(crate) default: Option<String>,
    /// Whether there is a value for rows that are older than a column that must have one.
    pub(crate) zero: bool,
}

impl Case {
    fn new(name: &str, definition: &str, arrow: DataType, values: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            definition: definition.to_owned(),
            arrow,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            default: None,
            zero: true,
        }
    }

    fn or(mut self, default: &str) -> Self {
        self.default = Some(default.to_owned());
        self
    }
}

const MICROS: TimeUnit = TimeUnit::Microsecond;

/// Integers, `YEAR` and `BOOL`.
#[rustfmt::skip]
pub(crate) fn integers() -> Vec<Case> {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    vec![
        Case::new("tinyint", "TINYINT", Int8, &["-128", "-1", "0", "1", "127"]).or("-7"),
        Case::new("tinyint_u", "TINYINT UNSIGNED", UInt8, &["0", "127", "128", "255"]).or("200"),
        Case::new("bool", "BOOL", Int8, &["TRUE", "FALSE", "5"]).or("TRUE"),
        Case::new("smallint", "SMALLINT", Int16, &["-32768", "-1", "0", "32767"]).or("-300"),
        Case::new("smallint_u", "SMALLINT UNSIGNED", UInt16, &["0", "32768", "65535"]).or("65535"),
        Case::new("mediumint", "MEDIUMINT", Int32, &["-8388608", "0", "8388607"]).or("-70000"),
        Case::new("mediumint_u", "MEDIUMINT UNSIGNED", UInt32, &["0", "8388608", "16777215"]).or("16777215"),
        Case::new("int", "INT", Int32, &["-2147483648", "-1", "0", "2147483647"]).or("-2147483648"),
        Case::new("int_u", "INT UNSIGNED", UInt32, &["0", "2147483648", "4294967295"]).or("4294967295"),
        Case::new("int_zerofill", "INT(6) ZEROFILL", UInt32, &["0", "42", "4294967295"]).or("7"),
        Case::new("bigint", "BIGINT", Int64,
            &["-9223372036854775808", "-4294967297", "-1", "0", "255", "65536", "9223372036854775807"]).or("-9223372036854775808"),
        Case::new("bigint_u", "BIGINT UNSIGNED", UInt64,
            &["0", "9223372036854775807", "9223372036854775808", "18446744073709551615"]).or("18446744073709551615"),
        Case::new("year", "YEAR", UInt16, &["1901", "2155", "0", "'0000'", "1970", "2024"]).or("1999"),
    ]
}

/// Floats.
#[rustfmt::skip]
pub(crate) fn floats() -> Vec<Case> {
    use DataType::{Float32, Float64};
    vec![
        Case::new("float", "FLOAT", Float32, &[
            "3.4028234663852886e38", "-3.4028234663852886e38", "1.1754943508222875e-38", "-1.1754943508222875e-38",
            "1.401298464324817e-45", "5.877471754111438e-39", "0", "-0e0", "0.1", "-0.1", "16777216", "16777217", "1e10", "3.14159274",
        ]).or("0.1"),
        Case::new("float_u", "FLOAT UNSIGNED", Float32, &["0", "3.4028234663852886e38", "0.5"]).or("2.5"),
        Case::new("float_10_3", "FLOAT(10, 3)", Float32, &["1.2345", "-9999999", "0.001"]).or("1.5"),
        Case::new("double", "DOUBLE", Float64, &[
            "1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "-5e-324", "2.2250738585072009e-308",
            "0", "-0e0", "0.1", "-0.1", "9007199254740992", "9007199254740993", "1e22", "1e23", "3.141592653589793", "4.35",
        ]).or("-1.5e-7"),
        Case::new("double_u", "DOUBLE UNSIGNED", Float64, &["0", "1.7976931348623157e308", "0.5"]).or("2.5"),
        Case::new("double_20_5", "DOUBLE(20, 5)", Float64, &["1.234565", "-99999999999999.12345"]).or("1.5"),
    ]
}

/// Decimals of every width.
pub(crate) fn decimals() -> Vec<Case> {
    const PRECISIONS: [(u8, i8); 20] = [
        (1, 0),
        (1, 1),
        (2, 1),
        (5, 2),
        (9, 0),
        (9, 9),
        (10, 0),
        (10, 9),
        (18, 0),
        (18, 9),
        (19, 4),
        (20, 10),
        (27, 18),
        (30, 30),
        (38, 0),
        (38, 10),
        (38, 30),
        (39, 0),
        (40, 30),
        (65, 0),
    ];
    let widest = [(65, 30), (65, 1), (64, 29)];
    let mut cases: Vec<Case> = PRECISIONS
        .into_iter()
        .chain(widest)
        .map(|(precision, scale)| decimal(precision, scale))
        .collect();
    let unsigned = DataType::Decimal128(12, 2);
    let values = ["0", "0.01", "9999999999.99"];
    cases.push(Case::new("decimal_u", "DECIMAL(12, 2) UNSIGNED", unsigned, &values).or("1.50"));
    let default = DataType::Decimal128(10, 0);
    cases.push(Case::new("decimal", "DECIMAL", default, &["-9999999999", "2.5", "-2.5"]).or("7"));
    cases
}

fn decimal(precision: u8, scale: i8) -> Case {
    let arrow = if precision <= 38 {
        DataType::Decimal128(precision, scale)
    } else {
        DataType::Decimal256(precision, scale)
    };
    let scale_digits = usize::from(scale.unsigned_abs());
    let whole_digits = usize::from(precision) - scale_digits;
    let number = |digit: &str| {
        let whole = if whole_digits == 0 { "0".to_owned() } else { digit.repeat(whole_digits) };
        if scale == 0 { whole } else { format!("{whole}.{}", digit.repeat(scale_digits)) }
    };
    let smallest = if scale == 0 { "1".to_owned() } else { format!("0.{:0>scale_digits$}", 1) };
    let (nines, ones) = (number("9"), number("1"));
    let values = [
        nines.clone(),
        format!("-{nines}"),
        ones.clone(),
        format!("-{ones}"),
        smallest.clone(),
        format!("-{smallest}"),
        "0".to_owned(),
        "-0.0".to_owned(),
    ];
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let name = format!("decimal_{precision}_{scale}");
    let definition = format!("DECIMAL({precision}, {scale})");
    Case::new(&name, &definition, arrow, &values).or(&format!("-{ones}"))
}

/// Dates and times, without instants.
#[rustfmt::skip]
pub(crate) fn calendar() -> Vec<Case> {
    use DataType::{Date32, Duration, Timestamp};
    let mut cases = vec![
        Case::new("date", "DATE", Date32, &[
            "'0000-00-00'", "'0000-01-01'", "'0001-01-01'", "'1000-01-01'", "'1582-10-10'", "'1899-12-31'", "'1969-12-31'", "'1970-01-01'",
            "'2000-02-29'", "'1900-02-28'", "'2024-00-10'", "'2024-10-00'", "'2024-00-00'", "'2024-02-31'", "'2023-02-29'", "'9999-12-31'",
        ]).or("'2001-02-03'"),
    ];
    for fsp in [0, 1, 3, 6] {
        let datetime = format!("DATETIME({fsp})");
        cases.push(Case::new(&format!("datetime_{fsp}"), &datetime, Timestamp(MICROS, None), &[
            "'0000-00-00 00:00:00'", "'0001-01-01 00:00:00'", "'1000-01-01 00:00:00'", "'1969-12-31 23:59:59.999999'", "'1970-01-01 00:00:00'",
            "'2024-02-29 12:34:56.123456'", "'2024-02-29 23:59:59.4'", "'2024-00-10 01:02:03'", "'2024-02-31 10:00:00'", "'2024-03-10 02:30:00'",
            "'9999-12-31 23:59:59'", "'2024-12-31 23:59:59.000001'",
        ]).or("'2001-02-03 04:05:06.7'"));
        let time = format!("TIME({fsp})");
        cases.push(Case::new(&format!("time_{fsp}"), &time, Duration(MICROS), &[
            "'838:59:59'", "'-838:59:59'", "'838:59:58.999999'", "'-838:59:58.999999'", "'00:00:00'", "'-00:00:01'", "'23:59:59.999999'",
            "'-00:00:00.000001'", "'00:00:00.000001'", "'100:00:00.5'",
        ]).or("'-12:34:56.7'"));
    }
    cases
}

/// Text in every length and character set.
#[rustfmt::skip]
pub(crate) fn text() -> Vec<Case> {
    use DataType::LargeUtf8;
    const WORDS: [&str; 9] = ["''", "'a'", "'  a '", "'A'", "'naïve €'", "'日本語'", "'𝄞😀👩‍👩‍👧'", "'\\0 zero'", "'quote \\' \" \\\\'"];
    const ASCII: [&str; 4] = ["''", "'a'", "'~ \\\\'", "'tab\\tnewline\\n'"];
    let mut cases = vec![
        Case::new("char_1", "CHAR(1)", LargeUtf8, &["''", "'a'", "'😀'", "' '"]).or("'x'"),
        Case::new("char_255", "CHAR(255)", LargeUtf8, &["''", "REPEAT('é', 255)", "'trailing   '"]).or("'dé'"),
        Case::new("varchar_0", "VARCHAR(0)", LargeUtf8, &["''"]).or("''"),
        Case::new("varchar_255", "VARCHAR(255)", LargeUtf8, &WORDS).or("'dé 😀'"),
        Case::new("varchar_16383", "VARCHAR(16383)", LargeUtf8, &["REPEAT('日', 16383)", "REPEAT('ab', 8000)", "''"]).or("'long'"),
        Case::new("tinytext", "TINYTEXT", LargeUtf8, &WORDS),
        Case::new("text", "TEXT", LargeUtf8, &WORDS),
        Case::new("mediumtext", "MEDIUMTEXT", LargeUtf8, &["''", "REPEAT('x', 70000)"]),
        Case::new("longtext", "LONGTEXT", LargeUtf8, &["''", "REPEAT('é', 100000)"]),
        Case::new("nchar", "NATIONAL VARCHAR(10)", LargeUtf8, &["'é'", "''"]).or("'n'"),
        Case::new("ascii", "VARCHAR(20) CHARACTER SET ascii", LargeUtf8, &ASCII).or("'d'"),
        Case::new("latin1", "VARCHAR(20) CHARACTER SET latin1", LargeUtf8, &ASCII).or("'d'"),
        Case::new("utf8", "VARCHAR(20) CHARACTER SET utf8", LargeUtf8, &["'naïve €'", "'日本語'", "''"]).or("'dé'"),
        Case::new("gbk", "VARCHAR(20) CHARACTER SET gbk", LargeUtf8, &["'一二三'", "'abc'", "''"]).or("'四'"),
    ];
    for collation in ["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_0900_ai_ci", "utf8mb4_0900_bin"] {
        let definition = format!("VARCHAR(40) COLLATE {collation}");
        cases.push(Case::new(&format!("in_{collation}"), &definition, LargeUtf8, &WORDS).or("'Dé '"));
    }
    cases
}

/// Bytes and bits.
#[rustfmt::skip]
pub(crate) fn bytes() -> Vec<Case> {
    use DataType::{LargeBinary, UInt64};
    const BYTES: [&str; 6] = ["''", "x'00'", "x'00ff0000'", "x'c328'", "'text'", "x'f09f9880'"];
    let mut cases = vec![
        Case::new("binary_1", "BINARY(1)", LargeBinary, &["x'00'", "x'ff'", "''"]).or("'x'"),
        Case::new("binary_8", "BINARY(8)", LargeBinary, &BYTES).or("x'0102'"),
        Case::new("varbinary_255", "VARBINARY(255)", LargeBinary, &BYTES).or("x'00ff'"),
        Case::new("tinyblob", "TINYBLOB", LargeBinary, &BYTES),
        Case::new("blob", "BLOB", LargeBinary, &BYTES),
        Case::new("mediumblob", "MEDIUMBLOB", LargeBinary, &["''", "REPEAT(x'00', 70000)"]),
        Case::new("longblob", "LONGBLOB", LargeBinary, &["''", "REPEAT(x'ff00', 50000)"]),
    ];
    for width in [1, 2, 7, 8, 9, 31, 32, 33, 63, 64] {
        let [values, definition] = [bit_values(width).join(","), format!("BIT({width})")];
        let values: Vec<&str> = values.split(',').collect();
        cases.push(Case::new(&format!("bit_{width}"), &definition, UInt64, &values).or("b'1'"));
    }
    cases
}

/// Values of `BIT(width)`.
pub(crate) fn bit_values(width: u32) -> Vec<String> {
    let most = u64::MAX >> (64 - width);
    [0, 1, most, most / 2, 0x0123_4567_89ab_cdef & most].map(|value| value.to_string()).to_vec()
}

/// `ENUM` and `SET`.
#[rustfmt::skip]
pub(crate) fn members() -> Vec<Case> {
    let enumeration = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    let many: Vec<String> = (1..=300).map(|number| format!("'m{number}'")).collect();
    let all: Vec<String> = (0..64).map(|number| format!("'s{number}'")).collect();
    let whole_set = (0..64).map(|number| format!("s{number}")).collect::<Vec<_>>().join(",");
    vec![
        // An unknown member becomes the empty one of number 0.
        Case::new("enum", "ENUM('small', 'Large', 'x y', 'é😀', '')", enumeration.clone(),
            &["'small'", "'Large'", "2", "'x y'", "'é😀'", "''", "'unknown'", "0"]).or("'Large'"),
        Case::new("enum_300", &format!("ENUM({})", many.join(", ")), enumeration.clone(), &["'m1'", "'m255'", "'m256'", "'m300'"]).or("'m299'"),
        Case::new("enum_ci", "ENUM('a', 'B') COLLATE utf8mb4_general_ci", enumeration, &["'A'", "'b'"]).or("'B'"),
        Case::new("set", "SET('a', 'b c', 'é', 'D')", DataType::Utf8,
            &["''", "'a'", "'D,a'", "'a,b c,é,D'", "0", "15", "'unknown'"]).or("'a,D'"),
        Case::new("set_64", &format!("SET({})", all.join(", ")), DataType::Utf8,
            &["''", "'s63'", "'s0,s63'", "'s31,s32'", "18446744073709551615", "9223372036854775808", &format!("'{whole_set}'")]).or("'s62,s63'"),
    ]
}

/// JSON of every kind.
#[rustfmt::skip]
pub(crate) fn json() -> Vec<Case> {
    let deep = format!("'{}1{}'", "[".repeat(90), "]".repeat(90));
    let long_array = format!("'[{}]'", (0..1000).map(|number| number.to_string()).collect::<Vec<_>>().join(","));
    let long_keys = format!("JSON_OBJECT('{}', 1, '', 2, '{}', 3)", "k".repeat(300), "é".repeat(200));
    let values = [
        "'null'", "'true'", "'false'", "'0'", "'-1'", "'127'", "'-9223372036854775808'", "'9223372036854775807'", "'9223372036854775808'",
        "'18446744073709551615'", "'18446744073709551616'", "'123456789012345678901234567890'", "'1.5'", "'-0.0'", "'1.0'", "'0.1'", "'1e2'",
        "'1e15'", "'1e16'", "'123456789.125'", "'1e20'", "'1e21'", "'1e22'", "'1e300'", "'1e-5'", "'1e-7'", "'1e-300'", "'5e-324'", "'1.7976931348623157e308'",
        "'\"\"'", "'\"a\"'", "'\"quote \\\\\" backslash \\\\\\\\ slash /\"'", "'\"\\\\b\\\\f\\\\n\\\\r\\\\t\"'", "'\"\\\\u0000\\\\u0001\\\\u001f\\\\u007f\"'",
        "'\"\\\\u00e9\\\\ud834\\\\udd1e\\\\u2028\\\\u2029\"'", "'\"<a href=x>&amp;</a>\"'", "'\"日本語😀\"'",
        "'[]'", "'{}'", "'[[], {}, [[1]], {\"a\": []}]'", "'[1, \"a\", null, true, 1.5, {\"b\": [false]}]'",
        "'{\"b\": 1, \"a\": 2, \"aa\": 3, \"\": 4, \"é\": 5, \"B\": 6}'", "'{\"a\": 1, \"a\": 2}'", "'{\"a b\": {\"c\\\\\"d\": [1, 2, {\"e\": null}]}}'",
        "CAST(CAST('2024-02-29' AS DATE) AS JSON)", "CAST(CAST('2024-02-29 12:34:56' AS DATETIME) AS JSON)",
        "CAST(CAST('2024-02-29 12:34:56.789012' AS DATETIME(6)) AS JSON)", "CAST(TIMESTAMP('1970-01-01 00:00:01') AS JSON)",
        "CAST(CAST('-838:59:59' AS TIME) AS JSON)", "CAST(CAST('12:34:56.789' AS TIME(3)) AS JSON)", "CAST(CAST(18446744073709551615 AS UNSIGNED) AS JSON)",
        "CAST(CAST('-12.50' AS DECIMAL(10, 2)) AS JSON)", "CAST(CAST('bytes' AS BINARY) AS JSON)", "CAST(x'00ff10' AS JSON)", "CAST(b'101' AS JSON)",
        "CAST(TRUE AS JSON)", "JSON_OBJECT('d', CAST('2024-02-29' AS DATE), 't', CAST('01:02:03' AS TIME), 'x', x'00ff', 'n', NULL, 'dec', 1.25)",
        "JSON_ARRAY(1, -1, 18446744073709551615, 1.5e0, 'text', NULL, TRUE, CAST('9999-12-31 23:59:59' AS DATETIME))",
        "JSON_QUOTE('say \"hi\"')", "CAST('\"escaped \\\\u0041\"' AS JSON)", "REPEAT('[1,2,3] ', 1)", &deep, &long_array, &long_keys,
    ];
    vec![Case::new("json", "JSON", DataType::Utf8, &values)]
}

/// Vectors.
#[rustfmt::skip]
pub(crate) fn vectors() -> Vec<Case> {
    let vector = DataType::new_list(DataType::Float32, true);
    let of_three = Case::new("vector_3", "VECTOR(3)", vector.clone(), &["'[1,2,3]'", "'[0,0,0]'", "'[-1.5,1e10,16777217]'"]);
    vec![
        Case::new("vector", "VECTOR", vector, &["'[]'", "'[1]'", "'[1,-2.5,0,1e-20,3.402823e38,0.1]'"]),
        // The zero vector has no dimensions, so it is none of three: TiDB can't read it either.
        Case { zero: false, ..of_three },
    ]
}

/// Instants: the session that inserts them is in UTC.
#[rustfmt::skip]
pub(crate) fn instants(zone: &str) -> Vec<Case> {
    let of = |fsp: u8, values: &[&str]| {
        let arrow = DataType::Timestamp(MICROS, Some(zone.into()));
        Case::new(&format!("timestamp_{fsp}"), &format!("TIMESTAMP({fsp})"), arrow, values).or("'2001-02-03 04:05:06'")
    };
    let edges = [
        "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'1999-12-31 23:59:59'",
        // New York: 02:00 to 03:00 does not exist on 2024-03-10, 01:00 to 02:00 comes twice on 2024-11-03.
        "'2024-03-10 06:59:59'", "'2024-03-10 07:00:00'", "'2024-03-10 07:30:00'",
        "'2024-11-03 04:59:59'", "'2024-11-03 05:00:00'", "'2024-11-03 05:30:00'", "'2024-11-03 05:59:59'",
        "'2024-11-03 06:00:00'", "'2024-11-03 06:30:00'", "'2024-11-03 06:59:59'", "'2024-11-03 07:00:00'",
        // Lord Howe Island shifts by half an hour, London did by two in 1947 (before the epoch's types), Apia skipped 2011-12-30.
        "'2024-04-06 14:45:00'", "'2024-04-06 15:15:00'", "'2011-12-30 09:59:59'", "'2011-12-30 10:00:00'",
    ];
    let fractions = ["'1970-01-01 00:00:01.000001'", "'2038-01-19 03:14:07.999999'", "'2024-11-03 05:30:00.5'", "'2024-11-03 06:30:00.5'", "'2024-02-29 12:00:00.123456'"];
    vec![of(0, &edges), of(3, &fractions), of(6, &fractions)]
}
