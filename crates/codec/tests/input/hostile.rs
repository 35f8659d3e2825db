//! Values of any kind, against any column: what is stored is what the column can hold, and nothing panics.

use proptest::prelude::*;
use tifusion_codec::input::{InputValue, Moment, ValueConverter};
use tifusion_codec::row::check_stored;
use tifusion_codec::time::Zone;

use crate::types::field_type;

const COLUMNS: [&str; 30] = [
    "TINYINT",
    "INT UNSIGNED",
    "BIGINT",
    "BIGINT UNSIGNED",
    "FLOAT",
    "FLOAT(7,3) UNSIGNED",
    "DOUBLE",
    "DECIMAL(10,2)",
    "DECIMAL(65,30)",
    "DECIMAL(5,0) UNSIGNED",
    "CHAR(5)",
    "VARCHAR(5)",
    "VARCHAR(9) CHARACTER SET utf8",
    "TEXT",
    "TINYBLOB",
    "BINARY(5)",
    "VARBINARY(5)",
    "DATE",
    "DATETIME",
    "DATETIME(6)",
    "TIMESTAMP",
    "TIMESTAMP(3)",
    "TIME",
    "TIME(6)",
    "YEAR",
    "ENUM('a','b')",
    "SET('a','b')",
    "BIT(9)",
    "JSON",
    "VECTOR(2)",
];

fn moment() -> impl Strategy<Value = Moment> {
    let micros = prop_oneof![
        any::<i64>(),
        -3_100_000_000_000_i64..3_100_000_000_000,
        -62_167_219_200_000_000_i64..253_402_300_800_000_000,
    ];
    (micros, 0..1000_u16, 0..=6_u8).prop_map(|(micros, nanos, fsp)| Moment { micros, nanos, fsp })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn text_is_stored_or_refused(
        text in "[-+0-9:. TZe/]{0,24}|[0-9]{0,40}|[\\[\\]{}\",0-9]{0,12}|.{0,12}",
        zone in prop::sample::select(&["UTC", "America/New_York", "+05:45"][..]),
    ) {
        check(&InputValue::Text(&text), zone);
        check(&InputValue::Bytes(text.as_bytes()), zone);
    }

    #[test]
    fn bytes_are_stored_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        check(&InputValue::Bytes(&bytes), "UTC");
    }

    #[test]
    fn numbers_are_stored_or_refused(bits: u64, shift in 0_u32..64, negative: bool) {
        let value = (bits >> shift).cast_signed();
        check(&InputValue::Int(if negative { value.wrapping_neg() } else { value }), "UTC");
        check(&InputValue::UInt(bits >> shift), "UTC");
        check(&InputValue::Float64(f64::from_bits(bits)), "UTC");
        check(&InputValue::Float32(f32::from_bits((bits >> 32).try_into().unwrap())), "UTC");
    }

    #[test]
    fn times_are_stored_or_refused(
        moment in moment(), days in prop_oneof![any::<i64>(), -720_000_i64..2_933_000],
        zone in prop::sample::select(&["UTC", "America/New_York", "-03:30"][..]),
    ) {
        check(&InputValue::Date(days), zone);
        check(&InputValue::DateTime(moment), zone);
        check(&InputValue::Timestamp(moment), zone);
        check(&InputValue::Duration(moment), zone);
    }
}

fn check(value: &InputValue<'_>, zone: &str) {
    let zone: Zone = zone.parse().unwrap();
    for declaration in COLUMNS {
        let column = field_type(declaration);
        let converter = ValueConverter::new(&column, zone, true).unwrap();
        match converter.convert(value) {
            Ok(datum) => {
                if let Err(error) = check_stored(&column, &datum) {
                    panic!("{value} in {declaration}: {error}");
                }
            }
            Err(error) => assert!(error.to_string().len() < 1000, "{error}"),
        }
    }
}
