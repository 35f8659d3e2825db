//! Sessions that read all the time, and know what must come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use datafusion::dataframe::DataFrame;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion::{Error, ErrorKind};
use tifusion_testkit::arrow_cells::{self, Clock};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;

use super::garbage;
use super::watchdog::Watchdog;
use crate::bank::audit::SUM;
use crate::bank::table::{ACCOUNTS, START};

/// A statement and what must be true of its rows.
struct Query {
    sql: &'static str,
    check: fn(&[Vec<Cell>]),
}

/// Statements of several kinds, all over accounts that change meanwhile.
const QUERIES: [Query; 6] = [
    Query { sql: SUM, check: |rows| assert_eq!(rows, [total()]) },
    Query {
        sql: "SELECT account, balance FROM test.accounts ORDER BY balance DESC, account LIMIT 7",
        check: |rows| {
            let keys = rows.iter().map(|row| (std::cmp::Reverse(int(&row[1])), int(&row[0])));
            let keys: Vec<_> = keys.collect();
            assert_eq!(keys.len(), 7);
            assert!(keys.is_sorted(), "{keys:?}");
            assert!(
                keys[0].0.0 >= i128::from(START),
                "the richest has the mean at least: {keys:?}"
            );
        },
    },
    Query {
        sql: "SELECT SUM(a.balance), COUNT(*), COUNT(DISTINCT o.account) FROM test.accounts a \
              JOIN test.owners o ON a.account = o.account",
        check: |rows| assert_eq!(rows, [total()]),
    },
    Query {
        sql: "SELECT o.owner, SUM(a.balance) FROM test.owners o JOIN test.accounts a \
              ON a.account = o.account GROUP BY o.owner ORDER BY 1",
        check: |rows| {
            let sum: i128 = rows.iter().map(|row| int(&row[1])).sum();
            assert_eq!((rows.len(), sum), (5, i128::from(ACCOUNTS * START)));
        },
    },
    Query {
        sql: "SELECT a.account FROM test.accounts a, test.accounts b WHERE a.account = b.account \
              AND a.balance <> b.balance",
        check: |rows| assert_eq!(rows.len(), 0, "two scans of one statement differ: {rows:?}"),
    },
    Query {
        sql: "SELECT account, seq FROM test.accounts LIMIT 10",
        check: |rows| {
            let mut keys: Vec<_> = rows.iter().map(|row| int(&row[0])).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), 10, "{rows:?}");
        },
    },
];

fn total() -> Vec<Cell> {
    [ACCOUNTS * START, ACCOUNTS, ACCOUNTS].map(|it| Cell::Int(it.into())).to_vec()
}

fn int(cell: &Cell) -> i128 {
    match cell {
        Cell::Int(int) => *int,
        other => panic!("{other}"),
    }
}

/// What readers have done.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) statements: AtomicU64,
    /// Statements that took so long that their snapshots were collected.
    pub(crate) too_old: AtomicU64,
}

/// A session with frames that were planned once and are run again and again.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    name: String,
    session: Connector,
    frames: Vec<DataFrame>,
    chance: StdRng,
    dog: Watchdog,
}

impl Reader {
    pub(crate) async fn new(name: &str, session: Connector, seed: u64, dog: Watchdog) -> Self {
        let mut frames = Vec::new();
        for query in &QUERIES {
            frames.push(session.context().sql(query.sql).await.unwrap());
        }
        let chance = StdRng::seed_from_u64(seed);
        Self { name: name.to_owned(), session, frames, chance, dog }
    }

    /// Another one with the same session and frames.
    pub(crate) fn like(&self, name: &str, seed: u64) -> Self {
        Self { name: name.to_owned(), chance: StdRng::seed_from_u64(seed), ..self.clone() }
    }

    /// Reads until `stop`.
    pub(crate) async fn run(mut self, stop: Arc<AtomicBool>, reads: Arc<Reads>) -> Self {
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            match self.read_any().await {
                Ok(()) => {}
                Err(error)
                    if error.kind() == ErrorKind::SnapshotTooOld
                        && began.elapsed() > garbage::LAG / 2 =>
                {
                    reads.too_old.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => panic!("{}: {error}", self.name),
            }
            reads.statements.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    /// Any of the statements, either way.
    pub(crate) async fn read_any(&mut self) -> Result<(), Error> {
        let (at, again) = (self.chance.random_range(0..QUERIES.len()), self.chance.random());
        self.read(at, again).await
    }

    /// Every statement once, both ways: nothing is in the way any more.
    pub(crate) async fn read_all(&self) {
        for at in 0..QUERIES.len() {
            for again in [false, true] {
                let read = self.read(at, again).await;
                read.unwrap_or_else(|error| panic!("{}: {error}", self.name));
            }
        }
    }

    /// Runs a statement: its text, or the frame that was planned from it.
    async fn read(&self, at: usize, again: bool) -> Result<(), Error> {
        let Query { sql, check } = &QUERIES[at];
        let name = format!("{} ({}): {sql}", self.name, if again { "again" } else { "anew" });
        let frame = self.frames[at].clone();
        let asked = Asked { name: name.clone(), at: Instant::now() };
        let read = async {
            let batches = match again {
                true => frame.collect().await?,
                false => self.session.context().sql(sql).await?.collect().await?,
            };
            Ok::<_, Error>(arrow_cells::rows(&batches, Clock::Wall))
        };
        let rows = self.dog.watch(name, read).await?;
        check(&rows);
        drop(asked);
        Ok(())
    }
}

/// A statement, for who reads of an answer that is wrong.
struct Asked {
    name: String,
    at: Instant,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?}: {}", self.at.elapsed(), self.name);
        }
    }
}
