//! Tests of `ENUM`, `SET` and `BIT` values.

use proptest::prelude::*;

use super::*;

#[test]
fn an_enum_counts_its_members_from_one() {
    let elems = ["a", "b,c", ""];
    assert_eq!(enum_name(&elems, 0), Ok(""));
    assert_eq!(enum_name(&elems, 1), Ok("a"));
    assert_eq!(enum_name(&elems, 2), Ok("b,c"));
    assert_eq!(enum_name(&elems, 3), Ok(""));
    assert_eq!(
        enum_name(&elems, 4).unwrap_err().to_string(),
        "ENUM: 4 does not fit an ENUM of 3 members"
    );
    assert!(enum_name(&elems, u64::MAX).is_err());
}

#[test]
fn a_set_joins_its_members_in_order() {
    let elems = ["a", "b", "c"];
    assert_eq!(set_names(&elems, 0).as_deref(), Ok(""));
    assert_eq!(set_names(&elems, 0b100).as_deref(), Ok("c"));
    assert_eq!(set_names(&elems, 0b101).as_deref(), Ok("a,c"));
    assert_eq!(set_names(&elems, 0b111).as_deref(), Ok("a,b,c"));
    let mut out = "kept".to_owned();
    let error = write_set_names(&elems, 0b1000, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "SET: 8 does not fit a SET of 3 members");
    assert_eq!(out, "kept");
}

#[test]
fn a_set_of_64_members_has_all_its_bits() {
    let elems: Vec<String> = (0..64).map(|index| format!("m{index}")).collect();
    assert_eq!(set_names(&elems, u64::MAX), Ok(elems.join(",")));
    assert_eq!(set_names(&elems, 1 << 63).as_deref(), Ok("m63"));
    assert!(set_names(&elems[..63], 1 << 63).is_err());
}

#[test]
fn an_enum_cell_is_number_and_name() {
    assert_eq!(split_cell(&[2, 0, 0, 0, 0, 0, 0, 0, b'x', b'y']), Ok((2, &b"xy"[..])));
    assert_eq!(split_cell(&[0; 8]), Ok((0, &b""[..])));
    assert_eq!(split_cell(&[]), Ok((0, &b""[..])));
    assert!(matches!(split_cell(&[1, 2, 3]), Err(Error::Truncated { .. })));
}

#[test]
fn a_bit_is_big_endian() {
    assert_eq!(bit_to_u64(&[]), Ok(0));
    assert_eq!(bit_to_u64(&[0]), Ok(0));
    assert_eq!(bit_to_u64(&[1, 0]), Ok(256));
    assert_eq!(bit_to_u64(&[0xff; 8]), Ok(u64::MAX));
    assert_eq!(bit_to_u64(&[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Ok(u64::MAX));
    assert_eq!(
        bit_to_u64(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err().to_string(),
        "BIT: a value of 9 bytes does not fit 64 bits"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_input_is_read_without_panic(
        count in 0_usize..70, number: u64, cell in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let elems = vec!["x"; count];
        prop_assert_eq!(
            enum_name(&elems, number).is_ok(),
            number <= u64::try_from(count).unwrap()
        );
        if let Ok(names) = set_names(&elems, number) {
            prop_assert_eq!(names.matches('x').count(), number.count_ones() as usize);
        }
        prop_assert_eq!(split_cell(&cell).is_ok(), cell.is_empty() || cell.len() >= 8);
        let _ = bit_to_u64(&cell);
    }

    #[test]
    fn a_bit_comes_back(value: u64, zeros in 0_usize..4) {
        let mut bytes = vec![0; zeros];
        bytes.extend_from_slice(&value.to_be_bytes());
        prop_assert_eq!(bit_to_u64(&bytes), Ok(value));
    }
}
