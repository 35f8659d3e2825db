//! What TiDB records of the cluster in its tables `mysql.tidb` and `mysql.expr_pushdown_blacklist`.
//!
//! Each is read by one small coprocessor scan of its own: the scans of statements need to know
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
use crate::meta::{MetaStore, Need, SYSTEM_DATABASE};
use crate::scan::answer::ScanColumns;
use crate::scan::dag;
use crate::scan::spec::{self, AccessSummary, RowKeys, Source, TableScanSpec};

/// The variables of `mysql.tidb` by name.
pub(crate) async fn read(client: &Client, meta: &MetaStore) -> Result<HashMap<String, String>> {
    let columns = ["variable_name", "variable_value"];
    let rows = read_pairs(client, meta, ("tidb", columns)).await?;
    let both = |(name, value): (Option<String>, Option<String>)| name.zip(value);
    Ok(rows.into_iter().filter_map(both).collect())
}

/// What TiKV shall not evaluate, as `mysql.expr_pushdown_blacklist` has it.
pub(crate) async fn pushdown_blacklist(client: &Client, meta: &MetaStore) -> Result<Vec<String>> {
    let columns = ["name", "store_type"];
    let rows = read_pairs(client, meta, ("expr_pushdown_blacklist", columns)).await?;
    let is_ours = |stores: &Option<String>| {
        stores.as_deref().is_none_or(|stores| {
            stores.split(',').any(|store| store.trim().eq_ignore_ascii_case("tikv"))
        })
    };
    Ok(rows
        .into_iter()
        .filter(|(_, stores)| is_ours(stores))
        .filter_map(|(name, _)| name)
        .collect())
}

/// Those of TiDB's global variables that have one of these names; none where the cluster keeps no such table.
pub(crate) async fn globals(
    client: &Client,
    meta: &MetaStore,
    names: &[&str],
) -> Result<HashMap<String, String>> {
    let columns = ["variable_name", "variable_value"];
    let rows = match read_pairs(client, meta, ("global_variables", columns)).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        rows => rows?,
    };
    let both = rows.into_iter().filter_map(|(name, value)| name.zip(value));
    Ok(both.filter(|(name, _)| names.contains(&name.as_str())).collect())
}

type Pair = (Option<String>, Option<String>);

/// The texts of two columns of a small table.
async fn read_pairs(
    client: &Client,
    meta: &MetaStore,
    (name, wanted): (&str, [&str; 2]),
) -> Result<Vec<Pair>> {
    let missing =
        || Error::new(ErrorKind::NotFound, format!("{SYSTEM_DATABASE}.{name} is not there"));
    let view = meta.view(Need::Tables(&[SYSTEM_DATABASE.to_owned()]), None).await?;
    let (database, table) = view.find(SYSTEM_DATABASE, name).ok_or_else(missing)?;
    let info = meta.table(&view, database.id, table.id).await?.ok_or_else(missing)?;
    let (spec, columns) = plan(&info, wanted, view.ts().version())?;
    let rows = spec::KeyRange::of_rows(&info, info.id)?;
    let ranges = vec![KeyRange::new(rows.start, rows.end)];
    let mut request = CopRequest::new(dag::encode(&spec, info.id), view.ts(), ranges);
    request.label = Some(spec.label().into());
    // Part of connecting, which has a bound of its own.
    request.deadline = client.clock().now().checked_add(client.options().budgets.request);
    let columns = Arc::new(columns);
    let mut pairs = Vec::new();
    let mut answers = client.coprocessor(request)?;
    while let Some(answer) = answers.try_next().await? {
        for batch in columns.open(answer.data)? {
            let batch = batch?;
            let [first, second] = batch.columns() else { continue };
            let (first, second) = (first.as_string::<i64>(), second.as_string::<i64>());
            let owned = |text: Option<&str>| text.map(str::to_owned);
            pairs.extend(first.iter().zip(second).map(|(a, b)| (owned(a), owned(b))));
        }
    }
    Ok(pairs)
}

fn plan(
    info: &TableInfo,
    wanted: [&str; 2],
    start_ts: u64,
) -> Result<(TableScanSpec, ScanColumns)> {
    let types = TypeOptions::default();
    let mut scan_columns = Vec::new();
    let mut fields = Vec::new();
    for name in wanted {
        let column = info.find_column(name).ok_or_else(|| {
            Error::new(
                ErrorKind::Data,
                format!("{SYSTEM_DATABASE}.{} has no column {name}", info.name.as_str()),
            )
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
        database: SYSTEM_DATABASE.into(),
        table: info.name.as_str().into(),
        columns: scan_columns,
        output: vec![0, 1],
        conditions: Vec::new(),
        source: Source::Table(RowKeys::of(info)?),
        reduction: None,
        access: AccessSummary::default(),
        limit: None,
        order: None,
        start_ts,
        schema_version: 0,
        format: CodecFormat::Chunk,
    };
    Ok((spec, columns))
}
