//! Tests of `VECTOR` values.

use proptest::prelude::*;

use super::*;

#[test]
fn a_vector_is_a_count_and_floats() {
    // [1, 2.5, -3] as TiDB serializes it.
    let bytes = [3, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0x40, 0, 0, 0x40, 0xc0];
    let vector = VectorRef::from_cell(&bytes).unwrap();
    assert_eq!(vector.to_vec(), [1.0, 2.5, -3.0]);
    assert_eq!((vector.len(), vector.is_empty()), (3, false));
    let mut out = Vec::new();
    encode(&mut out, &[1.0, 2.5, -3.0]).unwrap();
    assert_eq!(out, bytes);
}

#[test]
fn an_empty_vector_is_a_count_alone() {
    let vector = VectorRef::from_cell(&[0; 4]).unwrap();
    assert!(vector.is_empty() && vector.to_vec().is_empty());
}

#[test]
fn a_claimed_count_is_not_believed() {
    let mut rest = &[0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4][..];
    assert!(matches!(VectorRef::decode(&mut rest), Err(Error::Truncated { left: 4, .. })));
    assert_eq!(rest.len(), 8);
    assert!(matches!(VectorRef::from_cell(&[0, 0, 0]), Err(Error::Truncated { .. })));
}

#[test]
fn a_cell_with_more_than_its_vector_is_refused() {
    let error = VectorRef::from_cell(&[0, 0, 0, 0, 7]).unwrap_err();
    assert_eq!(error.to_string(), "vector: 1 bytes too many");
    let mut rest = &[0, 0, 0, 0, 7][..];
    assert!(VectorRef::decode(&mut rest).is_ok());
    assert_eq!(rest, [7]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_vector_comes_back(elements in prop::collection::vec(any::<f32>(), 0..40)) {
        let mut out = Vec::new();
        encode(&mut out, &elements).unwrap();
        prop_assert_eq!(VectorRef::from_cell(&out).unwrap().to_vec(), elements);
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        count in 0_u32..6, bytes in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        let mut cell = count.to_le_bytes().to_vec();
        cell.extend_from_slice(&bytes);
        let fits = bytes.len() >= 4 * count as usize;
        prop_assert_eq!(VectorRef::decode(&mut &cell[..]).is_ok(), fits);
        let _ = VectorRef::from_cell(&bytes);
    }
}
