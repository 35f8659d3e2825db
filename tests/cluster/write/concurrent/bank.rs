//! Money that moves between accounts: none comes, none goes, whoever reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::Rng as _;
use rand::rngs::StdRng;
use tifusion::ErrorKind;
use tifusion_testkit::cluster::Shape;
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use super::{Scene, is_ci, random, seed, variable};

const ACCOUNTS: usize = 10;
const EACH: i64 = 1000;
/// Writers of each side.
const WRITERS: usize = 3;
/// How often a transfer is tried.
const TRIES: usize = 200;

/// TiDB's codes for transactions that may be run again.
#[rustfmt::skip]
const AGAIN: [u16; 5] = [
    1205, // Lock wait timeout
    1213, // Deadlock
    8002, // Row locked by another transaction meanwhile
    8022, // Commit failed, can be retried
    9007, // Write conflict
];

/// How much an account has more.
type Moved = [i64; ACCOUNTS];

/// A transfer as one statement.
struct Transfer {
    from: usize,
    to: usize,
    amount: i64,
}

impl Transfer {
    fn random(random: &mut StdRng) -> Self {
        let from = random.random_range(0..ACCOUNTS);
        let to = (from + random.random_range(1..ACCOUNTS)) % ACCOUNTS;
        Self { from, to, amount: random.random_range(1..=50) }
    }

    fn statement(&self) -> String {
        let Self { from, to, amount } = self;
        format!(
            "UPDATE accounts SET balance = balance + CASE WHEN id = {from} THEN -{amount} ELSE {amount} END, \
             note = '{from} to {to}: {amount}' WHERE id IN ({from}, {to})"
        )
    }

    /// The same as several statements.
    fn statements(&self, how: &str) -> [String; 5] {
        let Self { from, to, amount } = self;
        let add = |id: &usize, amount: i64| {
            format!("UPDATE accounts SET balance = balance + {amount} WHERE id = {id}")
        };
        [
            format!("BEGIN {how}"),
            format!("SELECT balance FROM accounts WHERE id IN ({from}, {to}) FOR UPDATE"),
            add(from, -*amount),
            add(to, *amount),
            "COMMIT".to_owned(),
        ]
    }

    fn note(&self, moved: &mut Moved) {
        moved[self.from] -= self.amount;
        moved[self.to] += self.amount;
    }
}

/// Transfers of the connector. How much they moved, and how often one was tried again.
async fn by_connector(session: Connector, mut random: StdRng, count: usize) -> (Moved, usize) {
    let (mut moved, mut again) = ([0; ACCOUNTS], 0);
    for _ in 0..count {
        let transfer = Transfer::random(&mut random);
        let statement = transfer.statement();
        let mut tries = 0;
        loop {
            match session.try_query(&statement).await {
                Ok(rows) => {
                    assert_eq!(rows.rows[0][0].plain(), "2", "{statement}");
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Conflict && tries < TRIES => tries += 1,
                Err(error) => panic!("{:?}: {error}\n{statement}", error.kind()),
            }
        }
        again += tries;
        transfer.note(&mut moved);
    }
    (moved, again)
}

/// Transfers of TiDB, each in one of the ways that it has.
async fn by_tidb(mut tidb: Tidb, mut random: StdRng, count: usize) -> (Moved, usize) {
    let (mut moved, mut again) = ([0; ACCOUNTS], 0);
    for _ in 0..count {
        let transfer = Transfer::random(&mut random);
        let statements: Vec<String> = match random.random_range(0..3) {
            0 => vec![transfer.statement()],
            1 => transfer.statements("PESSIMISTIC").into(),
            _ => transfer.statements("OPTIMISTIC").into(),
        };
        let mut tries = 0;
        'again: loop {
            for statement in &statements {
                match tidb.try_run(statement).await {
                    Ok(()) => {}
                    Err(mysql_async::Error::Server(error))
                        if AGAIN.contains(&error.code) && tries < TRIES =>
                    {
                        tidb.run(["ROLLBACK"]).await;
                        tries += 1;
                        continue 'again;
                    }
                    Err(error) => panic!("TiDB: {error}\n{statement}"),
                }
            }
            break;
        }
        again += tries;
        transfer.note(&mut moved);
    }
    (moved, again)
}

const SUM: &str = "SELECT sum(balance) FROM accounts";

/// What each side finds, as long as there are writers. How often each looked.
async fn watch(session: Connector, mut tidb: Tidb, is_over: Arc<AtomicBool>) -> usize {
    let total = [EACH; ACCOUNTS].iter().sum::<i64>();
    let mut looks = 0;
    loop {
        let is_last = is_over.load(Ordering::SeqCst);
        let ours = session.query(SUM).await.rows[0][0].plain();
        assert_eq!(ours, total.to_string(), "the connector, look {looks}");
        assert_eq!(tidb.number(SUM).await, total.into(), "TiDB, look {looks}");
        let by_index =
            "SELECT sum(balance) FROM accounts FORCE INDEX (by_balance) WHERE balance > -1000000";
        assert_eq!(tidb.number(by_index).await, total.into(), "TiDB by index, look {looks}");
        looks += 1;
        if is_last {
            return looks;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_both_sides_move_is_never_lost() {
    let database = "write_bank";
    let Some(mut scene) = Scene::of(Shape::default(), database).await else { return };
    let seed = seed();
    let count = variable("TIFUSION_TRANSFERS").unwrap_or(if is_ci() { 60 } else { 12 });
    let count = usize::try_from(count).unwrap();
    eprintln!("TIFUSION_SEED={seed} TIFUSION_TRANSFERS={count}");
    let accounts: Vec<_> = (0..ACCOUNTS).map(|id| format!("({id}, {EACH}, NULL)")).collect();
    scene
        .tidb
        .run([
            "CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL, \
             note VARCHAR(40) COLLATE utf8mb4_general_ci, KEY by_balance (balance), KEY (note))",
            &format!("INSERT INTO accounts VALUES {}", accounts.join(", ")),
        ])
        .await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (ours, theirs) = sessions(&scene).await;
        writers.push(tokio::spawn(by_connector(ours, random(seed, writer), count)));
        writers.push(tokio::spawn(by_tidb(theirs, random(seed, 100 + writer), count)));
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let (ours, theirs) = sessions(&scene).await;
    let watcher = tokio::spawn(watch(ours, theirs, Arc::clone(&is_over)));
    let (mut balances, mut again) = ([EACH; ACCOUNTS], 0);
    for writer in writers {
        let (moved, tries) = writer.await.unwrap();
        balances.iter_mut().zip(moved).for_each(|(balance, moved)| *balance += moved);
        again += tries;
    }
    is_over.store(true, Ordering::SeqCst);
    let looks = watcher.await.unwrap();
    eprintln!("{} transfers, {again} tried again, {looks} looks", 2 * WRITERS * count);
    for (id, balance) in balances.iter().enumerate() {
        let query = format!("SELECT balance FROM accounts WHERE id = {id}");
        assert_eq!(scene.tidb.number(&query).await, i128::from(*balance), "account {id}");
    }
    scene.judge("accounts").await;
}

async fn sessions(scene: &Scene) -> (Connector, Tidb) {
    let ours = Connector::connect(&scene.cluster, &[("write.enable", "true")]).await;
    ours.use_database(&scene.database).await;
    let mut theirs = Tidb::connect(&scene.cluster.tidb).await;
    // The playground's store keeps no greatest timestamp of reads, so that these commits may come below one that has
    // been read past: TiDB's own writers lose updates to each other then, or find entries missing.
    theirs.run(["SET tidb_enable_async_commit = OFF, tidb_enable_1pc = OFF"]).await;
    theirs.run([format!("USE {}", scene.database)]).await;
    (ours, theirs)
}
