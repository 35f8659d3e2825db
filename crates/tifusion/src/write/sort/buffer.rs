//! Edits in memory.

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::write::edit::{Edit, EditReader};

/// Edits as they came.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    batches: Vec<EditReader>,
}

/// Where an edit is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its key from where the keys begin to differ, as far as it fits: most comparisons need no more.
    head: u128,
    batch: usize,
    row: usize,
}

impl Buffer {
    /// What a batch takes, its places in the order included.
    pub(super) fn bytes_of(batch: &RecordBatch) -> usize {
        batch.get_array_memory_size() + batch.num_rows() * size_of::<Place>()
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        self.batches.push(EditReader::new(batch)?);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The edits in the order of their keys.
    pub(super) fn sorted(self) -> SortedBuffer {
        let common = self.common_prefix();
        let mut places = Vec::with_capacity(self.batches.iter().map(EditReader::len).sum());
        for (batch, edits) in self.batches.iter().enumerate() {
            let heads = edits.keys().map(|key| head(key, common));
            places.extend(heads.enumerate().map(|(row, head)| Place { head, batch, row }));
        }
        let order = |place: &Place| {
            self.batches.get(place.batch).map(|edits| (edits.key(place.row), edits.kind(place.row)))
        };
        places.sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| order(a).cmp(&order(b))));
        SortedBuffer { batches: self.batches, places: places.into_iter() }
    }

    /// Bytes that all keys begin with.
    fn common_prefix(&self) -> usize {
        let mut keys = self.batches.iter().flat_map(EditReader::keys);
        let Some(first) = keys.next() else { return 0 };
        keys.fold(first.len(), |common, key| {
            let same = first.iter().zip(key).take(common);
            same.take_while(|(a, b)| a == b).count()
        })
    }
}

/// The bytes behind `skip`, in the order of the keys; where it is the same, a longer key may be greater.
fn head(key: &[u8], skip: usize) -> u128 {
    let mut head = [0; size_of::<u128>()];
    for (to, from) in head.iter_mut().zip(key.iter().skip(skip)) {
        *to = *from;
    }
    u128::from_be_bytes(head)
}

/// Edits in the order of their keys.
#[derive(Debug)]
pub(super) struct SortedBuffer {
    batches: Vec<EditReader>,
    places: std::vec::IntoIter<Place>,
}

impl SortedBuffer {
    pub(super) fn next(&mut self) -> Result<Option<Edit<'_>>> {
        let Some(place) = self.places.next() else { return Ok(None) };
        self.batches.get(place.batch).map(|edits| edits.edit(place.row)).transpose()
    }
}
