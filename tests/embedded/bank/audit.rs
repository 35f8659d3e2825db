//! Readers of the bank: every snapshot of SQL holds the same sum, and every account what its transfers say.

use std::collections::BTreeMap;
use std::sync::Arc;

use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;

use super::table::{ACCOUNTS, START};
use super::txn::Verdict;
use super::work::{Bank, Transfer};
use crate::tables::rows;

/// All money, and how many accounts hold it.
pub(crate) const SUM: &str =
    "SELECT SUM(balance), COUNT(balance), COUNT(DISTINCT account) FROM test.accounts";

/// What each account holds and, by the transfers of the same snapshot, should hold.
const BOOKS: &str = "
    SELECT a.account, a.balance, CAST(COALESCE(paid, 0) AS BIGINT), CAST(COALESCE(got, 0) AS BIGINT)
    FROM (SELECT account, balance FROM test.accounts WHERE seq = 0) a
    LEFT JOIN (SELECT account, SUM(amount) AS paid FROM test.accounts WHERE seq > 0 GROUP BY account) o
        ON a.account = o.account
    LEFT JOIN (SELECT other, SUM(amount) AS got FROM test.accounts WHERE seq > 0 GROUP BY other) i
        ON a.account = i.other
    ORDER BY a.account";

/// Reads the sum, each fourth time the books, whenever `every` more transfers are committed, until the last
/// of them; how often.
pub(crate) async fn watch(bank: Arc<Bank>, session: Connector, every: u64, last: u64) -> u64 {
    let mut progress = bank.progress();
    let (mut audits, mut next) = (0, 0);
    while next < last {
        // The bank lives as long as its readers.
        let reached = *progress.wait_for(|committed| *committed >= next).await.unwrap();
        if audits % 4 == 3 {
            check_books(&session).await;
        } else {
            check_sum(&session).await;
        }
        audits += 1;
        next = reached + every;
    }
    audits
}

pub(crate) async fn check_sum(session: &Connector) {
    let answer = session.run(SUM).await.unwrap_or_else(|error| panic!("{error}"));
    let expected = [ACCOUNTS * START, ACCOUNTS, ACCOUNTS].map(|it| Cell::Int(it.into()));
    assert_eq!(rows(&answer), [expected]);
}

pub(crate) async fn check_books(session: &Connector) {
    let answer = session.run(BOOKS).await.unwrap_or_else(|error| panic!("{error}"));
    let told = rows(&answer);
    assert_eq!(told.len() as i64, ACCOUNTS);
    for (account, row) in told.iter().enumerate() {
        let [number, balance, paid, got] = [0, 1, 2, 3].map(|at| int(&row[at]));
        assert_eq!(number as usize, account);
        assert_eq!(balance, START - paid + got, "account {account}: paid {paid}, got {got}");
    }
}

fn int(cell: &Cell) -> i64 {
    optional(cell).unwrap_or_else(|| panic!("NULL"))
}

fn optional(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Null => None,
        Cell::Int(int) => Some(i64::try_from(*int).unwrap()),
        other => panic!("{other}"),
    }
}

/// The durability scan: what was told committed is there, what was told undone is not, nothing else is there;
/// rows and index entries are those of the rows that SQL shows, to the last byte.
pub(crate) async fn check_data(bank: &Bank, session: &Connector, told: &[Transfer]) {
    let query = "SELECT account, seq, balance, other, amount FROM test.accounts";
    let answer = session.run(query).await.unwrap_or_else(|error| panic!("{error}"));
    let stored: Vec<[Option<i64>; 5]> =
        rows(&answer).iter().map(|row| [0, 1, 2, 3, 4].map(|at| optional(&row[at]))).collect();

    let mut found = BTreeMap::new();
    for [account, seq, _, other, amount] in &stored {
        if *seq != Some(0) {
            let twice =
                found.insert(seq.unwrap(), (account.unwrap(), other.unwrap(), amount.unwrap()));
            assert_eq!(twice, None, "transfer {seq:?} is there twice");
        }
    }
    for transfer in told {
        let moved = transfer.moved;
        let there = found.remove(&transfer.seq);
        let expected = (moved.from, moved.to, moved.amount);
        match transfer.verdict {
            Verdict::Committed => assert_eq!(there, Some(expected), "lost: {transfer:?}"),
            Verdict::Aborted => assert_eq!(there, None, "not undone: {transfer:?}"),
            Verdict::Unknown => assert!(there.is_none_or(|it| it == expected), "{transfer:?}"),
        }
    }
    assert_eq!(found, BTreeMap::new(), "transfers that nobody made");

    let ts = bank.client().timestamp().await.unwrap();
    let snapshot = bank.client().snapshot(ts, SnapshotOptions::default());
    let mut pairs = BTreeMap::new();
    for (start, end) in bank.table.ranges() {
        let scan = snapshot.scan(&start, &end, ScanOptions::default()).collect().await.unwrap();
        pairs.extend(scan.into_iter().map(|pair| (pair.key, pair.value.to_vec())));
    }
    let expected = bank.table.pairs(stored);
    assert_eq!(pairs.len(), expected.len(), "keys of rows and index entries");
    assert!(pairs == expected, "rows and index entries disagree");
}
