//! Frames around the edits of a partition: a first row with a nonce, and a last one that says how many edits there are.
//!
//! They are rows with the columns of edits, of kinds that no edit has.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, LargeBinaryArray, RecordBatch, UInt8Array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt8Type;
use datafusion::error::DataFusionError;
use tifusion_client::clock::Clock;

use crate::error::{Error, ErrorKind, Result};
use crate::write::edit::edit_schema;

/// Kinds of rows that are no edits.
const BEGIN: u8 = 254;
const END: u8 = 255;

/// What a frame was given when it was made, which no other was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Nonce(pub(super) Vec<u8>);

impl Nonce {
    /// Another one each time.
    pub(super) fn draw(clock: &dyn Clock) -> Self {
        let draw = || clock.random(u64::MAX).to_le_bytes();
        Self([draw(), draw()].as_flattened().to_vec())
    }
}

/// The end of a frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FrameEnd {
    pub(super) nonce: Nonce,
    pub(super) edits: u64,
}

/// The first row of a frame.
pub(super) fn begin(nonce: &Nonce) -> Result<RecordBatch> {
    row(BEGIN, &nonce.0, &[])
}

/// The last row of a frame.
pub(super) fn end(end: &FrameEnd) -> Result<RecordBatch> {
    row(END, &end.nonce.0, &end.edits.to_le_bytes())
}

fn row(kind: u8, key: &[u8], value: &[u8]) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(LargeBinaryArray::from_iter_values([key])),
        Arc::new(UInt8Array::from(vec![kind])),
        Arc::new(UInt8Array::from(vec![0])),
        Arc::new(LargeBinaryArray::from_iter_values([value])),
    ];
    Ok(RecordBatch::try_new(edit_schema(), columns).map_err(DataFusionError::from)?)
}

/// A batch, taken apart.
#[derive(Debug)]
pub(super) struct Sifted {
    /// Its edits, in their order.
    pub(super) edits: RecordBatch,
    /// The beginnings of frames, each with how many edits of the batch come before it.
    pub(super) begins: Vec<(Nonce, usize)>,
    /// The ends of frames, each with how many edits of the batch come before it.
    pub(super) ends: Vec<(FrameEnd, usize)>,
}

/// Takes a batch apart.
///
/// # Errors
/// When it is none of edits and what is around them.
pub(super) fn sift(batch: RecordBatch) -> Result<Sifted> {
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    let [keys, kinds, _, values] = batch.columns() else { return Err(malformed()) };
    let keys: Option<&LargeBinaryArray> = keys.as_binary_opt();
    let values: Option<&LargeBinaryArray> = values.as_binary_opt();
    let kinds = kinds.as_primitive_opt::<UInt8Type>();
    let (Some(keys), Some(kinds), Some(values)) = (keys, kinds, values) else {
        return Err(malformed());
    };
    if keys.null_count() + kinds.null_count() + values.null_count() > 0 {
        return Err(malformed());
    }
    let mut edits = 0;
    for (at, kind) in kinds.values().iter().enumerate() {
        let nonce = || Nonce(keys.value(at).to_vec());
        match *kind {
            BEGIN => begins.push((nonce(), edits)),
            END => {
                let count = values.value(at).try_into().map_err(|_| malformed())?;
                let end = FrameEnd { nonce: nonce(), edits: u64::from_le_bytes(count) };
                ends.push((end, edits));
            }
            _ => edits += 1,
        }
    }
    if begins.is_empty() && ends.is_empty() {
        return Ok(Sifted { edits: batch, begins, ends });
    }
    let is_edit: BooleanArray =
        kinds.values().iter().map(|kind| Some(!matches!(*kind, BEGIN | END))).collect();
    let edits = filter_record_batch(&batch, &is_edit).map_err(DataFusionError::from)?;
    Ok(Sifted { edits, begins, ends })
}

fn malformed() -> Error {
    Error::new(ErrorKind::Engine, "what comes of another executor is no frame of edits")
}

/// Reads one frame, batch by batch, and sees to it that it is whole.
#[derive(Debug)]
pub(super) struct FrameReader {
    expected: Nonce,
    has_begun: bool,
    edits: u64,
    end: Option<FrameEnd>,
}

impl FrameReader {
    /// A reader of the frame with this nonce.
    pub(super) fn new(expected: Nonce) -> Self {
        Self { expected, has_begun: false, edits: 0, end: None }
    }

    /// The edits of the next batch.
    ///
    /// # Errors
    /// When it is of another frame, or not where it should be.
    pub(super) fn read(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let Sifted { edits, begins, ends } = sift(batch)?;
        for (nonce, before) in begins {
            if nonce != self.expected || self.has_begun || before > 0 {
                return Err(another());
            }
            self.has_begun = true;
        }
        let rows = edits.num_rows();
        if (rows > 0 || !ends.is_empty()) && (!self.has_begun || self.end.is_some()) {
            return Err(another());
        }
        self.edits += rows as u64;
        for (end, before) in ends {
            let is_last = before == rows && self.end.is_none();
            if !is_last || end.nonce != self.expected || end.edits != self.edits {
                return Err(another());
            }
            self.end = Some(end);
        }
        Ok(edits)
    }

    /// The end of the frame, when there are no more batches.
    ///
    /// # Errors
    /// When it has not come.
    pub(super) fn finish(self) -> Result<FrameEnd> {
        self.end.ok_or_else(another)
    }
}

fn another() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "what an executor had encoded is not there any more as it was: nothing was written, run the statement again",
    )
}
