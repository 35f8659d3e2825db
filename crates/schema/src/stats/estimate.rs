//! What an estimate says.

/// What statistics are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HistogramId {
    /// The column of this id; keys are one datum.
    Column(i64),
    /// The index of this id; keys are the datums of its columns.
    Index(i64),
}

/// How many rows something has, as far as anybody knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Rows: a number, at least 0 and at most those of the table.
    pub rows: f64,
    /// What it rests on.
    pub origin: Origin,
}

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// On `ANALYZE`.
    Analyzed(super::StatsVersion),
    /// On rates that hold for no table in particular. A choice between paths that rests on it alone is
    /// a guess.
    Pseudo(WhyPseudo),
}

/// Why there is nothing better than a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyPseudo {
    /// Nobody ran `ANALYZE`, or not over this column or index.
    NotAnalyzed,
    /// The statistics were not loaded, or are of no use.
    NotLoaded,
}

impl Origin {
    /// Whether it is a guess.
    #[must_use]
    pub fn is_pseudo(self) -> bool {
        matches!(self, Self::Pseudo(_))
    }
}
