//! Other ways to a table's rows, kept with a scan for what it hears later.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;
use tifusion_schema::ColumnInfo;
use tifusion_schema::stats::TableStatistics;

use super::read_columns::Wanted;
use super::{TidbTable, whole};
use crate::access::path::order::FirstRows;
use crate::access::path::{AccessPath, Demand, IndexUse, PathSource, Price};
use crate::config::Settings;
use crate::error::Result;
use crate::pushdown::lower::Physical;
use crate::scan::other_ways::{OtherWay, OtherWays};
use crate::scan::pushed::Pushdown;
use crate::scan::spec::Source;

/// The id of a column that no entry has, so that no index stands for the rows.
const ROW: i64 = i64::MIN;

/// What a scan was planned with.
#[derive(Debug)]
pub(super) struct WaysOfTable {
    pub(super) table: TidbTable,
    pub(super) settings: Settings,
    /// The columns that are sent, and those besides that filters need.
    pub(super) sent: Vec<ColumnInfo>,
    pub(super) more: Vec<ColumnInfo>,
    pub(super) filters: Vec<Physical>,
    pub(super) statistics: TableStatistics,
    pub(super) indexes: IndexUse,
    /// Of the way that was chosen.
    pub(super) price: Price,
}

impl WaysOfTable {
    fn choose<T>(&self, choose: impl FnOnce(&Demand<'_>) -> Result<T>) -> Result<T> {
        let needed = self.sent.iter().chain(&self.more).map(|column| column.id);
        let columns: Vec<i64> = needed.chain([ROW]).collect();
        choose(&Demand {
            columns: &columns,
            statistics: &self.statistics,
            indexes: self.indexes,
            engines: self.table.engines(&self.settings),
        })
    }

    /// A path of lookups by one index.
    fn along(&self, path: AccessPath) -> Result<Option<OtherWay>> {
        let is_one = |index_ids: &Vec<i64>| index_ids.len() == 1;
        if !matches!(&path.source, PathSource::Lookup { index_ids } if is_one(index_ids)) {
            return Ok(None);
        }
        let wanted = Wanted { sent: &self.sent, more: &self.more, counts: false };
        let read = self.table.read_columns(&self.settings, &path, wanted, &self.filters)?;
        let pushdown = Pushdown::new(read.scope, &self.filters, &self.table.schema);
        let source = match read.source {
            Source::Lookup(lookup) => Source::Lookup(lookup.settling(pushdown.conditions())),
            source => source,
        };
        let key_order = self.table.key_order(&path, &self.settings)?;
        let keys = self.table.keys(&path.source);
        Ok(Some(OtherWay {
            source,
            columns: read.columns,
            segments: whole(path.tables),
            key_order,
            keys: keys.map(|keys| keys as _),
            access: path.summary,
        }))
    }
}

impl OtherWays for WaysOfTable {
    fn in_order(
        &self,
        order: &[PhysicalSortExpr],
        schema: &Schema,
        rows: usize,
    ) -> Result<Option<OtherWay>> {
        let first = FirstRows {
            order,
            schema,
            rows,
            circumstances: self.table.orders(&self.settings),
            otherwise: self.price,
        };
        let table = self.table.filtered();
        let path = self.choose(|demand| table.choose_in_order(&self.filters, demand, first))?;
        path.map_or(Ok(None), |path| self.along(path))
    }

    fn for_filters(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        schema: &Schema,
    ) -> Result<Option<OtherWay>> {
        let mut all = self.filters.clone();
        for conjunct in conjuncts {
            all.extend(over(conjunct, schema, &self.table.schema)?);
        }
        if all.len() == self.filters.len() {
            return Ok(None);
        }
        let table = self.table.filtered();
        let path = self.choose(|demand| table.choose(&all, demand))?;
        self.along(path)
    }
}

/// `expr`, whose columns are of `from`, over the columns of the same names in `to`; `None` if there are none.
fn over(expr: &Physical, from: &Schema, to: &Schema) -> Result<Option<Physical>> {
    let mut is_known = true;
    let expr = Arc::clone(expr).transform(|part| {
        let Some(column) = part.downcast_ref::<Column>() else {
            return Ok(Transformed::no(part));
        };
        let name = from.fields().get(column.index()).map(|field| field.name().as_str());
        match name.and_then(|name| Some((name, to.index_of(name).ok()?))) {
            Some((name, place)) => Ok(Transformed::yes(Arc::new(Column::new(name, place)))),
            None => {
                is_known = false;
                Ok(Transformed::no(part))
            }
        }
    })?;
    Ok(is_known.then_some(expr.data))
}
