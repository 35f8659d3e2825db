//! What is known of a scan before its filters are, and by it which of their conditions are worth sending: a store
//! looks at every row for each.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr, Literal};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use tifusion_client::region::Store;

use crate::scan::spec::TableScanSpec;

/// Rows that a store reads one after another in the time in which it finds the start of a range.
pub(crate) const ROWS_PER_RANGE: u64 = 8;

/// Ranges that are few for any table: what is known of its rows may be old.
const FEW_RANGES: u64 = 1_000;

/// Most values in the conditions of one filter: they go to every region that is read.
pub(super) const MAX_VALUES: usize = 1_024;

/// The same, for stores that compare with one value after another: at some hundred values it takes as long as to send
/// a row.
pub(super) const MAX_COMPARED: usize = 64;

/// The same, where rows are put into groups, which is more work than to send them.
pub(super) const MAX_COMPARED_FOR_GROUPS: usize = 512;

/// The version of TiKV from which on it hashes the values of lists.
const HASHED_SINCE: u64 = 4;

/// The part of all rows that a comparison may leave at most: to look at a row takes up to a tenth of what sending it does.
const MOST_LEFT: f64 = 0.9;

/// What is known of a scan without its filters, roughly.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Its rows.
    pub(crate) rows: Option<u64>,
    /// Its columns, by their names.
    pub(crate) columns: HashMap<String, KnownColumn>,
    /// How its stores look for a value in a list.
    pub(crate) lists: Lists,
}

/// What is known of a column, roughly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KnownColumn {
    /// How many values it has.
    pub(crate) distinct: Option<u64>,
    /// In how many rows it has none.
    pub(crate) nulls: Option<u64>,
    /// The least and the greatest value, of whole numbers.
    pub(crate) span: Option<(i128, i128)>,
}

/// How stores look for a value in a list of constants, and so how long a list of a filter's may be that they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lists {
    /// In a table of hashes.
    #[default]
    Hashed,
    /// By comparing with one after another: soon that takes longer than to read a row and send it.
    Compared,
}

impl Lists {
    /// As `stores` do it: TiKV hashes since 4.0 (its pull request 6000). What tells no version is TiDB's double of it,
    /// or nobody knows what.
    pub(crate) fn of(stores: &[Arc<Store>]) -> Self {
        let hashes = |store: &Arc<Store>| store.major_version() >= Some(HASHED_SINCE);
        if stores.iter().all(hashes) { Self::Hashed } else { Self::Compared }
    }

    /// Most values in the conditions of one filter.
    pub(super) fn most(self, spec: &TableScanSpec) -> usize {
        match self {
            Self::Hashed => MAX_VALUES,
            Self::Compared if spec.makes_groups() => MAX_COMPARED_FOR_GROUPS,
            Self::Compared => MAX_COMPARED,
        }
    }
}

impl Known {
    /// Whether to find the starts of so many ranges takes less than to read all rows.
    pub(super) fn pays(&self, ranges: usize) -> bool {
        ranges <= self.most_ranges()
    }

    /// Most ranges whose starts are found in less time than all rows are read.
    pub(super) fn most_ranges(&self) -> usize {
        let most = self.rows.map(|rows| (rows / ROWS_PER_RANGE).max(FEW_RANGES));
        most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Whether a condition drops rows worth the work of looking at all of them. A list of most values of a column keeps most
    /// of its rows, and so does a bound at which it has hardly a value beyond.
    pub(super) fn tells(&self, condition: &Arc<dyn PhysicalExpr>) -> bool {
        if let Some(list) = condition.downcast_ref::<InListExpr>() {
            let distinct = self.column(list.expr()).and_then(|column| column.distinct);
            let values = u64::try_from(list.list().len()).unwrap_or(u64::MAX);
            return list.negated() || distinct.is_none_or(|distinct| values <= distinct / 2);
        }
        let comparison = condition.downcast_ref::<BinaryExpr>();
        let left = comparison.and_then(|comparison| self.left(comparison));
        left.is_none_or(|left| left <= MOST_LEFT)
    }

    /// The part of all rows that a comparison with a constant leaves, as if values lay evenly in their column's span.
    fn left(&self, comparison: &BinaryExpr) -> Option<f64> {
        let column = self.column(comparison.left())?;
        let literal = comparison.right().downcast_ref::<Literal>()?;
        let value = whole_number(literal.value())?;
        let (least, greatest) = column.span?;
        let values = match comparison.op() {
            Operator::Gt => greatest.checked_sub(value),
            Operator::GtEq => greatest.checked_sub(value)?.checked_add(1),
            Operator::Lt => value.checked_sub(least),
            Operator::LtEq => value.checked_sub(least)?.checked_add(1),
            _ => None,
        }?;
        let all = greatest.checked_sub(least)?.checked_add(1)?;
        let nulls = column.nulls.zip(self.rows).map_or(0.0, |(nulls, rows)| share(nulls, rows));
        Some(share(values, all) * (1.0 - nulls))
    }

    fn column(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<&KnownColumn> {
        self.columns.get(expr.downcast_ref::<Column>()?.name())
    }
}

/// The part of `all` that `some` are.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn share(some: impl Into<i128>, all: impl Into<i128>) -> f64 {
    (some.into() as f64 / all.into().max(1) as f64).clamp(0.0, 1.0)
}

fn whole_number(value: &ScalarValue) -> Option<i128> {
    match *value {
        ScalarValue::Int8(value) => value.map(i128::from),
        ScalarValue::Int16(value) => value.map(i128::from),
        ScalarValue::Int32(value) => value.map(i128::from),
        ScalarValue::Int64(value) => value.map(i128::from),
        ScalarValue::UInt8(value) => value.map(i128::from),
        ScalarValue::UInt16(value) => value.map(i128::from),
        ScalarValue::UInt32(value) => value.map(i128::from),
        ScalarValue::UInt64(value) => value.map(i128::from),
        _ => None,
    }
}
