//! Carries out a plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tifusion_embedded::{EmbeddedCluster, Fault, Rpc, When};
use tokio::task::JoinSet;

use super::garbage;
use super::plan::{Disturbance, STORES, Step};
use crate::bank::work::Bank;

/// Calls of readers between two steps, at least.
const CALLS_PER_STEP: u64 = 4;

/// What a plan has done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) splits: AtomicU64,
    pub(crate) merges: AtomicU64,
    pub(crate) moves: AtomicU64,
    pub(crate) store_deaths: AtomicU64,
    pub(crate) pd_deaths: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) collections: AtomicU64,
}

/// Carries out each step at its time, and ends when everything is back and no rule is left.
pub(crate) async fn play(
    cluster: &Arc<EmbeddedCluster>,
    bank: &Arc<Bank>,
    plan: Vec<Step>,
    done: &Arc<Done>,
) {
    let began = Instant::now();
    let (mut lasting, mut calls) = (JoinSet::new(), 0);
    for step in plan {
        tokio::time::sleep(step.at.saturating_sub(began.elapsed())).await;
        pace(cluster, &mut calls).await;
        let (cluster, bank, done) = (Arc::clone(cluster), Arc::clone(bank), Arc::clone(done));
        match step.what {
            Disturbance::Split(_)
            | Disturbance::Merge(_)
            | Disturbance::Lead(_)
            | Disturbance::Move(_)
            | Disturbance::Scatter => change(&cluster, &step.what, &done),
            what => drop(lasting.spawn(last(cluster, bank, what, done))),
        }
        while let Some(ended) = lasting.try_join_next() {
            ended.unwrap();
        }
    }
    while let Some(ended) = lasting.join_next().await {
        ended.unwrap();
    }
}

/// Waits until readers had a few answers since the last step, or a second: on a slow machine regions must not
/// change faster than anybody can ask for them.
async fn pace(cluster: &EmbeddedCluster, before: &mut u64) {
    let answered = async {
        while cluster.faults().calls(Rpc::Coprocessor) < *before + CALLS_PER_STEP {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // A second without a call is as good: a store or PD is dead.
    let _ = tokio::time::timeout(Duration::from_secs(1), answered).await;
    *before = cluster.faults().calls(Rpc::Coprocessor);
}

/// Changes regions at once; what cannot be done any more is left.
pub(crate) fn change(cluster: &EmbeddedCluster, what: &Disturbance, done: &Done) {
    let regions = cluster.regions();
    let at = |place: &usize| &regions[place % regions.len()];
    let count = |counter: &AtomicU64, changed: bool| {
        counter.fetch_add(u64::from(changed), Ordering::Relaxed);
    };
    match what {
        Disturbance::Split(place) => {
            count(&done.splits, cluster.split_region(at(place).id).is_ok_and(|split| split));
        }
        Disturbance::Merge(place) => {
            let next = regions.get(place % regions.len() + 1);
            count(&done.merges, next.is_some_and(|it| cluster.merge(it.id, at(place).id).is_ok()));
        }
        Disturbance::Lead(place) => {
            let region = at(place);
            let to = region.stores[place % region.stores.len()];
            count(&done.moves, cluster.transfer_leader(region.id, to).is_ok());
        }
        Disturbance::Move(place) => {
            let region = at(place);
            let from = region.stores[place % region.stores.len()];
            let free = (1..=STORES).find(|store| !region.stores.contains(store));
            let moved = free.is_some_and(|to| cluster.move_peer(region.id, from, to).is_ok());
            count(&done.moves, moved);
        }
        _ => cluster.scatter(),
    }
}

/// What takes a while.
async fn last(cluster: Arc<EmbeddedCluster>, bank: Arc<Bank>, what: Disturbance, done: Arc<Done>) {
    match what {
        Disturbance::KillStore(store, dead) => {
            cluster.kill_store(store).await.unwrap();
            tokio::time::sleep(dead).await;
            cluster.revive_store(store).await.unwrap();
            done.store_deaths.fetch_add(1, Ordering::Relaxed);
        }
        Disturbance::KillPd(dead) => {
            cluster.kill_pd().await;
            tokio::time::sleep(dead).await;
            cluster.revive_pd().await;
            done.pd_deaths.fetch_add(1, Ordering::Relaxed);
        }
        Disturbance::FreezePd(time) => {
            cluster.freeze_pd();
            tokio::time::sleep(time).await;
            cluster.thaw_pd();
        }
        Disturbance::Gc => {
            garbage::collect(&bank, garbage::LAG).await;
            done.collections.fetch_add(1, Ordering::Relaxed);
        }
        Disturbance::Rule(effect, chance, time) => {
            let rpcs = Rpc::READS.into_iter().chain(Rpc::WRITES).chain(Rpc::RESOLVING);
            let fault = Fault::new(effect).on(rpcs).when(When::Probability(chance));
            let rule = cluster.faults().add(fault);
            tokio::time::sleep(time.min(Duration::from_secs(5))).await;
            cluster.faults().remove(rule);
            done.faults.fetch_add(cluster.faults().fired(rule), Ordering::Relaxed);
        }
        _ => {}
    }
}
