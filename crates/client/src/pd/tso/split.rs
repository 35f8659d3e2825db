//! One answer of the oracle divided among those who asked. Pure.

use tifusion_proto::pdpb;

use crate::timestamp::Timestamp;

/// Timestamps `first, first + step, …`, `count` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Granted {
    physical_ms: u64,
    first_logical: u64,
    suffix_bits: u32,
    count: u32,
}

impl Granted {
    /// Reads an answer to a request of `count` timestamps: it carries the largest of them; their
    /// logical parts are apart by one, above `suffix_bits` low bits that all of them share.
    pub(super) fn read(response: &pdpb::TsoResponse, count: u32) -> Result<Self, String> {
        let timestamp = response.timestamp.ok_or("an answer without a timestamp")?;
        if response.count != count {
            return Err(format!("{count} timestamps were asked for, {} came", response.count));
        }
        let suffix_bits = timestamp.suffix_bits;
        let malformed = || format!("an impossible timestamp: {timestamp:?}");
        let physical_ms = u64::try_from(timestamp.physical).map_err(|_| malformed())?;
        let last = u64::try_from(timestamp.logical).map_err(|_| malformed())?;
        Timestamp::from_parts(physical_ms, last).ok_or_else(malformed)?;
        let width = u64::from(count.saturating_sub(1))
            .checked_shl(suffix_bits)
            .filter(|_| suffix_bits < 18)
            .ok_or_else(malformed)?;
        let first_logical = last.checked_sub(width).ok_or_else(malformed)?;
        Ok(Self { physical_ms, first_logical, suffix_bits, count })
    }

    /// All of them, ascending.
    pub(super) fn timestamps(self) -> impl Iterator<Item = Timestamp> {
        (0..u64::from(self.count)).filter_map(move |n| {
            Timestamp::from_parts(self.physical_ms, self.first_logical + (n << self.suffix_bits))
        })
    }
}

/// Refuses an answer that does not come after everything handed out before.
pub(super) fn check_forward(granted: Granted, last: Timestamp) -> Result<Timestamp, String> {
    let first = granted.timestamps().next().unwrap_or(Timestamp::ZERO);
    if first <= last {
        return Err(format!(
            "PD's timestamps go backwards: {first} came after {last} was handed out"
        ));
    }
    Ok(granted.timestamps().last().unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(physical: i64, logical: i64, suffix_bits: u32, count: u32) -> pdpb::TsoResponse {
        let timestamp = Some(pdpb::Timestamp { physical, logical, suffix_bits });
        pdpb::TsoResponse { count, timestamp, ..pdpb::TsoResponse::default() }
    }

    fn logicals(response: &pdpb::TsoResponse, count: u32) -> Vec<u64> {
        Granted::read(response, count).unwrap().timestamps().map(Timestamp::logical).collect()
    }

    #[test]
    fn the_answer_is_the_largest_of_the_batch() {
        assert_eq!(logicals(&response(5, 10, 0, 1), 1), [10]);
        assert_eq!(logicals(&response(5, 10, 0, 4), 4), [7, 8, 9, 10]);
        assert_eq!(logicals(&response(5, 3, 0, 3), 3), [1, 2, 3]);
    }

    #[test]
    fn suffix_bits_stay_the_same() {
        assert_eq!(logicals(&response(5, 0b1101, 2, 3), 3), [0b0101, 0b1001, 0b1101]);
    }

    #[test]
    fn impossible_answers_are_refused() {
        let none = pdpb::TsoResponse { count: 1, ..pdpb::TsoResponse::default() };
        for (response, count) in [
            (none, 1),
            (response(5, 10, 0, 2), 1),
            (response(5, 2, 0, 4), 4),
            (response(-5, 2, 0, 1), 1),
            (response(5, -2, 0, 1), 1),
            (response(5, 1 << 18, 0, 1), 1),
            (response(1 << 46, 1, 0, 1), 1),
            (response(5, 10, 18, 1), 1),
            (response(5, 10, 99, 2), 2),
            (response(5, 10, 4, 2), 2),
        ] {
            assert!(Granted::read(&response, count).is_err(), "{response:?}");
        }
    }

    #[test]
    fn time_never_goes_backwards() {
        let granted = Granted::read(&response(5, 10, 0, 3), 3).unwrap();
        let at = |logical| Timestamp::from_parts(5, logical).unwrap();
        assert_eq!(check_forward(granted, at(7)).unwrap(), at(10));
        for last in [at(8), at(9), at(11), Timestamp::from_parts(6, 0).unwrap()] {
            assert!(check_forward(granted, last).unwrap_err().contains("backwards"));
        }
    }
}
