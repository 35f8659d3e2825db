//! One of the two clusters, with the tables that its cases read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_client::{Client, ClientOptions};
use tifusion_codec::key::{meta, table_range};
use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::kvrpcpb as kv;
use tifusion_schema::{DbInfo, TableInfo};
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::raw_cluster::RawCluster;
use tifusion_testkit::tidb::Tidb;
use tokio::sync::Mutex;

use super::golden;
use super::recorded::{self, Recorded};

/// What a cluster's stores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// TiKV, or what is to be like it.
    TiKv,
    /// The playground's.
    Unistore,
}

/// A cluster.
pub(crate) struct Side {
    /// Its addresses.
    pd: String,
    tidb: Option<String>,
    /// Raw requests to it.
    pub(crate) raw: RawCluster,
    /// What its stores are.
    pub(crate) store: Store,
    tables: Mutex<HashMap<String, Arc<TableInfo>>>,
}

impl Side {
    /// An embedded cluster, which has no TiDB.
    pub(crate) async fn embedded(cluster: &EmbeddedCluster) -> Arc<Self> {
        Self::new(cluster.pd_addresses().join(","), None, Store::TiKv).await
    }

    /// A cluster with a TiDB.
    pub(crate) async fn playground(cluster: &Cluster) -> Arc<Self> {
        let store = if is_tikv() { Store::TiKv } else { Store::Unistore };
        Self::new(cluster.pd.clone(), Some(cluster.tidb.clone()), store).await
    }

    async fn new(pd: String, tidb: Option<String>, store: Store) -> Arc<Self> {
        let raw = RawCluster::connect(&pd).await;
        Arc::new(Self { pd, tidb, raw, store, tables: Mutex::default() })
    }

    /// A table of `tables.sql`: made by TiDB, or with the pairs that TiDB wrote.
    pub(crate) async fn table(&self, name: &str) -> Arc<TableInfo> {
        let mut tables = self.tables.lock().await;
        if let Some(known) = tables.get(name) {
            return Arc::clone(known);
        }
        let info = match &self.tidb {
            Some(_) => {
                let statements = recorded::statements();
                let (_, statements) =
                    statements.iter().find(|(it, _)| it == name).expect("a table");
                self.make(name, statements).await.table_info()
            }
            None => {
                let text = std::fs::read_to_string(golden::file("tables.txt")).expect("tables");
                let recorded = recorded::parse(&text);
                let table = recorded.iter().find(|table| table.name == name).expect("a table");
                self.copy(table).await;
                table.table_info()
            }
        };
        let info = Arc::new(info);
        tables.insert(name.to_owned(), Arc::clone(&info));
        info
    }

    /// Lets TiDB make a table in a database of its own, and reads what it wrote.
    pub(crate) async fn make(&self, name: &str, statements: &[String]) -> Recorded {
        let address = self.tidb.as_ref().expect("a TiDB");
        let database = format!("conformance_{:016x}", rand::random::<u64>());
        let mut tidb = Tidb::connect(address).await;
        tidb.fresh_database(&database).await;
        tidb.run(["SET time_zone = '+00:00'"]).await;
        tidb.run(statements).await;
        self.read(&database, name, statements).await
    }

    /// All that is written of a table.
    pub(crate) async fn read(&self, database: &str, name: &str, statements: &[String]) -> Recorded {
        let addresses = self.pd.split(',').map(str::to_owned);
        let client = Client::connect(ClientOptions::new(addresses)).await.expect("a client");
        let now = client.timestamp().await.expect("a timestamp");
        let scan = async |(start, end): (Vec<u8>, Vec<u8>)| {
            let snapshot = client.snapshot(now, SnapshotOptions::default());
            let pairs = snapshot.scan(&start, &end, ScanOptions::default()).collect().await;
            let pairs = pairs.expect("pairs").into_iter();
            pairs.map(|pair| (pair.key, pair.value.to_vec())).collect::<BTreeMap<_, _>>()
        };
        let databases = scan(meta::databases_range()).await;
        let mut parsed = databases.values().filter_map(|json| DbInfo::from_json(json).ok());
        let database = parsed.rfind(|info| info.name.matches(database)).expect("a database");
        let tables = scan(meta::database_tables_range(database.id)).await;
        let is_it =
            |json: &&Vec<u8>| TableInfo::from_json(json).is_ok_and(|info| info.name.matches(name));
        let info = tables.values().find(is_it).expect("the table").clone();
        let mut table = Recorded {
            name: name.to_owned(),
            statements: statements.to_vec(),
            info: String::from_utf8(info).expect("JSON"),
            pairs: BTreeMap::new(),
        };
        for id in table.ids() {
            table.pairs.extend(scan(table_range(id)).await);
        }
        table
    }

    /// Writes the pairs of a table as one transaction.
    async fn copy(&self, table: &Recorded) {
        let start = self.raw.timestamps(1).await;
        let first = table.pairs.keys().next().expect("a pair");
        let put = |(key, value): (&Vec<u8>, &Vec<u8>)| kv::Mutation {
            key: key.clone(),
            value: value.clone(),
            ..kv::Mutation::default()
        };
        let request = kv::PrewriteRequest {
            mutations: table.pairs.iter().map(put).collect(),
            primary_lock: first.clone(),
            start_version: start,
            lock_ttl: 3000,
            ..kv::PrewriteRequest::default()
        };
        let told = self.raw.send(first, request).await.expect("an answer");
        assert!(told.errors.is_empty(), "{told:?}");
        let request = kv::CommitRequest {
            start_version: start,
            commit_version: self.raw.timestamps(1).await,
            keys: table.pairs.keys().cloned().collect(),
            ..kv::CommitRequest::default()
        };
        let told = self.raw.send(first, request).await.expect("an answer");
        assert!(told.error.is_none(), "{told:?}");
    }
}

/// An external cluster is of TiKV, to which the embedded one is to be like.
fn is_tikv() -> bool {
    std::env::var("TIFUSION_TEST_CLUSTER").is_ok_and(|kind| kind == "external")
}
