//! Changes of schema at random moments of the connector's writes: each write is there as a whole if it said so,
//! and not at all if it did not, and the table is right.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::StdRng;
use tifusion::{Error, ErrorKind};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::Shape;
use tifusion_testkit::connector::Connector;

use super::{Scene, is_ci, random, seed, variable};

/// Writers at once.
const WRITERS: usize = 2;
/// Rows before.
const ROWS: i64 = 300;
/// What each writer still does when the change is done.
const AFTERWARDS: usize = 4;
/// Numbers of rows below this are in the first partition.
const SECOND: i64 = 1_000_000;

/// A change of schema.
struct Change {
    name: &'static str,
    statements: &'static [&'static str],
    /// Whether rows are gone afterwards that were there before.
    empties: bool,
    /// Whether rows are in `x` afterwards that were in `t` before.
    moves: bool,
}

const fn change(name: &'static str, statements: &'static [&'static str]) -> Change {
    Change { name, statements, empties: false, moves: false }
}

const CREATE: &str = "CREATE TABLE t (id BIGINT PRIMARY KEY, v INT NOT NULL DEFAULT 1, \
     s VARCHAR(20) COLLATE utf8mb4_general_ci, KEY by_s (s), KEY by_v (v, s))";

const CHANGES: &[Change] = &[
    change("add a column", &["ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT 7"]),
    change("add an index", &["ALTER TABLE t ADD INDEX more (s, v)"]),
    change("add a unique index", &["ALTER TABLE t ADD UNIQUE INDEX more (s)"]),
    change("drop an index", &["ALTER TABLE t DROP INDEX by_v"]),
    change(
        "drop a column",
        &["ALTER TABLE t DROP INDEX by_s, DROP INDEX by_v", "ALTER TABLE t DROP COLUMN s"],
    ),
    change("change a type", &["ALTER TABLE t MODIFY COLUMN v BIGINT NOT NULL DEFAULT 1"]),
    Change { empties: true, ..change("truncate", &["TRUNCATE TABLE t"]) },
    Change { empties: true, ..change("drop and make again", &["DROP TABLE t", CREATE]) },
    Change {
        moves: true,
        ..change("exchange a partition", &["ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE x"])
    },
];

/// Rows that are written together, and what is known of them.
#[derive(Debug)]
struct Batch {
    ids: Vec<i64>,
    /// The value of all of them; `None` if they are not there.
    value: Option<i64>,
    /// Whether either may be, for nobody knows what became of the last write.
    is_unsure: bool,
    /// When the last write began that said that it was done.
    written: Instant,
}

/// What a writer did.
#[derive(Debug, Default)]
struct Diary {
    batches: Vec<Batch>,
    done: usize,
    /// Kinds of errors, and one of each.
    errors: BTreeMap<String, (usize, String)>,
}

impl Diary {
    fn note(&mut self, error: &Error) {
        let entry = self.errors.entry(format!("{:?}", error.kind())).or_default();
        entry.0 += 1;
        entry.1 = error.to_string();
    }
}

/// A writer of batches of its own, until `is_over` and a little longer.
struct Writer {
    session: Connector,
    number: i64,
    only_inserts: bool,
    random: StdRng,
    diary: Diary,
}

impl Writer {
    async fn run(mut self, is_over: Arc<AtomicBool>) -> Diary {
        let mut left = AFTERWARDS;
        while left > 0 {
            left -= usize::from(is_over.load(Ordering::SeqCst));
            let count = self.diary.batches.len();
            if self.only_inserts || count == 0 || self.random.random_bool(0.6) {
                self.insert().await;
            } else {
                let at = self.random.random_range(0..count);
                self.change(at).await;
            }
        }
        self.diary
    }

    async fn insert(&mut self) {
        let first =
            ROWS + self.number * 100_000 + i64::try_from(self.diary.batches.len()).unwrap() * 50;
        let count = self.random.random_range(1..=25);
        // Half of them in either partition.
        let ids: Vec<i64> = (first..first + count).flat_map(|id| [id, SECOND + id]).collect();
        let rows: Vec<_> = ids.iter().map(|id| format!("({id}, 1, 'Row {id}')")).collect();
        let written = Instant::now();
        let done =
            self.write(&format!("INSERT INTO t (id, v, s) VALUES {}", rows.join(", "))).await;
        if let Some(done) = done {
            assert_eq!(done, ids.len());
        }
        let is_unsure = self.is_undetermined();
        let value = done.map(|_| 1);
        self.diary.batches.push(Batch { ids, value, is_unsure, written });
    }

    async fn change(&mut self, at: usize) {
        let ids: Vec<_> = self.diary.batches[at].ids.iter().map(ToString::to_string).collect();
        let ids = ids.join(", ");
        let deletes = self.random.random_bool(0.3);
        let statement = match deletes {
            true => format!("DELETE FROM t WHERE id IN ({ids})"),
            false => format!("UPDATE t SET v = v + 1 WHERE id IN ({ids})"),
        };
        let written = Instant::now();
        let Some(done) = self.write(&statement).await else {
            let is_unsure = self.is_undetermined();
            self.diary.batches[at].is_unsure |= is_unsure;
            return;
        };
        let batch = &mut self.diary.batches[at];
        assert!(done == 0 || done == batch.ids.len(), "{done} of {}: {statement}", batch.ids.len());
        batch.value = batch.value.filter(|_| done > 0 && !deletes).map(|value| value + 1);
        batch.written = written;
    }

    /// How many rows were written; `None` if none was.
    async fn write(&mut self, statement: &str) -> Option<usize> {
        match self.session.try_query(statement).await {
            Ok(rows) => {
                self.diary.done += 1;
                Some(rows.rows[0][0].plain().parse().unwrap())
            }
            Err(error) => {
                self.diary.note(&error);
                None
            }
        }
    }

    fn is_undetermined(&self) -> bool {
        self.diary.errors.contains_key(&format!("{:?}", ErrorKind::Undetermined))
    }
}

async fn begin(scene: &mut Scene, change: &Change) {
    scene.tidb.run(["DROP TABLE IF EXISTS t, x", CREATE]).await;
    if change.moves {
        scene
            .tidb
            .run([
                "CREATE TABLE x LIKE t",
                &format!(
                    "ALTER TABLE t PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN ({SECOND}), \
                     PARTITION p1 VALUES LESS THAN MAXVALUE)"
                ),
            ])
            .await;
    }
    let rows: Vec<_> = (0..ROWS).map(|id| format!("({id}, 1, 'Row {id}')")).collect();
    scene.tidb.run([format!("INSERT INTO t (id, v, s) VALUES {}", rows.join(", "))]).await;
}

/// Makes the change while there are writers, and looks at all that they wrote.
async fn judge(scene: &mut Scene, change: &Change, seed: u64, round: usize) {
    begin(scene, change).await;
    let mut chance = random(seed, round * 10);
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let session = Connector::connect(&scene.cluster, &[("write.enable", "true")]).await;
        session.use_database(&scene.database).await;
        let writer = Writer {
            session,
            number: i64::try_from(number).unwrap(),
            only_inserts: change.moves,
            random: random(seed, round * 10 + 1 + number),
            diary: Diary::default(),
        };
        writers.push(tokio::spawn(writer.run(Arc::clone(&is_over))));
    }
    for statement in change.statements {
        tokio::time::sleep(Duration::from_millis(chance.random_range(100..700))).await;
        scene.tidb.run([statement]).await;
    }
    let changed = Instant::now();
    is_over.store(true, Ordering::SeqCst);
    let found = |rows: Vec<Vec<Cell>>| {
        let pair = |row: Vec<Cell>| match row.as_slice() {
            [Cell::Int(id), Cell::Int(value)] => {
                (i64::try_from(*id).unwrap(), i64::try_from(*value).unwrap())
            }
            other => panic!("{other:?}"),
        };
        rows.into_iter().map(pair)
    };
    let mut diaries = Vec::new();
    for writer in writers {
        diaries.push(writer.await.unwrap());
    }
    scene.judge("t").await;
    let mut there: BTreeMap<i64, i64> =
        found(scene.tidb.query("SELECT id, v FROM t").await.rows).collect();
    if change.moves {
        scene.judge("x").await;
        there.extend(found(scene.tidb.query("SELECT id, v FROM x").await.rows));
    }
    for diary in &diaries {
        for batch in &diary.batches {
            check(batch, &there, change, changed);
        }
        let errors: Vec<_> =
            diary.errors.iter().map(|(kind, it)| format!("{kind} {} ({})", it.0, it.1)).collect();
        eprintln!("{}: {} writes done; errors: {}", change.name, diary.done, errors.join("; "));
    }
    let of_writers: usize = diaries.iter().map(|diary| diary.done).sum();
    assert!(of_writers > 0, "{}: nothing was written", change.name);
}

fn check(batch: &Batch, there: &BTreeMap<i64, i64>, change: &Change, changed: Instant) {
    let values: Vec<Option<i64>> = batch.ids.iter().map(|id| there.get(id).copied()).collect();
    let found = values[0];
    assert!(values.iter().all(|it| *it == found), "{}: torn: {values:?}\n{batch:?}", change.name);
    let is_emptied = change.empties && batch.written < changed && found.is_none();
    assert!(
        found == batch.value || is_emptied || batch.is_unsure,
        "{}: {found:?}, not {:?}\n{batch:?}",
        change.name,
        batch.value
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_schema_leave_each_write_whole_or_absent() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_ddl").await else { return };
    let seed = seed();
    let rounds = variable("TIFUSION_ROUNDS").unwrap_or(if is_ci() { 3 } else { 1 });
    let rounds = usize::try_from(rounds).unwrap();
    eprintln!("TIFUSION_SEED={seed} TIFUSION_ROUNDS={rounds}");
    for round in 0..rounds {
        for (at, change) in CHANGES.iter().enumerate() {
            judge(&mut scene, change, seed, round * CHANGES.len() + at).await;
        }
    }
}
