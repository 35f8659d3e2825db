//! `ENUM` and `SET`.

use std::collections::HashMap;

use super::error::Refusal;
use super::integer;
use super::value::InputValue;
use crate::collation::Collation;
use crate::enum_set::MAX_SET_MEMBERS;
use crate::field_type::{FieldType, tp};

/// The members of an `ENUM` or `SET`.
#[derive(Debug, Clone)]
pub(super) struct Members {
    collation: Collation,
    /// The place of each member by its sort key; of equal ones the first.
    places: HashMap<Vec<u8>, usize>,
    count: usize,
}

impl Members {
    pub(super) fn new(field_type: &FieldType, new_collation: bool) -> Result<Self, &'static str> {
        let collation = if new_collation {
            Collation::by_name(&field_type.collate).map_err(|_| "the collation is not known")?
        } else {
            Collation::Binary
        };
        let count = field_type.elems.len();
        if field_type.tp == tp::SET && count > MAX_SET_MEMBERS {
            return Err("a SET has at most 64 members");
        }
        let mut members = Self { collation, places: HashMap::with_capacity(count), count };
        for (place, member) in field_type.elems.iter().enumerate() {
            let key = members.key(member.as_bytes()).ok_or("a member is no text")?;
            members.places.entry(key).or_insert(place);
        }
        Ok(members)
    }

    /// The number of an `ENUM`'s member: text names it or, if none has that name, says its number.
    pub(super) fn number(&self, value: &InputValue<'_>) -> Result<u64, Refusal> {
        let number = match name(value) {
            None => integer::to_bits(value).map_err(|_| Refusal::NotAMember)?,
            Some(name) => match self.place(name) {
                Some(place) => return u64::try_from(place + 1).map_err(|_| Refusal::NotAMember),
                None => plain_number(name).ok_or(Refusal::NotAMember)?,
            },
        };
        let is_known = usize::try_from(number).is_ok_and(|at| (1..=self.count).contains(&at));
        if is_known { Ok(number) } else { Err(Refusal::NotAMember) }
    }

    /// The bits of a `SET`'s members, whose names commas separate.
    pub(super) fn mask(&self, value: &InputValue<'_>) -> Result<u64, Refusal> {
        let mask = match name(value) {
            None => integer::to_bits(value).map_err(|_| Refusal::NotAMember)?,
            Some([]) => return Ok(0),
            Some(names) => {
                let bit = |name| self.place(name).map(|place| 1_u64 << place);
                let named = names.split(|byte| *byte == b',').map(bit);
                match named.collect::<Option<Vec<_>>>() {
                    Some(bits) => return Ok(bits.into_iter().fold(0, |mask, bit| mask | bit)),
                    None => plain_number(names).ok_or(Refusal::NotAMember)?,
                }
            }
        };
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        let is_known = mask.checked_shr(count).is_none_or(|rest| rest == 0);
        if is_known { Ok(mask) } else { Err(Refusal::NotAMember) }
    }

    fn place(&self, name: &[u8]) -> Option<usize> {
        self.places.get(&self.key(name)?).copied()
    }

    fn key(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut key = Vec::with_capacity(name.len() * 2);
        self.collation.sort_key(&mut key, name).ok()?;
        Some(key)
    }
}

fn name<'a>(value: &InputValue<'a>) -> Option<&'a [u8]> {
    match value {
        InputValue::Text(text) => Some(text.as_bytes()),
        InputValue::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// Digits that say a number in decimal; TiDB reads those behind `0` as octal, behind `0x` as hexadecimal.
fn plain_number(text: &[u8]) -> Option<u64> {
    let is_plain = text.iter().all(u8::is_ascii_digit) && (text == b"0" || !text.starts_with(b"0"));
    if !is_plain {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
