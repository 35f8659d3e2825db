//! What TiFlash is asked for by batches of regions (`allow_batch_cop`).

/// Which scans ask a store of TiFlash for all of its regions in one request; the others ask region by region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchCop {
    /// None.
    Never,
    /// Those that TiFlash makes aggregates or first rows of, whose answers are small.
    Reductions,
    /// All but those under a small limit.
    Always,
}

impl BatchCop {
    /// The one that TiDB has this number for.
    pub(crate) fn of_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Never),
            1 => Some(Self::Reductions),
            2 => Some(Self::Always),
            _ => None,
        }
    }

    /// TiDB's number for it.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Never => 0,
            Self::Reductions => 1,
            Self::Always => 2,
        }
    }
}
