//! A table's scan where TiDB's SQL port is asked for its rows.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::physical_plan::ExecutionPlan;
use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;

use super::{TableColumn, TidbTable};
use crate::config::{Isolation, Settings};
use crate::error::{Error, Result};
use crate::pushdown::lower::Physical;
use crate::pushdown::sql_text::{SqlText, TABLE};
use crate::scan::TikvScanExec;
use crate::scan::answer::ScanColumns;
use crate::scan::estimates::ScanEstimates;
use crate::scan::exec::ScanReader;
use crate::scan::pushed::Pushdown;
use crate::scan::spec::{AccessSummary, RowKeys, Source, TableScanSpec};
use crate::scan::sql::{SqlColumn, SqlSource, sent_type};
use crate::sql_port::SqlPort;
use crate::sql_port::text::quoted_name;
use crate::statement::StatementSnapshot;
use crate::stats::StatementStatistics;

impl TidbTable {
    /// The scan of these columns, filters and limit through TiDB's SQL port.
    ///
    /// # Errors
    /// For columns that can't be read, and settings that only stores know.
    pub(super) fn sql_scan(
        &self,
        (port, snapshot, settings): (&Arc<SqlPort>, &Arc<StatementSnapshot>, &Settings),
        projection: Option<&Vec<usize>>,
        filters: Vec<Physical>,
        (limit, known): (Option<usize>, Option<Arc<StatementStatistics>>),
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.check_settings(settings)?;
        let output = self.project(projection)?;
        if let Some(unsupported) = output.iter().find_map(|column| column.kind.unsupported()) {
            return Err(Error::from(unsupported.clone().in_table(&self.label())));
        }
        // All that can be read, so that filters and aggregates may be over any of it.
        let is_readable = |column: &&TableColumn| column.kind.unsupported().is_none();
        let all: Vec<&TableColumn> = self.columns.iter().filter(is_readable).collect();
        let place_of =
            |column: &TableColumn| all.iter().position(|it| it.info.id == column.info.id);
        let places = output.iter().filter_map(|column| u32::try_from(place_of(column)?).ok());
        let places: Vec<u32> = places.collect();
        let types: Vec<FieldType> =
            output.iter().map(|column| sent_type(&column.info.field_type)).collect();
        let columns = if output.is_empty() {
            let number = (FieldType::new(tp::LONG_LONG, 0), Field::new("", DataType::Int64, true));
            ScanColumns::row_count((&number.0, &number.1), settings.zero_date)?
        } else {
            let fields = output.iter().map(|column| column.kind.field());
            ScanColumns::new(types.iter().zip(fields), settings.zero_date)?
        };
        let named = || all.iter().map(|it| (it.info.name.as_str(), &it.info.field_type));
        let text = Arc::new(SqlText::new(named()));
        let scope = self.scope(settings, named()).for_sql(Arc::clone(&text));
        let pushdown = Pushdown::new(scope, &filters, &self.schema);
        let spec = TableScanSpec {
            database: Arc::clone(&self.database),
            table: self.info.name.as_str().into(),
            columns: Vec::new(),
            output: places,
            conditions: pushdown.conditions().to_vec(),
            source: Source::Table(RowKeys::default()),
            reduction: None,
            access: AccessSummary::default(),
            limit: limit.filter(|_| pushdown.is_exact()),
            order: None,
            start_ts: snapshot.start_ts().version(),
            schema_version: snapshot.schema_version(),
            format: settings.codec_format,
        };
        let estimates = known.as_ref().and_then(|known| known.of(self.info.id));
        let estimates = estimates.map_or_else(ScanEstimates::default, |known| {
            let output = output.iter().map(|column| (&column.info, column.kind.field()));
            ScanEstimates::new(&known.statistics, known.is_compared, output)
        });
        let columns_of_table = named().map(|(name, field_type)| SqlColumn {
            name: name.to_owned(),
            field_type: field_type.clone(),
        });
        let source = SqlSource {
            port: Arc::clone(port),
            from: self.from(),
            columns: columns_of_table.collect(),
            text,
        };
        let reader = ScanReader::SqlPort(Arc::new(source));
        let (settings, snapshot) = (settings.clone(), Arc::clone(snapshot));
        let scan = (spec, columns);
        let scan = TikvScanExec::new(reader, settings, snapshot, scan, pushdown, vec![Vec::new()]);
        Ok(Arc::new(scan.with_estimates(estimates)))
    }

    /// The table as a `FROM` has it.
    fn from(&self) -> String {
        let name = format!("{}.{}", quoted_name(&self.database), quoted_name(self.name()));
        match &self.reading.partitions {
            None => format!("{name} AS {TABLE}"),
            Some(partitions) => {
                let names: Vec<String> = partitions.iter().map(|name| quoted_name(name)).collect();
                format!("{name} PARTITION ({}) AS {TABLE}", names.join(", "))
            }
        }
    }

    /// Refuses settings that would be for nothing.
    fn check_settings(&self, settings: &Settings) -> Result<()> {
        let refuse = |what: &str| {
            Err(Error::unsupported(format!(
                "{} is read through TiDB's SQL port (read.mode = sql), where {what}",
                self.label()
            )))
        };
        if settings.isolation == Isolation::Rc {
            return refuse("request.isolation.level = RC is not available: TiDB reads a snapshot");
        }
        if settings.replica_read.is_of_others() {
            return refuse("replica_read is not available: which replica is read is TiDB's to say");
        }
        Ok(())
    }
}
