//! What TiDB records of the cluster in its table `mysql.tidb`.
//!
//! The table is read by one small coprocessor scan of its own: the scans of statements need to know
//! already what this finds out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::AsArray as _;
use futures::TryStreamExt as _;
use tifusion_client::Client;
use tifusion_client::cop::{CopRequest, KeyRange};
use tifusion_codec::output::ZeroDate;
use tifusion_schema::{ScanColumn, ScanOptions, TableInfo, TypeOptions, arrow_field};

use crate::config::CodecFormat;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{MetaStore, Need};
use crate::scan::answer::ScanColumns;
use crate::scan::dag;
use crate::scan::spec::{self, AccessSummary, TableScanSpec};

const DATABASE: &str = "mysql";
const TABLE: &str = "tidb";
const COLUMNS: [&str; 2] = ["variable_name", "variable_value"];

/// The variables by name.
pub(crate) async fn read(client: &Client, meta: &MetaStore) -> Result<HashMap<String, String>> {
    let missing = || Error::new(ErrorKind::NotFound, format!("{DATABASE}.{TABLE} is not there"));
    let view = meta.view(Need::Tables(&[DATABASE.to_owned()]), None).await?;
    let (database, table) = view.find(DATABASE, TABLE).ok_or_else(missing)?;
    let info = meta.table(&view, database.id, table.id).await?.ok_or_else(missing)?;
    let (spec, columns) = plan(&info, view.ts().version())?;
    let rows = spec::KeyRange::of_rows(&info, info.id)?;
    let ranges = vec![KeyRange::new(rows.start, rows.end)];
    let mut request = CopRequest::new(dag::encode(&spec, info.id), view.ts(), ranges);
    request.label = Some(spec.label().into());
    // Part of connecting, which has a bound of its own.
    request.deadline = client.clock().now().checked_add(client.options().budgets.request);
    let columns = Arc::new(columns);
    let mut variables = HashMap::new();
    let mut answers = client.coprocessor(request)?;
    while let Some(answer) = answers.try_next().await? {
        for batch in columns.open(answer.data)? {
            let batch = batch?;
            let [names, values] = batch.columns() else { continue };
            let (names, values) = (names.as_string::<i64>(), values.as_string::<i64>());
            for (name, value) in names.iter().zip(values) {
                if let (Some(name), Some(value)) = (name, value) {
                    variables.insert(name.to_owned(), value.to_owned());
                }
            }
        }
    }
    Ok(variables)
}

fn plan(info: &TableInfo, start_ts: u64) -> Result<(TableScanSpec, ScanColumns)> {
    let types = TypeOptions::default();
    let mut scan_columns = Vec::new();
    let mut fields = Vec::new();
    for name in COLUMNS {
        let column = info.find_column(name).ok_or_else(|| {
            Error::new(ErrorKind::Data, format!("{DATABASE}.{TABLE} has no column {name}"))
        })?;
        // Names are plain ASCII, which every collation keeps as it is in the key of a clustered
        // table: whether the new ones are on does not matter here.
        scan_columns.push(ScanColumn::new(info, column, ScanOptions::default())?);
        fields.push((&column.field_type, arrow_field(column, &types)?));
    }
    let columns = ScanColumns::new(
        fields.iter().map(|(field_type, field)| (*field_type, field)),
        ZeroDate::Null,
    )?;
    let spec = TableScanSpec {
        database: DATABASE.into(),
        table: TABLE.into(),
        columns: scan_columns,
        primary_column_ids: info.common_handle_column_ids()?,
        primary_prefix_column_ids: info.common_handle_prefix_column_ids()?,
        access: AccessSummary::default(),
        limit: None,
        start_ts,
        schema_version: 0,
        format: CodecFormat::Chunk,
    };
    Ok((spec, columns))
}
