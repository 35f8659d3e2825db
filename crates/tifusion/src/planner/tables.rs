//! The tables that a statement reads and writes.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{DmlStatement, LogicalPlan, WriteOp};
use tifusion_client::Timestamp;

use super::dml_write;
use crate::catalog::UnreadableTable;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::meta::{Need, SYSTEM_DATABASE};
use crate::reading::{ViewUse, different_times};
use crate::statement::StatementSnapshot;
use crate::table::TidbTable;
use crate::write::{TidbWrite, WriteKind, WrittenTable};
/// What is done to a table.
pub(super) struct OwnWrite {
    pub(super) table: Arc<WrittenTable>,
    pub(super) kind: WriteKind,
}

/// What a plan reads.
pub(super) struct Tables {
    /// The providers of all its scans, those of subqueries included.
    pub(super) providers: Vec<Arc<dyn TableProvider>>,
    /// The names that it lists through `information_schema`.
    pub(super) listing: Option<Need<'static>>,
    /// Those that it writes to.
    pub(super) written: Vec<Arc<WrittenTable>>,
    /// Those of them that this crate's own writes are to, and what is done.
    pub(super) own_writes: Vec<OwnWrite>,
    /// How many transactions write to them.
    pub(super) writes: usize,
    /// Why it does not write what it should.
    refused: Option<Error>,
}

impl Tables {
    pub(super) fn of(plan: &LogicalPlan) -> DataFusionResult<Self> {
        let mut tables = Self {
            providers: Vec::new(),
            listing: None,
            written: Vec::new(),
            own_writes: Vec::new(),
            writes: 0,
            refused: None,
        };
        plan.apply_with_subqueries(|node| {
            match node {
                LogicalPlan::TableScan(scan) => {
                    if let Ok(provider) = source_as_provider(&scan.source) {
                        tables.providers.push(provider);
                    }
                    if scan.table_name.schema() == Some("information_schema") {
                        tables.list(scan.table_name.table());
                    }
                }
                LogicalPlan::Dml(dml) => {
                    if let Ok(provider) = source_as_provider(&dml.target) {
                        tables.write(dml, provider);
                    }
                }
                LogicalPlan::Extension(_) => {
                    if let Some(write) = TidbWrite::of(node) {
                        let written = write.writes().iter().map(|write| &write.table);
                        tables.written.extend(written.map(Arc::clone));
                        let own = write.writes().iter().map(|write| OwnWrite {
                            table: Arc::clone(&write.table),
                            kind: write.kind.clone(),
                        });
                        tables.own_writes.extend(own);
                        tables.writes += 1;
                    }
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(tables)
    }

    /// Takes note of a write that DataFusion's own planner made.
    fn write(&mut self, dml: &DmlStatement, provider: Arc<dyn TableProvider>) {
        if let Some(table) = provider.downcast_ref::<TidbTable>() {
            // A rule has looked at what is inserted, before it was rewritten.
            if !matches!(dml.op, WriteOp::Insert(_)) {
                self.refused = dml_write::check(dml, table).err();
            }
            self.written.push(Arc::new(table.written()));
            self.writes += 1;
        } else if provider.is::<UnreadableTable>() {
            self.providers.push(provider);
        }
    }

    fn list(&mut self, table: &str) {
        match table {
            "df_settings" | "routines" | "parameters" => {}
            "schemata" => self.listing = self.listing.or(Some(Need::Databases)),
            _ => self.listing = Some(Need::Everything),
        }
    }

    /// The databases of tables and views, and that of TiDB's own tables.
    pub(super) fn databases(&self) -> Vec<String> {
        let mut databases: Vec<_> =
            self.readable().map(|table| table.database().to_owned()).collect();
        databases.extend(self.views().map(|view| view.database.to_string()));
        databases.extend(self.written.iter().map(|table| table.database.1.to_string()));
        databases.push(SYSTEM_DATABASE.to_owned());
        databases.sort_unstable();
        databases.dedup();
        databases
    }

    /// Whether anything of it is the cluster's.
    pub(super) fn is_ours(&self) -> bool {
        self.listing.is_some() || !self.written.is_empty() || self.readable().next().is_some()
    }

    pub(super) fn readable(&self) -> impl Iterator<Item = &TidbTable> {
        self.providers.iter().filter_map(|provider| provider.downcast_ref::<TidbTable>())
    }

    /// The views around the tables.
    pub(super) fn views(&self) -> impl Iterator<Item = &Arc<ViewUse>> {
        self.readable().flat_map(|table| &table.reading().views)
    }

    /// Whether a table is read as of a time of its own.
    pub(super) fn is_past(&self) -> bool {
        self.readable().any(|table| table.reading().as_of.is_some())
    }

    /// The one time that all tables, and the statement around them, are to be read at; `None` for now.
    ///
    /// # Errors
    /// When there is more than one.
    pub(super) fn as_of(&self, outer: Option<&StatementSnapshot>) -> Result<Option<Timestamp>> {
        let mut all = self.readable().map(|table| table.reading().as_of);
        let Some(first) = outer.map(StatementSnapshot::as_of).or_else(|| all.next()) else {
            return Ok(None);
        };
        match all.find(|other| *other != first) {
            None => Ok(first),
            Some(other) => Err(different_times(first, other)),
        }
    }

    /// Refuses what can't be read, and what must not be written.
    pub(super) fn check(&self, cluster: &Arc<Cluster>) -> Result<()> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        for provider in &self.providers {
            if let Some(table) = provider.downcast_ref::<UnreadableTable>() {
                return Err(table.reason().clone());
            }
        }
        let read = self.readable().find(|table| !Arc::ptr_eq(table.cluster(), cluster));
        let read = read.map(|table| table.label());
        let written = || self.written.iter().find(|table| !Arc::ptr_eq(&table.cluster, cluster));
        match read.or_else(|| written().map(|table| table.label())) {
            None => Ok(()),
            Some(table) => Err(Error::invalid(format!(
                "{table} belongs to another TidbContext: a statement reads and writes one cluster"
            ))),
        }
    }
}
