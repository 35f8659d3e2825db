//! Which engines' data is read (`isolation_read_engines`).

use std::fmt;

/// Engines that tables are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadEngines {
    /// TiKV's rows and indexes
    pub tikv: bool,
    /// TiFlash's replicas
    pub tiflash: bool,
}

impl ReadEngines {
    /// TiKV alone.
    pub(crate) const TIKV: Self = Self { tikv: true, tiflash: false };

    /// Those of these names. TiDB has a third, `tidb`, for tables in its own memory, which are not read here.
    pub(super) fn named(words: &[String]) -> Self {
        let has = |name: &str| words.iter().any(|word| word == name);
        Self { tikv: has("tikv"), tiflash: has("tiflash") }
    }

    /// Whether there is none.
    pub(super) fn is_none(self) -> bool {
        !self.tikv && !self.tiflash
    }
}

impl fmt::Display for ReadEngines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.tikv, self.tiflash) {
            (true, true) => "tikv,tiflash",
            (false, true) => "tiflash",
            _ => "tikv",
        })
    }
}
