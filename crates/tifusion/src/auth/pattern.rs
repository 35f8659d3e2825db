//! Names of databases in grants, which are patterns.

use tifusion_schema::model::ci_str::to_lower;

/// `%`, `_` and `\` over bytes, without regard to case: `_` is one byte, as in TiDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabasePattern {
    /// As it is in the grant.
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Byte(u8),
    One,
    Any,
}

impl DatabasePattern {
    pub(super) fn new(text: &str) -> Self {
        let lower = to_lower(text);
        let mut bytes = lower.bytes();
        let mut parts = Vec::with_capacity(lower.len());
        while let Some(byte) = bytes.next() {
            parts.push(match byte {
                b'\\' => Part::Byte(bytes.next().unwrap_or(byte)),
                b'_' => Part::One,
                b'%' => Part::Any,
                byte => Part::Byte(byte),
            });
        }
        Self { text: text.to_owned(), parts }
    }

    /// As it is in the grant.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, database: &str) -> bool {
        let lower = to_lower(database);
        let name = lower.as_bytes();
        let (mut at, mut part) = (0, 0);
        // Where the last `%` was, and how much of the name it has taken so far.
        let mut back: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(part), name.get(at)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    back = Some((part, at));
                    part += 1;
                    continue;
                }
                (Some(Part::One), Some(_)) => {
                    (at, part) = (at + 1, part + 1);
                    continue;
                }
                (Some(Part::Byte(wanted)), Some(byte)) if wanted == byte => {
                    (at, part) = (at + 1, part + 1);
                    continue;
                }
                _ => {}
            }
            match back {
                Some((any, taken)) if taken < name.len() => {
                    back = Some((any, taken + 1));
                    (at, part) = (taken + 1, any + 1);
                }
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_tidb_has_them() {
        for (pattern, name) in [
            ("shop", "SHOP"),
            ("%", ""),
            ("%", "x"),
            ("db_%", "db1"),
            ("db_%", "db_orders"),
            (r"db\_%", "DB_orders"),
            ("a%b%c", "aXbbYc"),
            (r"a\", r"a\"),
            ("%%_", "x"),
        ] {
            assert!(DatabasePattern::new(pattern).matches(name), "{name} by {pattern}");
        }
        for (pattern, name) in [
            ("shop", "shops"),
            ("shop", "sho"),
            ("db_%", "db"),
            (r"db\_%", "dbx"),
            (r"a\%", "ab"),
            ("a%b", "abc"),
            ("_", ""),
            ("_", "ä"),
        ] {
            assert!(!DatabasePattern::new(pattern).matches(name), "{name} by {pattern}");
        }
        assert!(DatabasePattern::new("__").matches("ä"), "a byte is one");
    }
}
