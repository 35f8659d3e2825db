//! The reads that a client offers.

use std::sync::Arc;

use crate::client::Client;
use crate::cop::{CopRequest, CopStream};
use crate::error::Result;
use crate::snapshot::{Snapshot, SnapshotOptions};
use crate::timestamp::Timestamp;

impl Client {
    /// The cluster's data as of `start_ts`.
    #[must_use]
    pub fn snapshot(&self, start_ts: Timestamp, options: SnapshotOptions) -> Snapshot {
        Snapshot::new(
            start_ts,
            options,
            self.sender().clone(),
            self.locks().clone(),
            Arc::clone(self.clock()),
            self.options(),
        )
    }

    /// A coprocessor read; nothing is sent before the stream is polled.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the ranges are not sorted and disjoint.
    pub fn coprocessor(&self, request: CopRequest) -> Result<CopStream> {
        CopStream::new(
            request,
            self.sender().clone(),
            self.locks().clone(),
            self.cop_cache().cloned(),
            Arc::clone(self.clock()),
            self.options(),
        )
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
