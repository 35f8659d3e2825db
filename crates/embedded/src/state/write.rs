//! Writes on record: regions have no stable version of their data while one lasts.

use super::State;
use crate::topology::WriteToken;

/// A write under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Write<'a> {
    state: &'a State,
    token: WriteToken,
    bytes: u64,
}

impl<'a> Write<'a> {
    /// A write of so many bytes between two memory-comparable keys; the empty end is the end of all keys.
    pub(crate) fn begin(state: &'a State, start: Vec<u8>, end: Vec<u8>, bytes: usize) -> Self {
        let token = state.topology.lock().begin_write(start, end);
        Self { state, token, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) }
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.state.topology.lock().end_write(self.token, self.bytes);
        self.state.note_growth(self.bytes);
    }
}
