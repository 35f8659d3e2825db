//! Defaults of `ENUM` and `SET`.

use tifusion_codec::FieldType;
use tifusion_codec::enum_set::MAX_SET_MEMBERS;

use super::DefaultValueReason;
use crate::model::ci_str::to_lower;

/// The number of an `ENUM` member, counted from 1. A name wins over a number in the text.
pub(crate) fn enum_number(field_type: &FieldType, text: &str) -> Result<u64, DefaultValueReason> {
    let by_name = position(field_type, text).and_then(|at| u64::try_from(at + 1).ok());
    let by_number = || {
        let number: u64 = text.parse().ok()?;
        let count = u64::try_from(field_type.elems.len()).ok()?;
        (1..=count).contains(&number).then_some(number)
    };
    by_name.or_else(by_number).ok_or(DefaultValueReason::NoMember)
}

/// The bits of the `SET` members that the text names, separated by commas.
pub(crate) fn set_mask(field_type: &FieldType, text: &str) -> Result<u64, DefaultValueReason> {
    if text.is_empty() {
        return Ok(0);
    }
    let bit_of = |name: &str| {
        let at = position(field_type, name).filter(|at| *at < MAX_SET_MEMBERS)?;
        Some(1u64 << at)
    };
    let by_name = text.split(',').try_fold(0, |mask, name| Some(mask | bit_of(name)?));
    let by_number = || {
        let mask: u64 = text.parse().ok()?;
        let count = u32::try_from(field_type.elems.len()).ok()?;
        (mask.checked_shr(count).unwrap_or(0) == 0).then_some(mask)
    };
    by_name.or_else(by_number).ok_or(DefaultValueReason::NoMember)
}

/// Where a member is. TiDB stores the member as the column has it; text that only its collation
/// holds for equal, in case or trailing blanks, comes from old versions.
fn position(field_type: &FieldType, name: &str) -> Option<usize> {
    let elems = &field_type.elems;
    let exact = elems.iter().position(|member| member == name);
    let padded = || {
        let name = name.trim_end_matches(' ');
        elems.iter().position(|member| member.trim_end_matches(' ') == name)
    };
    let folded = || {
        let name = to_lower(name.trim_end_matches(' '));
        elems.iter().position(|member| to_lower(member.trim_end_matches(' ')) == name)
    };
    let ignores_case = field_type.collate.ends_with("_ci");
    exact.or_else(padded).or_else(|| if ignores_case { folded() } else { None })
}

#[cfg(test)]
mod tests {
    use tifusion_codec::field_type::tp;

    use super::*;

    fn members(collate: &str) -> FieldType {
        FieldType {
            tp: tp::SET,
            elems: ["a", "B", "3"].map(str::to_owned).to_vec(),
            collate: collate.to_owned(),
            ..FieldType::default()
        }
    }

    #[test]
    fn a_name_wins_over_a_number() {
        let field_type = members("utf8mb4_bin");
        assert_eq!(enum_number(&field_type, "3"), Ok(3));
        assert_eq!(enum_number(&field_type, "2"), Ok(2));
        assert_eq!(enum_number(&field_type, "4"), Err(DefaultValueReason::NoMember));
        assert_eq!(enum_number(&field_type, "0"), Err(DefaultValueReason::NoMember));
        assert_eq!(set_mask(&field_type, "3"), Ok(0b100));
        assert_eq!(set_mask(&field_type, "7"), Ok(0b111));
        assert_eq!(set_mask(&field_type, "8"), Err(DefaultValueReason::NoMember));
    }

    #[test]
    fn case_counts_unless_the_collation_ignores_it() {
        assert_eq!(enum_number(&members("utf8mb4_bin"), "b"), Err(DefaultValueReason::NoMember));
        assert_eq!(enum_number(&members("utf8mb4_general_ci"), "b"), Ok(2));
        assert_eq!(set_mask(&members("utf8mb4_general_ci"), "A,b "), Ok(0b011));
    }

    #[test]
    fn a_set_of_64_members_has_its_highest_bit() {
        let elems: Vec<_> = (0..64).map(|i| format!("m{i}")).collect();
        let field_type = FieldType { elems, ..members("utf8mb4_bin") };
        assert_eq!(set_mask(&field_type, "m63"), Ok(1 << 63));
        assert_eq!(set_mask(&field_type, "18446744073709551615"), Ok(u64::MAX));
        assert_eq!(set_mask(&field_type, ""), Ok(0));
    }
}
