//! How many handles make a batch, and the ranges of keys that they are: pure.

use tifusion_codec::key::{self, Handle};

use crate::scan::spec::{KeyRange, LookupOptions};

/// Handles of the first batch: its rows are there while the index is still being read.
const FIRST: usize = 1_024;

/// Handles of the first batch under a limit, which it may satisfy.
const FIRST_OF_FEW: usize = 32;

/// Sizes of batches: each twice the one before, up to the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchSizes {
    next: usize,
    most: usize,
}

impl BatchSizes {
    /// Those of a scan of which `limit` rows are needed, if anybody knows.
    pub(super) fn new(options: LookupOptions, limit: Option<usize>) -> Self {
        let most = options.batch_size.max(1);
        let first = limit.map_or(FIRST, |limit| limit.clamp(FIRST_OF_FEW, FIRST));
        Self { next: first.min(most), most }
    }

    /// The next batch's.
    pub(super) fn current(self) -> usize {
        self.next
    }

    /// A batch was made.
    pub(super) fn grow(&mut self) {
        self.next = self.next.saturating_mul(2).min(self.most);
    }
}

/// The keys of these rows in a physical table, ascending and each once; neighbours among integers are one
/// range.
pub(super) fn ranges(physical_id: i64, mut handles: Vec<Handle>) -> Vec<KeyRange> {
    handles.sort_unstable();
    handles.dedup();
    let mut ranges = Vec::with_capacity(handles.len());
    let mut run: Option<(i64, i64)> = None;
    let mut push = |(start, end)| ranges.push(KeyRange { start, end });
    for handle in handles {
        match (handle, &mut run) {
            (Handle::Int(next), Some((_, last))) if last.checked_add(1) == Some(next) => {
                *last = next;
            }
            (Handle::Int(next), run) => {
                if let Some((first, last)) = run.replace((next, next)) {
                    push(key::int_handle_range(physical_id, first, last));
                }
            }
            (common @ Handle::Common(_), _) => {
                push(key::prefix_range(key::encode_record_key(physical_id, &common)));
            }
        }
    }
    if let Some((first, last)) = run {
        push(key::int_handle_range(physical_id, first, last));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(first: i64, last: i64) -> KeyRange {
        let (start, end) = key::int_handle_range(7, first, last);
        KeyRange { start, end }
    }

    #[test]
    fn neighbours_are_one_range_and_the_ends_are_exact() {
        let handles = |ids: &[i64]| ids.iter().map(|id| Handle::Int(*id)).collect::<Vec<_>>();
        assert_eq!(ranges(7, handles(&[5, 3, 4, 9])), [int(3, 5), int(9, 9)]);
        assert_eq!(ranges(7, handles(&[9, 5, 5, 9])), [int(5, 5), int(9, 9)]);
        let ends = [i64::MAX, i64::MIN, -1, i64::MAX - 1, i64::MIN + 1, 0];
        let want = [int(i64::MIN, i64::MIN + 1), int(-1, 0), int(i64::MAX - 1, i64::MAX)];
        assert_eq!(ranges(7, handles(&ends)), want);
        assert_eq!(ranges(7, vec![]), []);
    }

    #[test]
    fn common_handles_are_a_range_each() {
        let handles = [b"b", b"a"].map(|text| Handle::common(text.to_vec()));
        let found = ranges(7, handles.to_vec());
        let want: Vec<_> = [b"a", b"b"]
            .map(|text| key::encode_record_key(7, &Handle::common(text.to_vec())))
            .map(|start| KeyRange { end: key::prefix_next(&start), start })
            .into();
        assert_eq!(found, want);
    }

    #[test]
    fn batches_grow_up_to_the_most() {
        let sizes = |batch_size, limit| {
            let options = LookupOptions {
                batch_size,
                concurrency: 1,
                downgrade_threshold: 1,
                is_at_snapshot: true,
            };
            let mut sizes = BatchSizes::new(options, limit);
            let mut all = Vec::new();
            for _ in 0..7 {
                all.push(sizes.current());
                sizes.grow();
            }
            all
        };
        assert_eq!(sizes(20_000, None), [1_024, 2_048, 4_096, 8_192, 16_384, 20_000, 20_000]);
        assert_eq!(sizes(100, Some(3)), [32, 64, 100, 100, 100, 100, 100]);
        assert_eq!(sizes(10, None), [10; 7]);
        assert_eq!(sizes(20_000, Some(1_000_000))[0], 1_024);
    }
}
