//! Mutations cut into requests: each within a region, and of bounded size.

use std::sync::Arc;

use super::mutation::Mutation;
use crate::backoff::Backoffer;
use crate::error::Result;
use crate::region::{Region, RegionCache};

/// What a mutation adds to a request beyond its key and value.
const OVERHEAD: usize = 16;

/// The mutations of one request, in key order.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) region: Arc<Region>,
    pub(super) mutations: Vec<Mutation>,
    /// Keys of the transaction in the region, for whoever resolves the locks; `u64::MAX` when unknown.
    pub(super) txn_size: u64,
    bytes: usize,
}

impl Piece {
    /// Bytes of keys and values.
    pub(super) fn size(&self) -> usize {
        self.mutations.iter().map(Mutation::size).sum()
    }

    /// Whether it changes this key.
    pub(super) fn changes(&self, key: &[u8]) -> bool {
        self.mutations.binary_search_by(|mutation| mutation.key.as_slice().cmp(key)).is_ok()
    }
}

/// Sorts mutations by key.
///
/// # Errors
/// The first key that is there twice.
pub(super) fn sort(mutations: &mut [Mutation]) -> Result<(), Vec<u8>> {
    mutations.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let twice = mutations.windows(2).find_map(|pair| match pair {
        [a, b] if a.key == b.key => Some(a.key.clone()),
        _ => None,
    });
    twice.map_or(Ok(()), Err)
}

/// Cuts sorted mutations by region and into at most `max_bytes`, but at least one each.
///
/// # Errors
/// When a region cannot be located.
pub(super) async fn cut(
    regions: &RegionCache,
    bo: &mut Backoffer,
    mutations: Vec<Mutation>,
    max_bytes: usize,
) -> Result<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    for mutation in mutations {
        let size = mutation.size() + OVERHEAD;
        let region = match pieces.last_mut() {
            Some(piece) if piece.region.contains(&mutation.key) => {
                if piece.bytes + size <= max_bytes {
                    piece.bytes += size;
                    piece.mutations.push(mutation);
                    continue;
                }
                Arc::clone(&piece.region)
            }
            _ => regions.locate_key(bo, &mutation.key).await?,
        };
        pieces.push(Piece { region, mutations: vec![mutation], txn_size: 0, bytes: size });
    }
    count(&mut pieces);
    Ok(pieces)
}

/// Puts the piece that changes `key` first, if there is one. With the key alone where there are other pieces, for
/// they wait for its answer.
pub(super) fn put_first(pieces: &mut Vec<Piece>, key: &[u8]) {
    let Some(at) = pieces.iter().position(|piece| piece.changes(key)) else { return };
    pieces.swap(0, at);
    let several = pieces.len() > 1;
    let Some(piece) = pieces.first_mut().filter(|piece| several && piece.mutations.len() > 1)
    else {
        return;
    };
    let found = piece.mutations.binary_search_by(|mutation| mutation.key.as_slice().cmp(key));
    let Ok(at) = found else { return };
    let mutation = piece.mutations.remove(at);
    let bytes = mutation.size() + OVERHEAD;
    piece.bytes -= bytes;
    let (region, txn_size) = (Arc::clone(&piece.region), piece.txn_size);
    pieces.insert(0, Piece { region, mutations: vec![mutation], txn_size, bytes });
}

/// Tells each piece how many mutations its region has.
fn count(pieces: &mut [Piece]) {
    let same = |a: &Piece, b: &Piece| a.region.ver_id == b.region.ver_id;
    for group in pieces.chunk_by_mut(same) {
        let keys: usize = group.iter().map(|piece| piece.mutations.len()).sum();
        group.iter_mut().for_each(|piece| piece.txn_size = keys as u64);
    }
}
