//! A soak by TLS: 64 statements at any time, reads and writes, some of them given up under way, while the certificates
//! of both sides are replaced, their authorities too, and regions get other leaders, peers and borders. No statement
//! fails, but those that the machine had no time for, and in the end the process holds no more than at the start.
//!
//! How long it is is told by work: so many replacements, with so many statements between them. With
//! `TIFUSION_ROTATION_SECONDS` it goes on for that time at least. `TIFUSION_SOAK_SEED` chooses what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion::{Error, ErrorKind};
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;
use tokio::task::JoinSet;

use super::plan::{self, Disturbance};
use super::play::{self, Done};
use super::process::{self, Held, variable};
use super::readers::Reader;
use super::watchdog::Watchdog;
use crate::bank::table::{ACCOUNTS, BankTable};
use crate::certificates::{Authority, FORMS, Files};
use crate::tls::configured;

/// Statements at once.
const AT_ONCE: u64 = 64;
/// Rounds at least; memory is compared after the first, which warms up, and after the last.
const ROUNDS: u32 = 3;
/// Replacements of certificates in a round.
const TURNS: u64 = 2;
/// Statements between two replacements, at least.
const STATEMENTS: u64 = 66;
/// How often clients look at their files.
const RELOAD: Duration = Duration::from_millis(250);
/// By how much a task of the runtime comes late where the machine has too little time for 64 statements: what is done
/// in a few steps takes longer than any retry then.
const STARVED: Duration = Duration::from_secs(2);
/// Changes of regions between two replacements.
const CHANGES: usize = 6;

fn again(seed: u64) -> String {
    let seconds = variable("TIFUSION_ROTATION_SECONDS")
        .map(|seconds| format!("TIFUSION_ROTATION_SECONDS={seconds} "));
    format!(
        "again: TIFUSION_SOAK_SEED={seed} {}cargo test --test embedded -- \
         soak::rotation::no_statement --nocapture",
        seconds.unwrap_or_default()
    )
}

#[test]
fn no_statement_fails_and_nothing_leaks_while_certificates_are_replaced() {
    let seed = variable("TIFUSION_SOAK_SEED").unwrap_or(1);
    process::alone("soak::rotation::in_a_process_of_its_own", seed, &again(seed));
}

/// The soak itself, when the test above has started this process for it.
#[test]
fn in_a_process_of_its_own() {
    process::in_child(soak);
}

/// What statements have come to.
#[derive(Debug, Default)]
struct Tally {
    statements: AtomicU64,
    given_up: AtomicU64,
    written: AtomicU64,
    /// Writes that met another of the same rows.
    conflicts: AtomicU64,
    /// Statements that ran out of time while [`Pulse`] was late.
    starved: AtomicU64,
}

/// Notes when the runtime was late last.
#[derive(Debug, Clone, Default)]
struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    async fn beat(self) {
        loop {
            let began = Instant::now();
            tokio::time::sleep(Duration::from_millis(20)).await;
            if began.elapsed() > STARVED {
                *self.0.lock() = Some(Instant::now());
            }
        }
    }

    /// Whether it was late since then.
    fn was_late(&self, since: Instant) -> bool {
        self.0.lock().is_some_and(|late| late > since)
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Both sides' certificates: each replacement is signed by the other authority.
struct Rotation {
    authorities: [Authority; 2],
    clients: Vec<Files>,
}

impl Rotation {
    fn both(&self) -> Option<String> {
        Some(self.authorities.iter().map(Authority::pem).collect())
    }

    fn turn(&self, cluster: &EmbeddedCluster, turn: u64) {
        let authority = &self.authorities[usize::from(turn.is_multiple_of(2))];
        cluster.replace_tls(&authority.sign("127.0.0.1").server(self.both())).unwrap();
        for files in &self.clients {
            files.identity(&authority.sign("client"));
        }
    }
}

async fn soak(seed: u64) {
    eprintln!("{}", again(seed));
    let began = Instant::now();
    let least = Duration::from_secs(variable("TIFUSION_ROTATION_SECONDS").unwrap_or(0));
    let dog = Watchdog::start(again(seed));
    let authorities = [Authority::new(), Authority::new()];
    let mut rotation = Rotation { authorities, clients: Vec::new() };
    let tls = rotation.authorities[0].sign("127.0.0.1").server(rotation.both());
    let cluster = EmbeddedCluster::builder().stores(plan::STORES).seed(seed).tls(tls);
    let cluster = Arc::new(cluster.start().await.unwrap());
    let before = Held::now();
    BankTable::make(&cluster).await;
    super::owners(&cluster).await;
    let (tally, pulse) = (Arc::<Tally>::default(), Pulse::default());
    let mut sessions = Vec::new();
    for form in FORMS {
        let [first, second] = &rotation.authorities;
        let (files, mut settings) = configured(form, first, &first.sign("client"));
        files.trust(&[first, second]);
        settings.push(("tikv.tls_reload_interval", format!("{}ms", RELOAD.as_millis())));
        settings.push(("tikv.conn_recycle_time", "200ms".to_owned()));
        rotation.clients.push(files);
        let settings: Vec<_> = settings.iter().map(|(key, it)| (*key, it.as_str())).collect();
        let session = Connector::embedded(&cluster, &settings).await;
        let reader = Reader::new(&format!("{form:?}"), session.clone(), seed, dog.clone()).await;
        sessions.push((session, reader));
    }
    let mut workers: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let (session, reader) = &sessions[number as usize % sessions.len()];
            let chance = seed * 1000 + number;
            Worker {
                number,
                session: session.clone(),
                reader: reader.like(&format!("statement {number}"), chance),
                chance: StdRng::seed_from_u64(chance),
                dog: dog.clone(),
                tally: Arc::clone(&tally),
                pulse: pulse.clone(),
            }
        })
        .collect();
    let mut beating = JoinSet::new();
    beating.spawn(pulse.clone().beat());
    let (done, mut held) = (Done::default(), Vec::new());
    let mut changes = changes(seed).into_iter().cycle();
    let mut turns = 0;
    while held.len() < ROUNDS as usize || began.elapsed() < least {
        let stop = Arc::<AtomicBool>::default();
        let mut working = JoinSet::new();
        for worker in workers.drain(..) {
            working.spawn(worker.work(Arc::clone(&stop)));
        }
        for _ in 0..TURNS {
            turns += 1;
            rotation.turn(&cluster, turns);
            // So that it is seen before the next one.
            tokio::time::sleep(RELOAD * 2).await;
            for change in changes.by_ref().take(CHANGES) {
                play::change(&cluster, &change, &done);
                until(&tally, STATEMENTS / CHANGES as u64, &mut working).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
        workers = dog.watch("statements at their end", working.join_all()).await;
        for (_, reader) in &sessions {
            dog.watch("the reads after a round", reader.read_all()).await;
        }
        assert_eq!(cluster.verify().await.unwrap(), []);
        held.push(Held::now());
        eprintln!("soak: {turns} replacements, {tally:?}, {done:?}, {:?}", held.last());
    }
    let told = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert!(told(&tally.given_up) > 20 && told(&tally.written) > 20, "{tally:?}");
    assert!(told(&tally.starved) < told(&tally.statements) / 4, "{tally:?}");
    assert!(told(&tally.conflicts) < told(&tally.written), "{tally:?}");
    assert!(told(&done.moves) > 0 && told(&done.splits) > 0 && told(&done.merges) > 0, "{done:?}");
    Held::assert_no_growth(&held);
    drop((workers, sessions, beating));
    Held::assert_back_to(before).await;
}

/// Waits until that many statements more have ended.
async fn until(tally: &Tally, more: u64, working: &mut JoinSet<Worker>) {
    let goal = tally.statements.load(Ordering::Relaxed) + more;
    while tally.statements.load(Ordering::Relaxed) < goal {
        // None ends by itself, so that what ends has failed.
        if let Some(failed) = working.try_join_next() {
            failed.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Changes of regions, as the other soak has them.
fn changes(seed: u64) -> Vec<Disturbance> {
    let steps = plan::plan(seed, Duration::from_secs(60)).into_iter().map(|step| step.what);
    let changes: Vec<_> = steps
        .filter(|what| {
            matches!(
                what,
                Disturbance::Split(_)
                    | Disturbance::Merge(_)
                    | Disturbance::Lead(_)
                    | Disturbance::Move(_)
                    | Disturbance::Scatter
            )
        })
        .collect();
    assert!(changes.len() > 100);
    changes
}

/// One of the statements at any time.
#[derive(Debug)]
struct Worker {
    number: u64,
    session: Connector,
    reader: Reader,
    chance: StdRng,
    dog: Watchdog,
    tally: Arc<Tally>,
    pulse: Pulse,
}

impl Worker {
    /// One statement after another until `stop`.
    async fn work(mut self, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::Relaxed) {
            let patience = Duration::from_millis(self.chance.random_range(0..100));
            let patience = self.chance.random_ratio(1, 4).then_some(patience);
            match self.chance.random_range(0..8) {
                0 => self.begin().await,
                1 => self.transfer(patience).await,
                _ => self.read(patience).await,
            }
            count(&self.tally.statements);
        }
        self
    }

    async fn read(&mut self, patience: Option<Duration>) {
        let (tally, began) = (Arc::clone(&self.tally), Instant::now());
        if let Some(Err(error)) = with_patience(&tally, patience, self.reader.read_any()).await {
            self.excuse(&error, began);
        }
    }

    /// Panics because of an error, unless the machine had no time for the statement.
    fn excuse(&self, error: &Error, began: Instant) {
        let kind = error.kind();
        let is_late = matches!(kind, ErrorKind::Unavailable | ErrorKind::DeadlineExceeded);
        assert!(is_late && self.pulse.was_late(began), "statement {}: {error}", self.number);
        count(&self.tally.starved);
    }

    /// The first rows of a statement whose others nobody wants.
    async fn begin(&mut self) {
        let (session, tally) = (&self.session, &self.tally);
        let first = async {
            let statement = "SELECT a.account, b.seq FROM test.accounts a, test.accounts b";
            let frame = session.context().sql(statement).await?;
            let first = frame.execute_stream().await?.next().await;
            first.expect("accounts").map_err(Error::from)
        };
        let began = Instant::now();
        match self.dog.watch(format!("{} begins", self.number), first).await {
            Ok(_) => count(&tally.given_up),
            Err(error) => self.excuse(&error, began),
        }
    }

    /// Moves money between two accounts, which few others write to.
    async fn transfer(&mut self, patience: Option<Duration>) {
        let pair = self.number as i64 % (ACCOUNTS / 2) * 2;
        let amount = self.chance.random_range(-20..20);
        let statement = format!(
            "UPDATE test.accounts SET balance = CASE WHEN account = {pair} THEN balance - {amount} \
             ELSE balance + {amount} END WHERE account >= {pair} AND account <= {} AND seq = 0",
            pair + 1
        );
        let began = Instant::now();
        let written = self.dog.watch(statement.clone(), self.session.try_query(&statement));
        match with_patience(&self.tally, patience, written).await {
            None => {}
            Some(Ok(_)) => count(&self.tally.written),
            Some(Err(error)) if error.kind() == ErrorKind::Conflict => count(&self.tally.conflicts),
            Some(Err(error)) => self.excuse(&error, began),
        }
    }
}

/// What a statement says, or `None` when it was given up.
async fn with_patience<T>(
    tally: &Tally,
    patience: Option<Duration>,
    statement: impl Future<Output = T>,
) -> Option<T> {
    let Some(patience) = patience else { return Some(statement.await) };
    let told = tokio::time::timeout(patience, statement).await.ok();
    if told.is_none() {
        count(&tally.given_up);
    }
    told
}
