//! One run of a write: the table, what is done to it, and the snapshot that it is done from.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use bytes::Bytes;
use parking_lot::Mutex;
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::input::{ColumnConverter, InputError, ValueConverter};
use tifusion_schema::ColumnInfo;
use tifusion_schema::column_default::current_time;
use tracing::Instrument as _;

use super::command::WriteKind;
use super::edit::EditReader;
use super::ids::IdSource;
use super::options::{Progress, WriteOptions};
use super::sample::KeySample;
use super::target::WriteTarget;
use crate::config::{Config, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::StatementSnapshot;

/// Keys that are read at once.
const KEYS_PER_READ: usize = 4096;

/// What a write is made of; shared by its operators.
#[derive(Debug)]
pub(super) struct WriteJob {
    pub(super) target: Arc<WriteTarget>,
    pub(super) kind: WriteKind,
    pub(super) options: WriteOptions,
    pub(super) progress: Progress,
    pub(super) snapshot: Arc<StatementSnapshot>,
    pub(super) settings: Settings,
    pub(super) ids: IdSource,
    sample: Mutex<KeySample>,
    has_run: AtomicBool,
}

impl WriteJob {
    /// A write of `kind` to `target` from `snapshot`.
    ///
    /// # Errors
    /// When the table's description says more bits than an id has.
    pub(super) fn new(
        target: Arc<WriteTarget>,
        (kind, options): (WriteKind, WriteOptions),
        snapshot: Arc<StatementSnapshot>,
        config: &Config,
    ) -> Result<Self> {
        let ids = IdSource::new(Arc::clone(&target), snapshot.query())?;
        let settings = config.settings().clone();
        Ok(Self {
            target,
            kind,
            options,
            progress: Progress::default(),
            snapshot,
            settings,
            ids,
            sample: Mutex::default(),
            has_run: AtomicBool::new(false),
        })
    }

    /// Takes note of what is going to be written.
    pub(super) fn see(&self, edits: &RecordBatch) -> Result<()> {
        if !self.options.split.is_on {
            return Ok(());
        }
        let edits = EditReader::new(edits)?;
        let mut sample = self.sample.lock();
        for edit in edits.edits() {
            let edit = edit?;
            sample.see(edit.key, edit.value.len());
        }
        Ok(())
    }

    /// The keys at which regions are to be split before anything is written.
    pub(super) fn split_keys(&self) -> Vec<Vec<u8>> {
        let rows = self.progress.now(false).rows_encoded;
        self.sample.lock().split_keys(&self.options.split, rows)
    }

    /// Tells whoever wants to know how far it is.
    pub(super) fn tell(&self, is_committed: bool) {
        self.options.tell(self.progress.now(is_committed));
    }

    /// The way from values of an Arrow type to those of a column.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn converter(
        &self,
        source: &DataType,
        target: &FieldType,
    ) -> Result<ColumnConverter, InputError> {
        let new_collation = self.target.cluster.new_collation();
        let zone = self.settings.time_zone.zone();
        ColumnConverter::with(source, ValueConverter::new(target, zone, new_collation)?)
    }

    /// The time of the statement, as a column has it.
    ///
    /// # Errors
    /// When no calendar has it.
    pub(super) fn now(&self, column: &ColumnInfo) -> Result<Datum<'static>> {
        let millis = i64::try_from(self.snapshot.start_ts().physical_ms()).unwrap_or(i64::MAX);
        let micros = millis.saturating_mul(1000);
        Ok(current_time(column, micros, self.settings.time_zone.zone())?)
    }

    /// Takes note that the plan runs.
    ///
    /// # Errors
    /// The second time: its timestamp belongs to one transaction.
    pub(super) fn begin(&self) -> Result<()> {
        if self.has_run.swap(true, Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "this plan has written already: plan the statement anew to write again",
            ));
        }
        Ok(())
    }

    /// The values of those of `keys` that are there, as of the snapshot.
    pub(super) async fn read(&self, mut keys: Vec<Vec<u8>>) -> Result<HashMap<Vec<u8>, Bytes>> {
        keys.sort_unstable();
        keys.dedup();
        let at = &self.snapshot;
        let snapshot = self.target.snapshot(at.start_ts(), at.query(), at.deadline());
        let mut found = HashMap::new();
        for keys in keys.chunks(KEYS_PER_READ) {
            let read = snapshot.batch_get(keys.to_vec());
            let pairs = read.instrument(at.span().clone()).await?;
            // TiDB's own store answers with empty values for what was deleted.
            let there = pairs.into_iter().filter(|pair| !pair.value.is_empty());
            found.extend(there.map(|pair| (pair.key, pair.value)));
        }
        Ok(found)
    }
}
