//! Writing: what this writes must be what TiDB would have written, byte for byte, and TiDB must find no fault
//! with it.

mod bytes;
mod concurrent;
mod dead;
mod defaults;
mod ids;
mod ignore;
mod literals;
mod random;
mod refused;
mod sql_port;
mod statements;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use tifusion::Error;
use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_client::{Client, ClientOptions};
use tifusion_codec::key::{KeyHead, decode_head, table_range};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

/// TiDB with an empty database, and a connector that may write to it.
struct Scene {
    cluster: Arc<Cluster>,
    tidb: Tidb,
    ours: Connector,
    database: String,
}

/// A table's pairs, the ids of its tables and partitions replaced by their places in the list of them.
type Pairs = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

impl Scene {
    async fn of(shape: Shape, test: &str) -> Option<Self> {
        Self::with(shape, test, &[]).await
    }

    /// With TiDB's SQL port at hand.
    async fn at_sql_port(test: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let cluster = Cluster::of(Shape::default(), test)?;
        let (host, port) = cluster.tidb.rsplit_once(':').expect("host:port");
        let place = [("tidb.addr", host), ("tidb.port", port), ("tidb.user", "root")];
        Self::with(Shape::default(), test, &[&place, settings].concat()).await
    }

    async fn with(shape: Shape, test: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let cluster = Cluster::of(shape, test)?;
        let tidb = Tidb::in_database(&cluster.tidb, test).await;
        let settings = [settings, &[("write.enable", "true")]].concat();
        let ours = Connector::connect(&cluster, &settings).await;
        ours.use_database(test).await;
        Some(Self { cluster, tidb, ours, database: test.to_owned() })
    }

    /// Runs a statement that writes; how many rows it says it changed.
    async fn try_write(&self, statement: &str) -> Result<u64, Error> {
        let rows = self.ours.try_query(statement).await?.rows;
        match rows.as_slice() {
            [row] => Ok(row[0].plain().parse().expect("a count")),
            other => panic!("not a count: {other:?}\n{statement}"),
        }
    }

    async fn write(&self, statement: &str) -> u64 {
        self.try_write(statement).await.unwrap_or_else(|error| panic!("{error}\n{statement}"))
    }

    /// What a statement is refused for.
    async fn refused(&self, statement: &str) -> Error {
        match self.try_write(statement).await {
            Ok(rows) => panic!("{rows} rows written by {statement}"),
            Err(error) => error,
        }
    }

    /// TiDB finds no fault with the table, reads of it what this reads, and finds the same by each index.
    async fn judge(&mut self, table: &str) {
        if let Some(fault) = self.fault(table).await {
            panic!("{fault}");
        }
    }

    /// Where [`judge`](Self::judge) would end, in words.
    async fn fault(&mut self, table: &str) -> Option<String> {
        let check = format!("ADMIN CHECK TABLE `{table}`");
        if let Err(error) = self.tidb.try_run(&check).await {
            return Some(format!("TiDB: {error}\n{check}"));
        }
        let all = format!("SELECT * FROM `{table}`");
        let theirs = self.tidb.query(&all).await;
        let ours = self.ours.query(&all).await;
        if let Some(difference) = difference(&ours, &theirs, Rules::default()) {
            return Some(format!("{difference}\n{all}"));
        }
        let indexes = self
            .tidb
            .query(&format!(
                "SELECT DISTINCT INDEX_NAME AS n FROM information_schema.statistics \
                 WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = '{table}'",
                self.database
            ))
            .await;
        for index in indexes.rows.iter().map(|row| row[0].plain()) {
            let by_index = format!("SELECT * FROM `{table}` FORCE INDEX (`{index}`)");
            let by_index = self.tidb.query(&by_index).await;
            if let Some(difference) = difference(&by_index, &theirs, Rules::default()) {
                return Some(format!("by index {index}: {difference}\n{table}"));
            }
        }
        None
    }

    /// All pairs of a table, as of one timestamp.
    async fn pairs(&mut self, table: &str) -> Pairs {
        let ids = self
            .tidb
            .query(&format!(
                "SELECT TIDB_TABLE_ID AS n FROM information_schema.tables \
                 WHERE TABLE_SCHEMA = '{0}' AND TABLE_NAME = '{table}' \
                 UNION ALL SELECT TIDB_PARTITION_ID FROM information_schema.partitions \
                 WHERE TABLE_SCHEMA = '{0}' AND TABLE_NAME = '{table}' \
                 AND TIDB_PARTITION_ID IS NOT NULL ORDER BY n",
                self.database
            ))
            .await;
        let client = Client::connect(ClientOptions::new(self.cluster.pd.split(','))).await.unwrap();
        let ts = client.timestamp().await.unwrap();
        let mut pairs = Pairs::new();
        for (at, row) in ids.rows.iter().enumerate() {
            let Cell::Int(id) = row[0] else { panic!("an id: {row:?}") };
            let (start, end) = table_range(id.try_into().unwrap());
            let snapshot = client.snapshot(ts, SnapshotOptions::default());
            let mut scan = snapshot.scan(&start, &end, ScanOptions::default());
            while let Some(batch) = scan.next_batch().await.unwrap() {
                for pair in batch {
                    let mut rest = pair.key.as_slice();
                    let head = match decode_head(&mut rest).unwrap() {
                        KeyHead::Record { .. } => b"r".to_vec(),
                        KeyHead::Index { index_id, .. } => index_id.to_be_bytes().to_vec(),
                    };
                    pairs.insert((at, [head.as_slice(), rest].concat()), pair.value.to_vec());
                }
            }
        }
        pairs
    }

    /// Two tables have the same pairs.
    async fn same_pairs(&mut self, ours: &str, theirs: &str) {
        let (of_ours, of_theirs) = (self.pairs(ours).await, self.pairs(theirs).await);
        for (key, value) in &of_theirs {
            match of_ours.get(key) {
                Some(found) => assert_eq!(found, value, "{ours}, {theirs}: the value of {key:?}"),
                None => panic!("{ours} lacks {key:?} = {value:?} of {theirs}; it has {of_ours:?}"),
            }
        }
        if let Some((key, value)) = of_ours.iter().find(|(key, _)| !of_theirs.contains_key(*key)) {
            panic!("{ours} has {key:?} = {value:?}, {theirs} does not");
        }
        assert!(!of_theirs.is_empty(), "{theirs} has rows");
    }
}
