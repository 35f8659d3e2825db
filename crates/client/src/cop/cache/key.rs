//! The bytes by which equal requests are known.

use bytes::Bytes;

use crate::cop::range::KeyRange;

/// All of a request that decides about its answer, apart from the snapshot and the region's data. Parts
/// of any length come after their length, so that no two requests have the same bytes.
pub(super) fn key(tp: i64, data: &[u8], ranges: &[KeyRange], paging_size: u64) -> Bytes {
    let ends = ranges.iter().flat_map(|range| [&range.start, &range.end]);
    let parts = || std::iter::once(data).chain(ends.clone().map(|end| &end[..]));
    let len = parts().map(|part| size_of::<usize>() + part.len()).sum::<usize>();
    let mut key = Vec::with_capacity(size_of::<i64>() + size_of::<u64>() + len);
    key.extend_from_slice(&tp.to_be_bytes());
    key.extend_from_slice(&paging_size.to_be_bytes());
    for part in parts() {
        key.extend_from_slice(&part.len().to_be_bytes());
        key.extend_from_slice(part);
    }
    key.into()
}
