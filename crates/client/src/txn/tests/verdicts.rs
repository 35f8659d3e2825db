//! Whatever answer is lost, and whatever comes next, what a caller is told is what the stores hold.
//!
//! Async commit and one-phase commit are not in the table: this writer has neither.

use std::time::Duration;

use tifusion_proto::errorpb;
use tifusion_proto::kvrpcpb::CommitRole;

use super::*;
use crate::testing::{Call, Effect, Fault, Lost, TxnEnd, reset};
use crate::transport::StoreRequest;

const ROWS: usize = 6;

/// The requests of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rpc {
    PrewritePrimary,
    PrewriteSecondary,
    HeartBeat,
    CommitPrimary,
    CommitSecondary,
    CheckTxnStatus,
    Rollback,
}

const RPCS: [Rpc; 7] = [
    Rpc::PrewritePrimary,
    Rpc::PrewriteSecondary,
    Rpc::HeartBeat,
    Rpc::CommitPrimary,
    Rpc::CommitSecondary,
    Rpc::CheckTxnStatus,
    Rpc::Rollback,
];

impl Rpc {
    fn is(self, call: &Call) -> bool {
        let primary = row_key(0).into_bytes();
        match (&call.request, self) {
            (StoreRequest::Prewrite(request), Self::PrewritePrimary | Self::PrewriteSecondary) => {
                let has = request.mutations.iter().any(|mutation| mutation.key == primary);
                has == (self == Self::PrewritePrimary)
            }
            (StoreRequest::Commit(request), Self::CommitPrimary) => {
                request.commit_role() == CommitRole::Primary
            }
            (StoreRequest::Commit(request), Self::CommitSecondary) => {
                request.commit_role() == CommitRole::Secondary
            }
            (StoreRequest::TxnHeartBeat(_), Self::HeartBeat)
            | (StoreRequest::CheckTxnStatus(_), Self::CheckTxnStatus)
            | (StoreRequest::BatchRollback(_), Self::Rollback) => true,
            _ => false,
        }
    }
}

/// How the answer gets lost, and whether what was asked for was done.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Silence { applied: bool },
    Reset { applied: bool },
    Undetermined { applied: bool },
}

const LOSSES: [Loss; 6] = [
    Loss::Silence { applied: true },
    Loss::Silence { applied: false },
    Loss::Reset { applied: true },
    Loss::Reset { applied: false },
    Loss::Undetermined { applied: true },
    Loss::Undetermined { applied: false },
];

fn undetermined() -> errorpb::Error {
    errorpb::Error {
        undetermined_result: Some(errorpb::UndeterminedResult { message: "raft".to_owned() }),
        ..errorpb::Error::default()
    }
}

impl Loss {
    fn effect(self) -> Effect {
        match self {
            Self::Silence { applied: true } => Effect::Lose(Lost::Timeout),
            Self::Silence { applied: false } => Effect::Silence,
            Self::Reset { applied: true } => Effect::Lose(Lost::Reset),
            Self::Reset { applied: false } => Effect::Transport(reset),
            Self::Undetermined { applied: true } => {
                Effect::Lose(Lost::Region(Box::new(undetermined())))
            }
            Self::Undetermined { applied: false } => Effect::region(undetermined()),
        }
    }
}

/// What the next request of the kind meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Ok,
    RegionError,
    /// The transaction was rolled back by somebody else meanwhile, if it still could.
    KeyError,
    /// Nothing, and so it goes on.
    Timeout,
}

const NEXTS: [Next; 4] = [Next::Ok, Next::RegionError, Next::KeyError, Next::Timeout];

fn next_fault(rpc: Rpc, next: Next) -> Option<Fault> {
    let again = move |call: &Call| rpc.is(call);
    let effect = match next {
        Next::Ok => return None,
        Next::RegionError => Effect::region(errorpb::Error {
            epoch_not_match: Some(errorpb::EpochNotMatch::default()),
            ..errorpb::Error::default()
        }),
        Next::KeyError => Effect::Change(Box::new(|state| {
            let key = row_key(0).into_bytes();
            let lock = state.locks.get(&key).and_then(|locks| locks.first());
            if let Some(start_ts) = lock.map(|lock| lock.start_ts.version()) {
                state.finish(&key, start_ts, TxnEnd::RolledBack);
            }
        })),
        Next::Timeout => Effect::Silence,
    };
    let times = if next == Next::Timeout { usize::MAX } else { 1 };
    Some(Fault::once(again, effect).after(1).times(times))
}

struct No;

#[async_trait::async_trait]
impl CommitGuard for No {
    async fn allow(&self, _: Timestamp) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("no".into())
    }
}

async fn run(client: &Client, rpc: Rpc) -> Result<Committed, TxnError> {
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..ROWS)).await?;
    if rpc == Rpc::HeartBeat {
        tokio::time::sleep(Duration::from_secs(45)).await;
    }
    match rpc {
        Rpc::Rollback => txn.commit(&No).await,
        _ => txn.commit(&NoGuard).await,
    }
}

/// The transaction's rows as a reader finds them who comes long after, when all is well again.
async fn rows_in_the_end(cluster: &Arc<FakeCluster>) -> usize {
    let client = cluster.client();
    tokio::time::sleep(Duration::from_secs(200)).await;
    let mut there = 0;
    for row in 0..ROWS {
        there += usize::from(value(&client, row).await.is_some());
    }
    client.idle().await;
    there
}

/// One case of the table; the number of times that the fault came to pass.
async fn case(rpc: Rpc, loss: Loss, next: Next) -> &'static str {
    let name = format!("{rpc:?}, {loss:?}, then {next:?}");
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let client = cluster.client();
    if rpc == Rpc::CheckTxnStatus {
        // The only way there: a commit that cannot be brought to an end.
        let commit = |call: &Call| Rpc::CommitPrimary.is(call);
        cluster.add_fault(Fault::once(commit, Effect::Silence).times(usize::MAX));
    }
    cluster.add_fault(Fault::once(move |call| rpc.is(call), loss.effect()));
    if let Some(fault) = next_fault(rpc, next) {
        cluster.add_fault(fault);
    }
    let result = run(&client, rpc).await;
    client.idle().await;
    let fired = cluster.state.lock().faults.iter().filter(|fault| fault.fired > 0).count();
    assert!(fired > 0, "{name}: nothing was lost");
    cluster.state.lock().faults.clear();
    let there = rows_in_the_end(&cluster).await;
    let commits = cluster.state.lock().commits.get(row_key(0).as_bytes()).cloned();
    match &result {
        Ok(committed) => {
            assert_eq!(there, ROWS, "{name}: committed, but {there} rows are there");
            assert_eq!(commits.unwrap()[0].0, committed.commit_ts.version(), "{name}");
        }
        Err(TxnError::Undetermined { .. }) => {
            assert!(there == 0 || there == ROWS, "{name}: {there} rows are there");
            assert_eq!(next, Next::Timeout, "{name}: the primary could be asked");
            assert!(matches!(rpc, Rpc::CheckTxnStatus), "{name}: {result:?}");
        }
        Err(error) => assert_eq!(there, 0, "{name}: {error}, but {there} rows are there"),
    }
    assert_clean(&cluster);
    match result {
        Ok(_) => "committed",
        Err(TxnError::Undetermined { .. }) => "undetermined",
        Err(_) => "not committed",
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_at_every_request_lead_to_the_right_word() {
    let mut ends = std::collections::BTreeMap::new();
    for rpc in RPCS {
        for loss in LOSSES {
            for next in NEXTS {
                let end = case(rpc, loss, next).await;
                *ends.entry((format!("{rpc:?}"), end)).or_insert(0) += 1;
            }
        }
    }
    let of = |rpc: &str, end| ends.get(&(rpc.to_owned(), end)).copied().unwrap_or(0);
    assert_eq!(ends.values().sum::<usize>(), 7 * 6 * 4);
    // Not reached in time, or refused because somebody else has rolled it back: the rest commits.
    assert_eq!(of("CommitSecondary", "committed"), 24, "{ends:?}");
    assert!(of("CommitPrimary", "committed") >= 15, "{ends:?}");
    assert!(of("CommitPrimary", "not committed") > 0, "{ends:?}");
    assert_eq!(of("CommitPrimary", "undetermined"), 0, "the primary could be asked: {ends:?}");
    assert!(of("CheckTxnStatus", "undetermined") > 0, "{ends:?}");
    assert_eq!(of("Rollback", "not committed"), 24, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_arrives_after_all_is_given_up_finds_nothing() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let client = cluster.client();
    let commit = |call: &Call| Rpc::CommitPrimary.is(call);
    cluster.add_fault(Fault::once(commit, Effect::Silence).times(usize::MAX));
    let error = run(&client, Rpc::CommitPrimary).await.unwrap_err();
    let why = RolledBackWhy::GivenUp;
    assert!(matches!(&error, TxnError::RolledBack { why: told, .. } if *told == why), "{error}");
    // The last request was only late.
    let late = cluster.calls(commit).pop().unwrap();
    cluster.state.lock().faults.clear();
    let transport = Arc::clone(client.transport());
    let address = cluster.state.lock().stores[&late.store].address.clone();
    let answer = transport.call(&address, late.request, late.timeout).await.unwrap();
    let crate::transport::StoreResponse::Commit(answer) = answer else { panic!() };
    assert!(answer.error.is_some());
    assert_eq!(rows_in_the_end(&cluster).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_commit_while_the_primarys_stores_are_gone_is_undetermined() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..ROWS)).await.unwrap();
    let start_ts = txn.start_ts();
    // It is committed, nobody hears of it, and then the stores die.
    cluster.add_fault(Fault::once(|call| Rpc::CommitPrimary.is(call), Effect::Lose(Lost::Reset)));
    let die = Effect::Change(Box::new(|state| {
        state.stores.values_mut().for_each(|store| store.is_down = true);
    }));
    cluster.add_fault(Fault::once(|call| Rpc::CommitPrimary.is(call), die));
    let error = txn.commit(&NoGuard).await.unwrap_err();
    let TxnError::Undetermined { start_ts: told, primary, .. } = &error else { panic!("{error}") };
    assert_eq!((*told, primary.as_slice()), (start_ts, row_key(0).as_bytes()));
    assert_eq!(error.kind(), crate::ErrorKind::Undetermined);
    assert!(error.is_undetermined());
    cluster.state.lock().stores.values_mut().for_each(|store| store.is_down = false);
    assert_eq!(rows_in_the_end(&cluster).await, ROWS);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_never_arrived_is_a_plain_failure() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..ROWS)).await.unwrap();
    cluster.state.lock().stores.values_mut().for_each(|store| store.is_down = true);
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert!(matches!(error, TxnError::Client(_)), "{error}");
    cluster.state.lock().stores.values_mut().for_each(|store| store.is_down = false);
    assert_eq!(rows_in_the_end(&cluster).await, 0);
}
