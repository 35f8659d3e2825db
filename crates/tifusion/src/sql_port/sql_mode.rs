//! TiDB's `sql_mode`, which says what a text means.

/// How a statement's text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct SqlMode {
    /// `"x"` is a name, not a text.
    pub(crate) ansi_quotes: bool,
    /// `\` is a character like others.
    pub(crate) no_backslash_escapes: bool,
}

/// What a write is checked by.
const STRICT: &str = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
                      ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

/// Modes that change what a text means.
const OF_TEXT: [&str; 5] =
    ["ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "ORACLE"];

impl SqlMode {
    /// The mode for a statement that writes: strict, whatever the server's is.
    pub(super) fn strict(self) -> String {
        self.onto(STRICT)
    }

    /// The server's mode for a statement that changes the schema.
    pub(super) fn onto(self, server: &str) -> String {
        let kept = server.split(',').filter(|mode| {
            !mode.is_empty() && !OF_TEXT.iter().any(|of_text| of_text.eq_ignore_ascii_case(mode))
        });
        // In the SQL of sessions || joins texts, whatever their dialect.
        let mut modes: Vec<&str> = kept.chain(["PIPES_AS_CONCAT"]).collect();
        if self.ansi_quotes {
            modes.push("ANSI_QUOTES");
        }
        if self.no_backslash_escapes {
            modes.push("NO_BACKSLASH_ESCAPES");
        }
        modes.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_means_is_not_the_servers_to_say() {
        let server = "STRICT_TRANS_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES";
        assert_eq!(SqlMode::default().onto(server), "STRICT_TRANS_TABLES,PIPES_AS_CONCAT");
        let mode = SqlMode { ansi_quotes: true, no_backslash_escapes: true };
        assert_eq!(mode.onto(""), "PIPES_AS_CONCAT,ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
        assert!(mode.strict().contains("STRICT_TRANS_TABLES"));
    }
}
