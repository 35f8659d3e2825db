//! How many rows TiDB thinks that tables have, after a write: `mysql.stats_meta`.
//!
//! TiDB's servers add up what they write themselves, and so know when a table is to be analyzed again. Of this
//! writer's rows they hear here, where that is asked for. It is a transaction of its own behind the write's, for each
//! table and each of its partitions: the rows are there whatever becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tifusion_client::QueryId;
use tifusion_client::txn::{Assertion, Mutation, TxnError, TxnOptions};
use tifusion_codec::datum::Datum;
use tifusion_codec::index::IndexValue;
use tifusion_codec::key::{KeyHead, decode_head, decode_record_key, encode_record_key};
use tifusion_schema::EncodedRow;

use super::guard::{SchemaGuard, SchemaGuards};
use super::merge::Merged;
use super::target::{WriteTarget, WrittenTable};
use super::txn_error::transaction_error;
use crate::cluster::Cluster;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, SYSTEM_DATABASE};

const TABLE: &str = "stats_meta";

/// How often TiDB may come first.
const MOST_TRIES: usize = 5;

/// What was written to a table or partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowChange {
    /// How many rows more it has.
    pub(super) more: i64,
    /// How many rows were changed.
    pub(super) changed: u64,
}

impl RowChange {
    fn add(&mut self, other: Self) {
        self.more += other.more;
        self.changed += other.changed;
    }
}

/// What was written to tables and partitions, by their ids.
#[derive(Debug, Default)]
pub(super) struct RowChanges {
    by_table: BTreeMap<i64, RowChange>,
}

impl RowChanges {
    /// Takes note of what is done to a key.
    pub(super) fn see(&mut self, merged: &Merged) {
        if let Ok(KeyHead::Record { table_id }) = decode_head(&mut merged.mutation.key.as_slice()) {
            let change = RowChange { more: merged.more, changed: merged.rows };
            self.add(table_id, change);
        }
    }

    /// By the ids of tables and partitions.
    pub(super) fn by_table(&self) -> &BTreeMap<i64, RowChange> {
        &self.by_table
    }

    /// Adds what another part of the same write has done to a table or partition.
    pub(super) fn add(&mut self, table_id: i64, change: RowChange) {
        self.by_table.entry(table_id).or_default().add(change);
    }

    /// Those of a table with this id, and of all its partitions.
    fn with_table(self, id: i64) -> BTreeMap<i64, RowChange> {
        let mut all = RowChange::default();
        self.by_table.values().for_each(|change| all.add(*change));
        let mut by_table = self.by_table;
        by_table.insert(id, all);
        by_table.retain(|_, change| *change != RowChange::default());
        by_table
    }
}

/// Tells TiDB of what was written to a table. What goes wrong is no error of the write.
pub(super) async fn tell(target: &WriteTarget, query: QueryId, changes: RowChanges) {
    if let Err(error) = try_tell(target, query, changes).await {
        let table = target.label();
        tracing::warn!(%error, %table, "TiDB's count of rows was not brought up to date");
    }
}

async fn try_tell(target: &WriteTarget, query: QueryId, changes: RowChanges) -> Result<()> {
    let counts = Counts::open(&target.cluster, query).await?;
    for (id, change) in changes.with_table(target.info.id) {
        counts.add(id, change).await?;
    }
    Ok(())
}

/// `mysql.stats_meta`, with the places of its columns.
struct Counts {
    target: Arc<WriteTarget>,
    /// The statement that they are told of.
    query: QueryId,
    version: usize,
    table_id: usize,
    modify_count: usize,
    count: usize,
}

impl Counts {
    async fn open(cluster: &Arc<Cluster>, query: QueryId) -> Result<Self> {
        let missing = || {
            Error::new(ErrorKind::NotFound, format!("{SYSTEM_DATABASE}.{TABLE} is not as it was"))
        };
        let meta = cluster.meta();
        let view = meta.view(Need::Tables(&[SYSTEM_DATABASE.to_owned()]), None).await?;
        let (database, table) = view.find(SYSTEM_DATABASE, TABLE).ok_or_else(missing)?;
        let info = meta.table(&view, database.id, table.id).await?.ok_or_else(missing)?;
        let place = |name: &str| {
            let named = |column: &tifusion_schema::ColumnInfo| column.name.as_str() == name;
            info.columns.iter().position(named).ok_or_else(missing)
        };
        let (version, table_id) = (place("version")?, place("table_id")?);
        let (modify_count, count) = (place("modify_count")?, place("count")?);
        let target = WriteTarget::new(&WrittenTable {
            cluster: Arc::clone(cluster),
            database: (database.id, SYSTEM_DATABASE.into()),
            info,
            schema_version: view.version(),
        })?;
        Ok(Self { target: Arc::new(target), query, version, table_id, modify_count, count })
    }

    async fn add(&self, id: i64, change: RowChange) -> Result<()> {
        for _ in 0..MOST_TRIES {
            match self.try_add(id, change).await? {
                Ok(()) => return Ok(()),
                Err(TxnError::Conflict { .. } | TxnError::RolledBack { .. }) => {}
                // It may have been counted: once more would be worse than not at all.
                Err(error) => return Err(transaction_error(&self.target, error)),
            }
        }
        Err(Error::new(ErrorKind::Conflict, "TiDB counts rows of the table all the time"))
    }

    async fn try_add(
        &self,
        id: i64,
        change: RowChange,
    ) -> Result<std::result::Result<(), TxnError>> {
        let target = &self.target;
        let client = target.cluster.client();
        let start_ts = client.timestamp().await?;
        let snapshot = target.snapshot(start_ts, self.query, None);
        let mut named = vec![Datum::Null; target.info.columns.len()];
        if let Some(value) = named.get_mut(self.table_id) {
            *value = Datum::Int(id);
        }
        let mut key = target.encoder.distinct_keys_of(&named, None)?.into_iter().flatten().next();
        if let Some(entry) = &key
            && matches!(decode_head(&mut entry.as_slice()), Ok(KeyHead::Index { .. }))
        {
            let value = snapshot.get(entry).await?.filter(|value| !value.is_empty());
            let handle = value.map(|value| IndexValue::decode(&value).map(|value| value.handle));
            key = handle.transpose()?.flatten().map(|it| encode_record_key(target.info.id, &it));
        }
        let record = match &key {
            Some(key) => snapshot.get(key).await?.filter(|value| !value.is_empty()),
            None => None,
        };
        // TiDB has not begun to count its rows.
        let (Some(key), Some(record)) = (key, record) else { return Ok(Ok(())) };
        let (_, handle) = decode_record_key(&key)?;
        let mut values = target.decoder.decode(&handle, &record)?;
        let row_id = target.row_id_of(&handle);
        let old = target.encoder.encode_stored(&values, row_id)?;
        self.change(&mut values, start_ts.version(), change);
        let new = target.encoder.encode(&values, row_id)?;
        let guard = SchemaGuard::new(Arc::clone(target), start_ts, self.query).await?;
        let mut guards = SchemaGuards::default();
        guards.add(guard);
        let options = TxnOptions {
            start_ts: Some(start_ts),
            label: Some(target.label().into()),
            query: Some(self.query),
            ..TxnOptions::default()
        };
        let mut transaction = client.begin(options).await?;
        if let Err(error) = transaction.prewrite(mutations(old, new)).await {
            return Ok(Err(error));
        }
        Ok(transaction.commit(&guards).await.map(|_| ()))
    }

    fn change(&self, values: &mut [Datum<'_>], version: u64, change: RowChange) {
        let changed = i64::try_from(change.changed).unwrap_or(i64::MAX);
        for (at, more) in [(self.modify_count, changed), (self.count, change.more)] {
            match values.get_mut(at) {
                Some(Datum::Int(value)) => *value = value.saturating_add(more).max(0),
                Some(Datum::UInt(value)) => *value = value.saturating_add_signed(more),
                _ => {}
            }
        }
        if let Some(value) = values.get_mut(self.version) {
            *value = Datum::UInt(version);
        }
    }
}

/// What puts a row in the place of itself.
fn mutations(old: EncodedRow, new: EncodedRow) -> Vec<Mutation> {
    let mut all = vec![Mutation::put(new.key, new.value).asserting(Assertion::Exist)];
    for (old, new) in old.entries.into_iter().zip(new.entries) {
        if old.key != new.key {
            all.push(Mutation::delete(old.key).asserting(Assertion::Exist));
            all.push(Mutation::put(new.key, new.value));
        }
    }
    all
}
