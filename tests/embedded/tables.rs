//! Tables of numbered rows, and the ways to read them.

use std::collections::BTreeMap;

use tifusion::Error;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::{Client, ClientOptions};
use tifusion_codec::datum::Datum;
use tifusion_codec::key::{Handle, encode_record_key, table_prefix};
use tifusion_codec::row::{Cell as RowCell, RowReader, decode_value};
use tifusion_embedded::{EmbeddedCluster, Rpc};
use tifusion_schema::TableInfo;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::{Answer, Connector};

/// Rows of each table, in regions of [`PER_REGION`].
pub(crate) const ROWS: i64 = 40;
const PER_REGION: i64 = 10;

/// A table of rows `(id, n)`, where `n` says which table and which row it is.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    number: i64,
    info: TableInfo,
}

impl Numbered {
    /// Makes `count` tables, each of four regions.
    pub(crate) async fn make(cluster: &EmbeddedCluster, count: i64) -> Vec<Self> {
        let mut script = String::new();
        for number in 0..count {
            let rows = (1..=ROWS).map(|id| format!("({id}, {})", value(number, id)));
            let rows = rows.collect::<Vec<_>>().join(",");
            script += &format!(
                "CREATE TABLE test.t{number} (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);
                 INSERT INTO test.t{number} VALUES {rows};"
            );
        }
        cluster.execute(&script).await.unwrap();
        let table = |number| {
            let info = cluster.table_info("test", &format!("t{number}")).unwrap();
            Self { number, info }
        };
        let tables: Vec<_> = (0..count).map(table).collect();
        let borders = |table: &Self| {
            let ids = (PER_REGION + 1..=ROWS).step_by(PER_REGION as usize);
            ids.map(|id| table.key(id)).collect::<Vec<_>>()
        };
        cluster.split_at(&tables.iter().flat_map(borders).collect::<Vec<_>>()).unwrap();
        cluster.scatter();
        tables
    }

    /// `test.t7`.
    pub(crate) fn name(&self) -> String {
        format!("test.t{}", self.number)
    }

    pub(crate) fn key(&self, id: i64) -> Vec<u8> {
        encode_record_key(self.info.id, &Handle::Int(id))
    }

    /// The range of all its keys.
    pub(crate) fn keys(&self) -> (Vec<u8>, Vec<u8>) {
        (table_prefix(self.info.id), table_prefix(self.info.id + 1))
    }

    pub(crate) fn rows(&self) -> BTreeMap<i64, i64> {
        (1..=ROWS).map(|id| (id, value(self.number, id))).collect()
    }
}

fn value(table: i64, id: i64) -> i64 {
    table * 1000 + id
}

/// A way to read a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// A scan whose answers are whole regions.
    Scan,
    /// A scan in pages.
    Paging,
    /// One row by SQL.
    Select,
    /// Single rows by their keys.
    Get,
}

impl Read {
    pub(crate) const ALL: [Self; 4] = [Self::Scan, Self::Paging, Self::Select, Self::Get];

    /// What it asks the stores for.
    pub(crate) fn rpc(self) -> Rpc {
        if self == Self::Get { Rpc::Get } else { Rpc::Coprocessor }
    }
}

/// Sessions to read with.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    pub(crate) scan: Connector,
    pub(crate) paging: Connector,
    pub(crate) client: Client,
}

/// Settings of a scan in small pages.
pub(crate) const PAGES: [(&str, &str); 2] =
    [("coprocess.streaming", "true"), ("coprocessor.chunk_batch_size", "4")];

impl Readers {
    pub(crate) async fn connect(cluster: &EmbeddedCluster) -> Self {
        Self {
            scan: Connector::embedded(cluster, &[]).await,
            paging: Connector::embedded(cluster, &PAGES).await,
            client: Client::connect(ClientOptions::new(cluster.pd_addresses())).await.unwrap(),
        }
    }

    /// Reads, and checks that each row came, once, as it is. The answer of SQL has the metrics.
    pub(crate) async fn read(&self, way: Read, table: &Numbered) -> Result<Option<Answer>, Error> {
        let expected = table.rows();
        match way {
            Read::Scan => self.all(&self.scan, table).await.map(Some),
            Read::Paging => self.all(&self.paging, table).await.map(Some),
            Read::Select => {
                let id = ROWS / 2 + 3;
                let query = format!("SELECT n, id FROM {} WHERE id = {id} LIMIT 1", table.name());
                let answer = self.scan.run(&query).await?;
                let row = [expected[&id], id].map(|it| Cell::Int(it.into())).to_vec();
                assert_eq!(rows(&answer), [row], "{}", table.name());
                Ok(Some(answer))
            }
            Read::Get => {
                let ts = self.client.timestamp().await?;
                let snapshot = self.client.snapshot(ts, SnapshotOptions::default());
                // One of each region.
                for id in (PER_REGION / 2..=ROWS).step_by(PER_REGION as usize) {
                    let row = snapshot.get(&table.key(id)).await?;
                    let row = row.unwrap_or_else(|| panic!("row {id} of {} is gone", table.name()));
                    assert_eq!(number(table, &row), expected[&id]);
                }
                Ok(None)
            }
        }
    }

    async fn all(&self, session: &Connector, table: &Numbered) -> Result<Answer, Error> {
        let answer = session.run(&format!("SELECT id, n FROM {}", table.name())).await?;
        check_all(&rows(&answer), table);
        Ok(answer)
    }
}

/// Each row of the table is there once, as it is.
pub(crate) fn check_all(rows: &[Vec<Cell>], table: &Numbered) {
    let int = |cell: &Cell| match cell {
        Cell::Int(int) => i64::try_from(*int).unwrap(),
        other => panic!("{other}"),
    };
    let mut seen = BTreeMap::new();
    for row in rows {
        let (id, n) = (int(&row[0]), int(&row[1]));
        assert_eq!(seen.insert(id, n), None, "row {id} of {} came twice", table.name());
    }
    assert_eq!(seen, table.rows(), "{}", table.name());
}

pub(crate) fn rows(answer: &Answer) -> Vec<Vec<Cell>> {
    answer.rows(tifusion_testkit::arrow_cells::Clock::Wall).rows
}

/// The `n` of a stored row.
fn number(table: &Numbered, row: &[u8]) -> i64 {
    let column = table.info.find_column("n").unwrap();
    let RowCell::Value(value) = RowReader::new(row).unwrap().get(column.id).unwrap() else {
        panic!("no value in {row:02x?}");
    };
    match decode_value(value, &column.field_type).unwrap() {
        Datum::Int(n) => n,
        other => panic!("{other:?}"),
    }
}
