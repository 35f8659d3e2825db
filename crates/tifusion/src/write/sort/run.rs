//! Sorted edits in a file.

use std::fmt;
use std::io::{BufWriter, Write as _};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::DataFusionError;
use datafusion::execution::{DiskManager, SpillFile, SpillWriter};
use futures::{Stream, StreamExt as _};

use crate::error::{Error, ErrorKind, Result};
use crate::write::edit::{Edit, EditKind};

/// Bytes that are written at once.
const BYTES_PER_WRITE: usize = 64 << 10;

/// What goes before each key and value: their lengths, the kind, and the rows.
const HEADER: usize = 10;

/// A file of sorted edits, which goes with it.
pub(super) struct Run {
    file: Arc<dyn SpillFile>,
    pub(super) edits: u64,
    pub(super) bytes: u64,
}

/// A run that is being written.
pub(super) struct RunWriter {
    run: Run,
    out: BufWriter<Box<dyn SpillWriter>>,
}

impl RunWriter {
    pub(super) fn create(disk: &Arc<DiskManager>) -> Result<Self> {
        let file = disk.create_tmp_file("sorting the edits of a write")?;
        let out = BufWriter::with_capacity(BYTES_PER_WRITE, file.open_writer()?);
        Ok(Self { run: Run { file, edits: 0, bytes: 0 }, out })
    }

    pub(super) fn push(&mut self, edit: Edit<'_>) -> Result<()> {
        let [key, value] = [edit.key, edit.value].map(|bytes| u32::try_from(bytes.len()));
        let (Ok(key), Ok(value)) = (key, value) else {
            return Err(Error::new(ErrorKind::Engine, "a key or a value of 4 GiB"));
        };
        let lengths = [key.to_le_bytes(), value.to_le_bytes()];
        for part in [lengths.as_flattened(), &[edit.kind as u8, edit.rows], edit.key, edit.value] {
            self.out.write_all(part).map_err(DataFusionError::from)?;
        }
        self.run.edits += 1;
        self.run.bytes += HEADER as u64 + u64::from(key) + u64::from(value);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Run> {
        let out = self.out.into_inner().map_err(|error| DataFusionError::from(error.into_error()));
        out?.finish()?;
        Ok(self.run)
    }
}

/// Reads a run.
pub(super) struct RunReader {
    run: Run,
    chunks: Pin<Box<dyn Stream<Item = datafusion::common::Result<Bytes>> + Send>>,
    /// What was read and not taken yet.
    chunk: Bytes,
    taken: u64,
}

/// An edit that was read.
#[derive(Debug, Default)]
pub(super) struct OwnedEdit {
    key: Vec<u8>,
    value: Vec<u8>,
    kind: Option<EditKind>,
    rows: u8,
}

impl OwnedEdit {
    /// The edit; `None` before one was read.
    pub(super) fn edit(&self) -> Option<Edit<'_>> {
        let (key, value) = (self.key.as_slice(), self.value.as_slice());
        self.kind.map(|kind| Edit { key, kind, rows: self.rows, value })
    }
}

impl RunReader {
    pub(super) fn open(run: Run) -> Result<Self> {
        let chunks = run.file.read_stream()?;
        Ok(Self { run, chunks, chunk: Bytes::new(), taken: 0 })
    }

    /// Reads the next edit in the place of another; whether there was one.
    pub(super) async fn next(&mut self, edit: &mut OwnedEdit) -> Result<bool> {
        if self.taken == self.run.edits {
            return Ok(false);
        }
        // Its room is used again.
        self.read(&mut edit.key, HEADER).await?;
        let header: [u8; HEADER] = edit.key.as_slice().try_into().map_err(|_| damaged())?;
        let [k0, k1, k2, k3, v0, v1, v2, v3, kind, rows] = header;
        let (key, value) = ([k0, k1, k2, k3], [v0, v1, v2, v3]);
        let [key, value] = [key, value].map(|length| usize::try_from(u32::from_le_bytes(length)));
        self.read(&mut edit.key, key.map_err(|_| damaged())?).await?;
        self.read(&mut edit.value, value.map_err(|_| damaged())?).await?;
        edit.kind = Some(EditKind::of(kind).ok_or_else(damaged)?);
        edit.rows = rows;
        self.taken += 1;
        Ok(true)
    }

    async fn read(&mut self, into: &mut Vec<u8>, mut length: usize) -> Result<()> {
        into.clear();
        while length > 0 {
            let part = self.chunk.split_to(length.min(self.chunk.len()));
            into.extend_from_slice(&part);
            length -= part.len();
            if length > 0 {
                self.chunk = self.chunks.next().await.ok_or_else(damaged)??;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RunReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunReader")
            .field("edits", &self.run.edits)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

fn damaged() -> Error {
    Error::new(
        ErrorKind::Engine,
        "a file that edits were sorted in is damaged: nothing was written",
    )
}
