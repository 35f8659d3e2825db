//! The bank's table: an account's row holds its balance, a transfer's row says who paid how much to whom.
//!
//! Both live in one partitioned table with an index, so that a transfer changes three rows and five index
//! entries, in one region or in several.

use std::collections::BTreeMap;

use tifusion_codec::datum::Datum;
use tifusion_codec::key::table_prefix;
use tifusion_codec::row::{Cell, RowReader, decode_value};
use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::kvrpcpb as kv;
use tifusion_schema::TableInfo;
use tifusion_schema::encode::{EncodedRow, TableEncoder};

/// Accounts, numbered from 0.
pub(crate) const ACCOUNTS: i64 = 96;
/// Accounts of each partition.
pub(crate) const PER_PARTITION: i64 = 24;
/// What each account holds at first.
pub(crate) const START: i64 = 1000;

/// The table `test.accounts`.
#[derive(Debug)]
pub(crate) struct BankTable {
    info: TableInfo,
    encoder: TableEncoder,
}

/// One movement of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) amount: i64,
}

impl BankTable {
    /// Makes the table with its accounts, some partitions in one region, some in several.
    pub(crate) async fn make(cluster: &EmbeddedCluster) -> Self {
        let parts = (1..=ACCOUNTS / PER_PARTITION)
            .map(|n| format!("PARTITION p{n} VALUES LESS THAN ({})", n * PER_PARTITION));
        let accounts = (0..ACCOUNTS).map(|n| format!("({n}, 0, {START}, NULL, NULL)"));
        let script = format!(
            "CREATE TABLE test.accounts (account BIGINT NOT NULL, seq BIGINT NOT NULL, \
             balance BIGINT, other BIGINT, amount BIGINT, \
             PRIMARY KEY (account, seq) CLUSTERED, KEY by_balance (balance)) \
             PARTITION BY RANGE (account) ({}); INSERT INTO test.accounts VALUES {}",
            parts.collect::<Vec<_>>().join(","),
            accounts.collect::<Vec<_>>().join(","),
        );
        cluster.execute(&script).await.unwrap();
        let info = cluster.table_info("test", "accounts").unwrap();
        let encoder = TableEncoder::new(&info, true).unwrap();
        let table = Self { info, encoder };
        let borders = [4, 12, 13, PER_PARTITION + 6, PER_PARTITION + 20];
        let borders = borders.map(|account| table.account(account, START).key);
        cluster.split_at(&borders).unwrap();
        cluster.scatter();
        table
    }

    /// The row of an account.
    pub(crate) fn account(&self, account: i64, balance: i64) -> EncodedRow {
        self.row([Some(account), Some(0), Some(balance), None, None])
    }

    /// The row of transfer number `seq`.
    pub(crate) fn entry(&self, seq: i64, told: Move) -> EncodedRow {
        self.row([Some(told.from), Some(seq), None, Some(told.to), Some(told.amount)])
    }

    /// A row by its five values.
    pub(crate) fn row(&self, values: [Option<i64>; 5]) -> EncodedRow {
        let values = values.map(|value| value.map_or(Datum::Null, Datum::Int));
        self.encoder.encode(&values, None).unwrap()
    }

    /// The balance that a stored row of an account holds.
    pub(crate) fn balance(&self, row: &[u8]) -> i64 {
        let column = self.info.find_column("balance").unwrap();
        let Cell::Value(value) = RowReader::new(row).unwrap().get(column.id).unwrap() else {
            panic!("no balance in {row:02x?}");
        };
        match decode_value(value, &column.field_type).unwrap() {
            Datum::Int(balance) => balance,
            other => panic!("{other:?}"),
        }
    }

    /// What a transfer changes: both accounts' rows and index entries, and the row that tells of it, if it
    /// is to be told.
    pub(crate) fn mutations(
        &self,
        told: Move,
        (from, to): (i64, i64),
        seq: Option<i64>,
    ) -> Vec<kv::Mutation> {
        let mut mutations = Vec::new();
        for (account, before, after) in
            [(told.from, from, from - told.amount), (told.to, to, to + told.amount)]
        {
            let (before, after) = (self.account(account, before), self.account(account, after));
            mutations.push(mutation(kv::Op::Put, after.key, after.value));
            mutations.extend(
                before.entries.into_iter().map(|it| mutation(kv::Op::Del, it.key, Vec::new())),
            );
            mutations.extend(
                after.entries.into_iter().map(|it| mutation(kv::Op::Put, it.key, it.value)),
            );
        }
        if let Some(seq) = seq {
            let entry = self.entry(seq, told);
            mutations.push(mutation(kv::Op::Insert, entry.key, entry.value));
            mutations.extend(
                entry.entries.into_iter().map(|it| mutation(kv::Op::Put, it.key, it.value)),
            );
        }
        mutations
    }

    /// The ranges of all its rows and index entries.
    pub(crate) fn ranges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let ids = self.info.physical_ids().into_iter();
        ids.map(|id| (table_prefix(id), table_prefix(id + 1))).collect()
    }

    /// The pairs that rows of these values are stored as.
    pub(crate) fn pairs(
        &self,
        rows: impl IntoIterator<Item = [Option<i64>; 5]>,
    ) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let rows = rows.into_iter().map(|values| self.row(values));
        let pairs = rows.flat_map(|row| {
            let entries = row.entries.into_iter().map(|entry| (entry.key, entry.value));
            entries.chain([(row.key, row.value)])
        });
        pairs.collect()
    }
}

fn mutation(op: kv::Op, key: Vec<u8>, value: Vec<u8>) -> kv::Mutation {
    kv::Mutation { op: op.into(), key, value, ..kv::Mutation::default() }
}
