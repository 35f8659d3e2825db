//! The rows that were asked for, of several indexes whose rows are put together.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tifusion_codec::key::Handle;

use super::bytes_of;
use crate::error::Result;
use crate::scan::memory::{Hold, PoolGauge};

/// Remembers handles, in the memory account of its partition.
#[derive(Debug, Default)]
pub(super) struct Seen {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    handles: HashSet<(i64, Handle)>,
    holds: Vec<Hold>,
}

impl Seen {
    /// Leaves those of `handles` in a physical table that were not among any before.
    ///
    /// # Errors
    /// When the memory pool has no room to remember them.
    pub(super) fn keep_new(
        &self,
        physical_id: i64,
        handles: &mut Vec<Handle>,
        gauge: &Arc<PoolGauge>,
    ) -> Result<()> {
        let mut inner = self.inner.lock();
        handles.retain(|handle| inner.handles.insert((physical_id, handle.clone())));
        let bytes = handles.iter().map(bytes_of).fold(0, usize::saturating_add);
        inner.holds.push(gauge.try_hold(bytes)?);
        Ok(())
    }
}
