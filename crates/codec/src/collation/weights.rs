//! Tables of characters' weights, packed in `data/`; see the README there for the format.

/// Weights of `general_ci`, characters up to U+FFFF.
pub(super) const GENERAL_CI: Weights = Weights { data: include_bytes!("data/general_ci.bin") };
/// First weights of Unicode 4.0, characters up to U+FFFF.
pub(super) const UCA_0400: Weights = Weights { data: include_bytes!("data/uca_0400.bin") };
/// First weights of Unicode 9.0, characters below [`UCA_0900_END`].
pub(super) const UCA_0900: Weights = Weights { data: include_bytes!("data/uca_0900.bin") };
/// The first character that [`UCA_0900`] does not have.
pub(super) const UCA_0900_END: u32 = 183_969;

/// What implicit weights start from for characters without an entry of their own.
pub(super) const IMPLICIT_BASE: u16 = 0xfbc0;

const HEAD: usize = 4;
const RUN: usize = 6;

mod kind {
    pub(super) const NONE: u8 = 0;
    pub(super) const RISING: u8 = 1;
    pub(super) const SAME: u8 = 2;
    pub(super) const SEVERAL: u8 = 3;
    pub(super) const HANGUL: u8 = 4;
    pub(super) const IMPLICIT: u8 = 5;
}

/// A packed table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights {
    data: &'static [u8],
}

impl Weights {
    /// Appends the weights of a character, two bytes each.
    pub(super) fn push(self, out: &mut Vec<u8>, c: u32) {
        let Some((start, kind, value)) = self.run_of(c) else { return };
        // The table's runs are shorter than 65536.
        let offset = u16::try_from(c.saturating_sub(start)).unwrap_or(u16::MAX);
        match kind {
            kind::NONE => {}
            kind::RISING => push_weight(out, value.saturating_add(offset)),
            kind::SAME => push_weight(out, value),
            kind::SEVERAL => self.push_several(out, value),
            kind::HANGUL => self.push_hangul(out, c.saturating_sub(0xac00)),
            kind::IMPLICIT => push_implicit(out, value, c),
            _ => debug_assert!(false, "run {start:#x} has no kind"),
        }
    }

    fn word(self, at: usize) -> u16 {
        let word = self.data.get(at..).and_then(|rest| rest.first_chunk());
        word.map_or(0, |word| u16::from_be_bytes(*word))
    }

    fn runs(self) -> usize {
        let count = self.data.first_chunk().map_or(0, |count| u32::from_be_bytes(*count));
        usize::try_from(count).unwrap_or(0)
    }

    fn run(self, at: usize) -> Option<(u32, u8, u16)> {
        let run = self.data.get(HEAD + at * RUN..).and_then(|rest| rest.first_chunk())?;
        let [a, b, c, kind, high, low] = *run;
        Some((u32::from_be_bytes([0, a, b, c]), kind, u16::from_be_bytes([high, low])))
    }

    /// The last run that starts at or before the character.
    fn run_of(self, c: u32) -> Option<(u32, u8, u16)> {
        let (mut low, mut high) = (0, self.runs());
        while low < high {
            let middle = low.midpoint(high);
            if self.run(middle)?.0 <= c { low = middle + 1 } else { high = middle }
        }
        self.run(low.checked_sub(1)?)
    }

    fn push_several(self, out: &mut Vec<u8>, at: u16) {
        let start = HEAD + self.runs() * RUN + usize::from(at) * 2;
        let count = usize::from(self.word(start));
        (1..=count).for_each(|index| push_weight(out, self.word(start + index * 2)));
    }

    /// A syllable weighs what its letters do.
    fn push_hangul(self, out: &mut Vec<u8>, syllable: u32) {
        self.push(out, 0x1100 + syllable / 588);
        self.push(out, 0x1161 + syllable % 588 / 28);
        if !syllable.is_multiple_of(28) {
            self.push(out, 0x11a7 + syllable % 28);
        }
    }
}

/// The two weights of a character that has none of its own.
pub(super) fn push_implicit(out: &mut Vec<u8>, base: u16, c: u32) {
    // Characters have 21 bits.
    let high = u16::try_from(c >> 15).unwrap_or(0);
    let low = u16::try_from(c & 0x7fff).unwrap_or(0);
    push_weight(out, base.saturating_add(high));
    push_weight(out, low | 0x8000);
}

pub(super) fn push_weight(out: &mut Vec<u8>, weight: u16) {
    out.extend_from_slice(&weight.to_be_bytes());
}
