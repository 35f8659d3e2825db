//! What a cluster answered to the steps of a case.

/// The answers to one case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Transcript {
    /// The case.
    pub(crate) case: String,
    /// Its steps, in order.
    pub(crate) steps: Vec<Step>,
}

/// One step: a request and its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// What was asked.
    pub(crate) label: String,
    /// The answer: `path: value`, a line per field.
    pub(crate) lines: Vec<String>,
}
