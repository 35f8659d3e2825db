//! Keys at PD's edge: its region boundaries are memory-comparable, the rest of the client's keys raw.

use tifusion_codec::bytes;
use tifusion_proto::{metapb, pdpb};

use super::{BucketInfo, RegionInfo};
use crate::error::{ClientError, ErrorKind, Result};

/// The raw key as PD compares it; the empty key, an unbounded one, stays empty.
pub(crate) fn encode(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if !raw.is_empty() {
        bytes::encode_bytes(&mut out, raw);
    }
    out
}

/// The raw form of a boundary.
pub(crate) fn decode(encoded: &[u8]) -> Result<Vec<u8>> {
    if encoded.is_empty() {
        return Ok(Vec::new());
    }
    bytes::decode_bytes(&mut &*encoded).map_err(|error| {
        ClientError::new(
            ErrorKind::Protocol,
            "a region boundary is not a memory-comparable key: is this a cluster of raw keys?",
        )
        .with_key(encoded)
        .with_source(error)
    })
}

/// As [`decode`], for many.
pub(crate) fn decode_keys(encoded: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    encoded.iter().map(|key| decode(key)).collect()
}

/// A region with raw boundaries.
pub(crate) fn decode_region(mut region: metapb::Region) -> Result<metapb::Region> {
    let at_region = |error: ClientError| error.with_region(region.id);
    region.start_key = decode(&region.start_key).map_err(at_region)?;
    region.end_key = decode(&region.end_key).map_err(at_region)?;
    Ok(region)
}

/// What PD tells about one region, raw.
pub(super) fn decode_info(told: pdpb::Region) -> Result<Option<RegionInfo>> {
    let Some(region) = told.region else { return Ok(None) };
    let region = decode_region(region)?;
    // Buckets only divide the work: those that cannot be decoded are left out.
    let buckets = told.buckets.and_then(|buckets| {
        let keys = decode_keys(buckets.keys).ok()?;
        Some(BucketInfo { version: buckets.version, keys })
    });
    let down = told.down_peers.into_iter().filter_map(|stats| stats.peer);
    Ok(Some(RegionInfo {
        region,
        leader: told.leader,
        buckets,
        down_peers: down.map(|peer| peer.id).collect(),
        pending_peers: told.pending_peers.into_iter().map(|peer| peer.id).collect(),
    }))
}
