//! Scans as executors.

use tifusion_proto::coprocessor::KeyRange;
use tifusion_proto::tipb::FieldType;

use super::executor::{Batch, Executor, Progress, Scanned, Work};
use crate::cop::error::{CopError, EvalError};
use crate::cop::scan::{IndexReader, RangeScanner, TableReader};
use crate::cop::value::Row;

/// Makes rows of pairs.
#[derive(Debug)]
pub(crate) enum PairReader {
    /// Of record keys and rows.
    Table(TableReader),
    /// Of index entries.
    Index(IndexReader),
}

impl PairReader {
    fn schema(&self) -> &[FieldType] {
        match self {
            Self::Table(reader) => &reader.schema,
            Self::Index(reader) => &reader.schema,
        }
    }

    fn read(&self, key: &[u8], value: &[u8]) -> Result<Row, EvalError> {
        match self {
            Self::Table(reader) => reader.read(key, value),
            Self::Index(reader) => reader.read(key, value),
        }
    }
}

/// Reads ranges and makes rows of them.
pub(crate) struct Scan {
    ranges: RangeScanner,
    reader: PairReader,
}

impl Scan {
    /// A scan of the ranges.
    pub(crate) fn new(ranges: RangeScanner, reader: PairReader) -> Self {
        Self { ranges, reader }
    }
}

impl Executor for Scan {
    fn schema(&self) -> &[FieldType] {
        self.reader.schema()
    }

    fn next_batch(&mut self, rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError> {
        let pairs = self.ranges.next(work.rows, rows)?;
        let progress = if pairs.len() < rows { Progress::Drained } else { Progress::Remain };
        let rows = pairs.iter().map(|(key, value)| self.reader.read(key, value));
        Ok(Batch { rows: rows.collect::<Result<_, _>>()?, progress })
    }

    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)> {
        None
    }

    fn scanned(&mut self) -> Scanned {
        Scanned { counts: self.ranges.counts.clone(), bytes: self.ranges.bytes }
    }

    fn take_scanned_range(&mut self) -> KeyRange {
        self.ranges.take_scanned()
    }
}
