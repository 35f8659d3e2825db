//! Names for what differs from run to run: timestamps and the prefix of a case's keys.

/// How far from a timestamp another one is still told as its neighbour. PD is asked for that many on both sides.
pub(crate) const NEIGHBOURHOOD: u64 = 500;

/// Below this a number is a number, not a timestamp (1 << 50 is the year 1970).
const LEAST_TIMESTAMP: u64 = 1 << 50;

/// The names of one case.
#[derive(Debug, Default)]
pub(crate) struct Names {
    timestamps: Vec<(u64, String)>,
    prefix: Vec<u8>,
}

impl Names {
    /// Names for a case whose keys begin with `prefix`.
    pub(crate) fn new(prefix: Vec<u8>) -> Self {
        Self { timestamps: Vec::new(), prefix }
    }

    /// The beginning of all keys.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Names the next timestamp that PD gave: T1, T2, …
    pub(crate) fn add_timestamp(&mut self, timestamp: u64) {
        let count = self.timestamps.iter().filter(|(_, name)| !name.contains('+')).count();
        self.timestamps.push((timestamp, format!("T{}", count + 1)));
    }

    /// Names a timestamp that is so much later than another one.
    pub(crate) fn add_later(&mut self, timestamp: u64, later: u64, millis: u64) {
        let name = self.number(timestamp);
        self.timestamps.push((later, format!("{name}+{millis}ms")));
    }

    /// A number, by its name if it is a timestamp: a known one, one close to it, or between two.
    pub(crate) fn number(&self, number: u64) -> String {
        if number == u64::MAX {
            return "MAX".to_owned();
        }
        if number < LEAST_TIMESTAMP {
            return number.to_string();
        }
        if let Some((_, name)) = self.timestamps.iter().find(|(known, _)| *known == number) {
            return name.clone();
        }
        let distance = |known: &u64| known.abs_diff(number);
        let nearest = self.timestamps.iter().min_by_key(|(known, _)| distance(known));
        match nearest {
            Some((known, name)) if distance(known) < NEIGHBOURHOOD => {
                let sign = if number > *known { '+' } else { '-' };
                format!("{name}{sign}{}", distance(known))
            }
            _ => {
                let before = self.timestamps.iter().filter(|(known, _)| *known < number);
                let last = before.max_by_key(|(known, _)| *known);
                last.map_or_else(|| "long ago".to_owned(), |(_, name)| format!("after {name}"))
            }
        }
    }

    /// Bytes as text, a key without the case's prefix. Many equal bytes are told by their number.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let bytes = bytes.strip_prefix(self.prefix.as_slice()).unwrap_or(bytes);
        match bytes {
            [first, rest @ ..] if rest.len() > 40 && rest.iter().all(|byte| byte == first) => {
                format!("{} x \"{}\"", bytes.len(), [*first].escape_ascii())
            }
            _ => format!("\"{}\"", bytes.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_told_by_their_neighbours() {
        let mut names = Names::new(b"zz/".to_vec());
        let (first, second) = (1 << 58, (1 << 58) + 1_000_000);
        names.add_timestamp(first);
        names.add_timestamp(second);
        names.add_later(first, first + (5 << 30), 5 << 12);
        let told = [first, second, first + 1, second - 1, first + 600, first - 600, 77, u64::MAX];
        let expected = ["T1", "T2", "T1+1", "T2-1", "after T1", "long ago", "77", "MAX"];
        assert_eq!(told.map(|number| names.number(number)), expected);
        assert_eq!(names.number(first + (5 << 30)), "T1+20480ms");
    }

    #[test]
    fn keys_lose_their_prefix_and_long_values_their_length() {
        let names = Names::new(b"zz/".to_vec());
        assert_eq!(names.bytes(b"zz/a\0"), "\"a\\x00\"");
        assert_eq!(names.bytes(b"other"), "\"other\"");
        assert_eq!(names.bytes(&[b'x'; 50]), "50 x \"x\"");
    }
}
