use super::*;
use crate::test_vectors::hex;

fn key(collation: Collation, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    collation.sort_key(&mut out, text.as_bytes()).unwrap();
    out
}

/// Keys from TiDB's own test of its collators.
#[test]
fn keys_are_those_of_tidb() {
    use Collation::{Binary, GeneralCi, PaddedBinary, Unicode0900AiCi, UnicodeCi};
    for (text, collation, want) in [
        ("a", PaddedBinary, "61"),
        ("a", GeneralCi, "0041"),
        ("A", UnicodeCi, "0e33"),
        ("A", Unicode0900AiCi, "1c47"),
        ("a ", Binary, "6120"),
        ("a ", PaddedBinary, "61"),
        ("a ", GeneralCi, "0041"),
        ("a ", UnicodeCi, "0e33"),
        ("a ", Unicode0900AiCi, "1c470209"),
        ("Foo © 𝌆 ☃", GeneralCi, "0046004f004f002000a90020fffd00202603"),
        ("Foo © 𝌆 ☃", UnicodeCi, "0eb90f820f82020902c50209fffd020906ff"),
        ("Foo © 𝌆 ☃", Unicode0900AiCi, "1ce51ddd1ddd0209058402090ef00209091b"),
        ("ﷻ", GeneralCi, "fdfb"),
        ("ﷻ", UnicodeCi, "135e13ab0209135e13ab135013ab13b7"),
        ("ﷻ", Unicode0900AiCi, "2325239c02092325239c230b239c23b1"),
        ("中文", GeneralCi, "4e2d6587"),
        ("中文", UnicodeCi, "fb40ce2dfb40e587"),
        ("中文", Unicode0900AiCi, "fb40ce2dfb40e587"),
        ("갟감1", GeneralCi, "ac1fac100031"),
        ("갟감1", UnicodeCi, "fbc1ac1ffbc1ac100e2a"),
        ("갟감1", Unicode0900AiCi, "3bf53c743cd33bf53c733ce01c3e"),
        ("\u{FFFFE}\u{FFFFF}", UnicodeCi, "fffdfffd"),
        ("\u{FFFFE}\u{FFFFF}", Unicode0900AiCi, "fbdffffefbdfffff"),
    ] {
        assert_eq!(key(collation, text), hex(want), "{text} by {collation:?}");
    }
}

/// The sums were computed from the tables of TiDB: over the weights of all characters, each
/// character's preceded by their count, two bytes each, FNV-1a.
#[test]
fn the_weights_of_all_characters_are_those_of_tidb() {
    for (collation, end, want) in [
        (Collation::GeneralCi, 0x1_0000, 0x4b85_8cde_16c2_9592),
        (Collation::UnicodeCi, 0x1_0000, 0x74b7_a537_0507_84f7),
        (Collation::Unicode0900AiCi, 183_969, 0x1c60_c72d_dd83_05a8_u64),
    ] {
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        let mut weights = Vec::new();
        for c in (0..end).filter_map(char::from_u32) {
            weights.clear();
            collation.push_weights(&mut weights, c);
            let count = u16::try_from(weights.len() / 2).unwrap().to_be_bytes();
            for byte in count.iter().chain(&weights) {
                sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        assert_eq!(sum, want, "{collation:?}: {sum:#x}");
    }
}

#[test]
fn text_that_is_no_utf8_is_refused_where_characters_count() {
    let key = |collation: Collation| collation.sort_key(&mut Vec::new(), b"a\xff");
    assert!(key(Collation::Binary).is_ok());
    assert!(key(Collation::PaddedBinary).is_ok());
    assert!(key(Collation::GeneralCi).is_err());
    assert!(key(Collation::UnicodeCi).is_err());
    assert!(key(Collation::Unicode0900AiCi).is_err());
}

#[test]
fn collations_without_keys_are_refused_by_name() {
    for name in ["gbk_bin", "gbk_chinese_ci", "gb18030_chinese_ci", "latin1_swedish_ci", ""] {
        let error = Collation::by_name(name).unwrap_err().to_string();
        assert!(error.contains(&format!("{name:?}")), "{error}");
    }
    let mut field_type = FieldType::new(crate::field_type::tp::VARCHAR, 0);
    field_type.collate = "gbk_bin".to_owned();
    assert!(Collation::of(&field_type, true).is_err());
    assert_eq!(Collation::of(&field_type, false), Ok(Collation::Binary));
}
