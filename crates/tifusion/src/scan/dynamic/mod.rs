//! Filters that are known only while a statement runs: what the build side of a hash join has, what can
//! still be among the first rows of a top-k.
//!
//! Whoever makes one looks at every row again, so a scan takes of it what it understands: the ranges of
//! keys that it leaves, and conditions for the stores. [`weaken`] brings it into a form that the rest
//! of the crate reads; [`narrow`] is what becomes of a scan's segments, [`known`] tells what is worth it.

mod by_values;
mod known;
mod narrow;
#[cfg(test)]
mod tests;
mod weaken;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::{
    snapshot_generation, snapshot_physical_expr,
};
use datafusion::physical_plan::PhysicalExpr;
use parking_lot::Mutex;

use super::keys::SourceKeys;
use super::other_ways::{OtherWay, OtherWays};
use super::pushed::Pushdown;
use super::spec::{Segment, Source, TableScanSpec};
use crate::error::Result;
pub(crate) use by_values::ByValues;
pub(crate) use known::{Known, KnownColumn, Lists, ROWS_PER_RANGE};
use narrow::KeysByTable;

/// The dynamic filters of a scan.
#[derive(Debug)]
pub(crate) struct DynamicFilters {
    keys: Arc<dyn SourceKeys>,
    known: Arc<Known>,
    held: Vec<Held>,
    /// Ids of those whose maker has them ready before it needs a row of the scan.
    awaited: BTreeSet<u64>,
    found: Mutex<Option<Found>>,
    others: Option<Arc<dyn OtherWays>>,
    /// The other way that the scan takes, once that is decided: all of its partitions go by it.
    other: Mutex<Option<Option<Arc<OtherWay>>>>,
}

/// A filter, and the output of the scan that it speaks of.
#[derive(Debug, Clone)]
struct Held {
    filter: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

/// What the filters were found to leave.
#[derive(Debug)]
struct Found {
    generations: Vec<u64>,
    /// The scan that they were asked about.
    of: Arc<TableScanSpec>,
    left: Arc<Left>,
}

/// What the filters leave of a scan.
#[derive(Debug)]
struct Left {
    /// `None` for all.
    keys: Option<KeysByTable>,
    /// The scan with the conditions of the filters.
    spec: Arc<TableScanSpec>,
    has_conditions: bool,
}

/// One segment as the filters leave it.
#[derive(Debug)]
pub(crate) struct Narrowed {
    pub(crate) segment: Segment,
    pub(crate) spec: Arc<TableScanSpec>,
    /// Whether the stores are asked for what only this run of the statement asks for.
    pub(crate) is_own: bool,
}

impl DynamicFilters {
    /// None yet, for a scan of which this is known.
    pub(crate) fn none(keys: Arc<dyn SourceKeys>, known: Arc<Known>) -> Self {
        Self {
            keys,
            known,
            held: Vec::new(),
            awaited: BTreeSet::new(),
            found: Mutex::default(),
            others: None,
            other: Mutex::default(),
        }
    }

    /// None yet, for a scan that may take another way.
    pub(crate) fn with_other_ways(&self, others: &Arc<dyn OtherWays>) -> Self {
        Self { others: Some(Arc::clone(others)), ..self.cleared() }
    }

    /// None again.
    pub(crate) fn cleared(&self) -> Self {
        Self {
            others: self.others.clone(),
            ..Self::none(Arc::clone(&self.keys), Arc::clone(&self.known))
        }
    }

    /// With those of `filters`, over `schema`, that change while the statement runs.
    pub(crate) fn with(
        &self,
        filters: impl IntoIterator<Item = Arc<dyn PhysicalExpr>>,
        schema: &SchemaRef,
    ) -> Self {
        let mut held = self.held.clone();
        for filter in filters.into_iter().filter(|filter| !dynamic_parts(filter).is_empty()) {
            held.push(Held { filter, schema: Arc::clone(schema) });
        }
        Self { held, awaited: self.awaited.clone(), ..self.cleared() }
    }

    /// The same, waiting for those of `ids` before it reads.
    pub(crate) fn awaiting(&self, ids: &BTreeSet<u64>) -> Option<Self> {
        let awaited: BTreeSet<u64> = self.ids().intersection(ids).copied().collect();
        let changes = awaited != self.awaited;
        changes.then(|| Self { held: self.held.clone(), awaited, ..self.cleared() })
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> BTreeSet<u64> {
        let all = self.held.iter().flat_map(|held| dynamic_parts(&held.filter));
        all.filter_map(|part| part.expression_id()).collect()
    }

    /// Whether they are those of `other`, over the same columns.
    pub(crate) fn are_those_of(&self, other: &Self) -> bool {
        let is_same = |(one, other): (&Held, &Held)| {
            let (one, other) = (&one.filter, &other.filter);
            one.expression_id() == other.expression_id() && one.children() == other.children()
        };
        self.held.len() == other.held.len() && self.held.iter().zip(&other.held).all(is_same)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Calls `f` for each.
    pub(crate) fn apply(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        for held in &self.held {
            if f(&held.filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    /// Waits until those that come soon are complete, no longer than `most` and not past `deadline`.
    pub(crate) async fn wait(&self, most: Duration, deadline: Option<Instant>) {
        let end = tokio::time::Instant::now().checked_add(most);
        let end = end.into_iter().chain(deadline.map(Into::into)).min();
        let awaited = self.held.iter().flat_map(|held| dynamic_parts(&held.filter));
        let awaited = awaited.filter(|part| {
            part.expression_id().is_some_and(|expression_id| self.awaited.contains(&expression_id))
        });
        for part in awaited {
            let Some(part) = part.downcast_ref::<DynamicFilterPhysicalExpr>() else { continue };
            let Some(end) = end else { return };
            // What isn't complete says less, and nothing wrong.
            if tokio::time::timeout_at(end, part.wait_complete()).await.is_err() {
                return;
            }
        }
    }

    /// The way by an index that they make the cheaper one, as they were when this was asked first; `None`
    /// if there is none.
    pub(crate) fn other_way(&self, spec: &TableScanSpec) -> Option<Arc<OtherWay>> {
        // The rows of a scan that keeps an order have been promised in that one.
        let is_table = spec.source.is_rows() && spec.order.is_none();
        let others = self.others.as_ref().filter(|_| is_table)?;
        let mut decided = self.other.lock();
        if let Some(decided) = &*decided {
            return decided.clone();
        }
        let found = self.find_other(&**others).unwrap_or_else(|error| {
            tracing::debug!(%error, "no other way is looked for");
            None
        });
        let is_lookup = |way: &OtherWay| matches!(way.source, Source::Lookup(_));
        let way = found.filter(|way| is_lookup(way) && way.along(spec).is_some()).map(Arc::new);
        *decided = Some(way.clone());
        way
    }

    fn find_other(&self, others: &dyn OtherWays) -> Result<Option<OtherWay>> {
        let Some(first) = self.held.first() else { return Ok(None) };
        let mut conjuncts = Vec::new();
        for held in self.held.iter().filter(|held| held.schema == first.schema) {
            let filter = snapshot_physical_expr(Arc::clone(&held.filter))?;
            conjuncts.extend(weaken::conjuncts(&filter, &held.schema)?);
        }
        match conjuncts.is_empty() {
            true => Ok(None),
            false => others.for_filters(&conjuncts, &first.schema),
        }
    }

    /// What they leave of `segment` as they are now; `None` if nothing.
    pub(crate) fn narrow(
        &self,
        segment: &Segment,
        spec: &Arc<TableScanSpec>,
        pushdown: &Pushdown,
    ) -> Result<Option<Narrowed>> {
        let left = self.left(spec, pushdown)?;
        let segment = match &left.keys {
            Some(keys) => keys.narrow(segment),
            None => Some(segment.clone()),
        };
        let with = |segment| Narrowed {
            segment,
            spec: Arc::clone(&left.spec),
            is_own: left.has_conditions,
        };
        Ok(segment.map(with))
    }

    /// What they leave as they are now, found out once for each state of them.
    fn left(&self, spec: &Arc<TableScanSpec>, pushdown: &Pushdown) -> Result<Arc<Left>> {
        let generations = self.held.iter().map(|held| snapshot_generation(&held.filter));
        let generations: Vec<u64> = generations.collect();
        let mut found = self.found.lock();
        let is_it =
            |found: &&Found| found.generations == generations && Arc::ptr_eq(&found.of, spec);
        if let Some(found) = found.as_ref().filter(is_it) {
            return Ok(Arc::clone(&found.left));
        }
        let left = Arc::new(self.find(spec, pushdown)?);
        *found = Some(Found { generations, of: Arc::clone(spec), left: Arc::clone(&left) });
        Ok(left)
    }

    fn find(&self, spec: &Arc<TableScanSpec>, pushdown: &Pushdown) -> Result<Left> {
        let mut keys = None;
        let mut conditions = spec.conditions.clone();
        for held in &self.held {
            let filter = snapshot_physical_expr(Arc::clone(&held.filter))?;
            let conjuncts = weaken::conjuncts(&filter, &held.schema)?;
            if conjuncts.is_empty() {
                continue;
            }
            let of_filter = self.keys_of(&filter, &conjuncts, &held.schema)?;
            let pays = self.known.pays(of_filter.len());
            if pays {
                keys = Some(match keys {
                    Some(keys) => of_filter.intersect(&keys),
                    None => of_filter,
                });
            }
            let mut open = Vec::new();
            for conjunct in &conjuncts {
                if !pays || !self.is_of_keys(conjunct, &held.schema)? {
                    let sent = weaken::for_stores(conjunct, self.known.lists.most(spec));
                    open.extend(sent.filter(|open| self.known.tells(open)));
                }
            }
            for condition in pushdown.lowered(&open, &held.schema) {
                if !conditions.contains(&condition) {
                    conditions.push(condition);
                }
            }
        }
        let has_conditions = conditions.len() > spec.conditions.len();
        let spec = match has_conditions {
            true => Arc::new(TableScanSpec { conditions, ..TableScanSpec::clone(spec) }),
            false => Arc::clone(spec),
        };
        Ok(Left { keys, spec, has_conditions })
    }

    /// Whether `conjunct` is a list of which each value has keys of its own, which say all of it.
    fn is_of_keys(&self, conjunct: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
        let values = weaken::values(conjunct);
        if values == 0 {
            return Ok(false);
        }
        let keys = KeysByTable::new(self.keys.keys(std::slice::from_ref(conjunct), schema)?);
        let all = KeysByTable::new(self.keys.keys(&[], schema)?);
        Ok(keys != all && keys.len() >= values)
    }

    /// The keys that one filter leaves.
    fn keys_of(
        &self,
        filter: &Arc<dyn PhysicalExpr>,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        schema: &Schema,
    ) -> Result<KeysByTable> {
        let keys = KeysByTable::new(self.keys.keys(conjuncts, schema)?);
        let Some(tuples) = weaken::tuples(filter) else { return Ok(keys) };
        // Of several columns in a key, only together do values leave single keys.
        let all = KeysByTable::new(self.keys.keys(&[], schema)?);
        let mut of_tuples = Vec::new();
        for (at, tuple) in tuples.iter().enumerate() {
            let of_tuple = self.keys.keys(tuple, schema)?;
            if at == 0 && KeysByTable::new(of_tuple.clone()) == all {
                return Ok(keys);
            }
            of_tuples.extend(of_tuple);
        }
        Ok(KeysByTable::union(of_tuples).intersect(&keys))
    }
}

impl fmt::Display for DynamicFilters {
    /// Which columns they speak of, not which values: those may be many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_one = |held: &Held| {
            let mut names: Vec<String> = collect_columns(&held.filter)
                .into_iter()
                .map(|column| column.name().to_owned())
                .collect();
            names.sort_unstable();
            if let [name] = names.as_slice() {
                name.clone()
            } else {
                format!("({})", names.join(", "))
            }
        };
        let all: Vec<String> = self.held.iter().map(of_one).collect();
        f.write_str(&all.join(", "))
    }
}

/// The dynamic filters in an expression.
pub(crate) fn dynamic_parts(expr: &Arc<dyn PhysicalExpr>) -> Vec<Arc<dyn PhysicalExpr>> {
    let mut found = Vec::new();
    let visited = expr.apply(|part| {
        if part.is::<DynamicFilterPhysicalExpr>() {
            found.push(Arc::clone(part));
            return Ok(TreeNodeRecursion::Jump);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if visited.is_err() {
        found.clear();
    }
    found
}
