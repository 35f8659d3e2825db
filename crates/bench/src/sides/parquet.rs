//! `DataFusion` on Parquet files: the same engine, with local files in the place of a cluster.

use arrow::array::RecordBatch;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use tempfile::TempDir;
use tifusion_testkit::tpch;

use crate::error::{BenchError, Result};
use crate::sides::Answer;

pub(super) struct Parquet {
    session: SessionContext,
    /// The files go with it.
    _folder: TempDir,
}

impl Parquet {
    pub(super) async fn write(scale: f64) -> Result<Self> {
        let session = SessionContext::new();
        let file = |path: &std::path::Path, reason: &str| BenchError::File {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let folder =
            tempfile::tempdir().map_err(|error| file(&std::env::temp_dir(), &error.to_string()))?;
        for (table, batches) in tpch::tables(scale) {
            let rows = batches.collect::<std::result::Result<Vec<_>, _>>();
            let rows = rows.map_err(|source| BenchError::Rows { table, source })?;
            let path = folder.path().join(format!("{table}.parquet"));
            let name = path.to_str().ok_or_else(|| file(&path, "a name that is no text"))?;
            let frame = session.read_batches(rows)?;
            frame.write_parquet(name, DataFrameWriteOptions::new(), None).await?;
            session.register_parquet(table, name, ParquetReadOptions::default()).await?;
        }
        Ok(Self { session, _folder: folder })
    }

    pub(super) async fn answer(&self, query: &str) -> Result<Answer> {
        let batches = self.session.sql(query).await?.collect().await?;
        Ok(Answer { rows: batches.iter().map(RecordBatch::num_rows).sum(), received: None })
    }
}
