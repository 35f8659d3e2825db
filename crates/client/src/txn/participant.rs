//! Taking part in a transaction of another process.

use std::sync::Arc;

use futures::Stream;

use super::core::Core;
use super::error::Result;
use super::heartbeat::Heart;
use super::mutation::Mutation;
use super::ranges::Range;

/// A part of a transaction that another process has begun, keeps alive, and ends: keys are prewritten here, and
/// that is all. Made by [`Client::take_part`](crate::Client::take_part).
///
/// What it leaves behind, whether it ends well, fails or is dropped, is for the transaction's primary to decide. Two
/// parts may prewrite the same mutations: a store takes each once. They must be the same to the last byte, for of
/// two that differ it keeps the first and says nothing.
#[derive(Debug)]
pub struct Participant {
    core: Arc<Core>,
    heart: Heart,
}

/// What a participant has prewritten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Keys.
    pub keys: u64,
    /// Bytes of them and their values.
    pub bytes: u64,
    /// Where they lie; there may be less between the ends than that, never more elsewhere.
    pub spans: Vec<KeySpan>,
}

/// Keys from one to another, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpan {
    /// The first.
    pub first: Vec<u8>,
    /// The last.
    pub last: Vec<u8>,
}

impl From<KeySpan> for Range {
    fn from(span: KeySpan) -> Self {
        Self { first: span.first, last: span.last }
    }
}

impl Participant {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let heart = Heart::start(&core);
        Self { core, heart }
    }

    /// Prewrites batches that come one by one, as [`Transaction::prewrite_all`](super::Transaction::prewrite_all)
    /// does, until there are no more: all locks stand then. The primary must not be among them.
    ///
    /// # Errors
    /// Any [`TxnError`](super::TxnError) but an undetermined one; what was prewritten stays so.
    /// [`TxnError::RolledBack`](super::TxnError::RolledBack) when the
    /// primary's lock is gone: the transaction has ended.
    pub async fn prewrite_all(
        self,
        batches: impl Stream<Item = Vec<Mutation>> + Send,
    ) -> Result<Part> {
        let result = self.core.prewrite_flow(Vec::new(), batches).await;
        // What goes wrong with the primary gone is for that reason.
        if let Some(doom) = self.core.engine.lock().doom() {
            return Err(doom);
        }
        result?;
        drop(self.heart);
        let spans = self.core.coverage.lock().ranges();
        let spans = spans.iter().map(|Range { first, last }| KeySpan { first, last }).collect();
        let progress = &self.core.progress;
        let (keys, bytes) = (progress.keys_prewritten(), progress.bytes_prewritten());
        Ok(Part { keys, bytes, spans })
    }
}
