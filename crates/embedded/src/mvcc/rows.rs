//! What a coprocessor reads from: the newest versions of a snapshot.

use std::ops::Range;

use tifusion_proto::kvrpcpb::LockInfo;

/// Why a key cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Blocked {
    /// A transaction that may commit below the snapshot's timestamp holds the key.
    Locked(Box<LockInfo>),
    /// The engine failed; the text names how.
    Engine(String),
}

/// A raw key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The rows of one snapshot: raw keys (as TiDB writes them, without memcomparable padding) and values.
pub(crate) trait Rows {
    /// The value of `key`; `None` when the snapshot has none.
    ///
    /// # Errors
    /// [`Blocked`], for the key.
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Blocked>;

    /// At most `limit` pairs of `range` in key order, from its end downwards when `descending`. An empty end of the
    /// range is the end of all keys. Fewer than
    /// `limit` pairs mean that the range is read out. To go on, the caller narrows the range past the last key.
    ///
    /// # Errors
    /// [`Blocked`], for the first key that cannot be read; pairs before it are not lost: the caller asks again
    /// with what it had, or gives the error on.
    fn scan(
        &mut self,
        range: Range<&[u8]>,
        limit: usize,
        descending: bool,
    ) -> Result<Vec<Pair>, Blocked>;

    /// Whether something newer than the snapshot was met so far: a later snapshot may show something else then,
    /// although nothing is written in between.
    fn met_newer(&self) -> bool;
}
