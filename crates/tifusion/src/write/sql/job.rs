//! A write through TiDB's SQL port: what is done, where.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tifusion_schema::TableInfo;

use crate::config::{Config, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::sql_port::{SessionOptions, SqlMode, SqlPort};
use crate::statement::StatementSnapshot;
use crate::write::command::WriteKind;
use crate::write::node::PlannedWrite;
use crate::write::options::{Progress, WriteOptions};

/// What such a write is made of.
#[derive(Debug)]
pub(super) struct SqlWriteJob {
    pub(super) port: Arc<SqlPort>,
    pub(super) database: Arc<str>,
    pub(super) info: Arc<TableInfo>,
    pub(super) new_collation: bool,
    pub(super) kind: WriteKind,
    pub(super) options: WriteOptions,
    pub(super) progress: Progress,
    pub(super) snapshot: Arc<StatementSnapshot>,
    pub(super) settings: Settings,
    has_run: AtomicBool,
}

impl SqlWriteJob {
    /// # Errors
    /// When it is not known where TiDB is, or an option is none of this way.
    pub(super) fn new(
        PlannedWrite { table, kind, options, .. }: &PlannedWrite,
        snapshot: Arc<StatementSnapshot>,
        config: &Config,
    ) -> Result<Self> {
        let port = table.cluster.sql_port().ok_or_else(|| {
            Error::unsupported(format!(
                "can't write to {} through TiDB's SQL port (write.mode is sql): where it is this session does not \
                 know; set tidb.addr and tidb.user when connecting",
                table.label()
            ))
        })?;
        if options.deduplicate {
            return Err(Error::unsupported(format!(
                "can't write the last of rows with one key to {} through TiDB's SQL port: write.mode bypass does, \
                 or make the frame's rows distinct",
                table.label()
            )));
        }
        Ok(Self {
            port: Arc::clone(port),
            database: Arc::clone(&table.database.1),
            info: Arc::clone(&table.info),
            new_collation: table.cluster.new_collation(),
            kind: kind.clone(),
            options: options.clone(),
            progress: Progress::default(),
            snapshot,
            settings: config.settings().clone(),
            has_run: AtomicBool::new(false),
        })
    }

    /// `database.table`, for people.
    pub(super) fn label(&self) -> String {
        format!("{}.{}", self.database, self.info.name)
    }

    /// How the connection is set up.
    pub(super) fn session_options(&self) -> SessionOptions {
        let (database, sql_mode) = match &self.kind {
            WriteKind::Statement(statement) => (statement.database.clone(), statement.mode),
            _ => (None, SqlMode::default()),
        };
        SessionOptions {
            database,
            sql_mode,
            time_zone: self.settings.time_zone.for_tidb(),
            strict: true,
            auto_random: self.settings.write_auto_random,
        }
    }

    /// Takes note that the plan runs.
    ///
    /// # Errors
    /// The second time: what a plan writes is written once.
    pub(super) fn begin(&self) -> Result<()> {
        if self.has_run.swap(true, Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "this plan has written already: plan the statement anew to write again",
            ));
        }
        Ok(())
    }

    /// Tells whoever wants to know how far it is.
    pub(super) fn tell(&self, is_committed: bool) {
        self.options.tell(self.progress.now(is_committed));
    }
}
