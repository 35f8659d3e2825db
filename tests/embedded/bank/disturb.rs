//! What goes wrong with transfers and their readers.

use std::collections::BTreeMap;
use std::time::Duration;

use tifusion_embedded::{
    Effect, EmbeddedCluster, Fault, FaultId, LeftLock, RegionErrorKind, Rpc, When,
};
use tokio::sync::watch;

/// Rules at work, with their names.
#[derive(Debug)]
pub(crate) struct Disturbance {
    rules: Vec<(String, FaultId)>,
}

impl Disturbance {
    /// Each kind of fault now and then, in all calls.
    pub(crate) fn everything(cluster: &EmbeddedCluster) -> Self {
        let mut rules = Vec::new();
        let mut add = |effect: Effect, rpcs: &[Rpc], chance: f64| {
            let fault = Fault::new(effect.clone()).on(rpcs.iter().copied());
            let id = cluster.faults().add(fault.when(When::Probability(chance)));
            rules.push((format!("{effect:?}"), id));
        };
        let writes: Vec<_> = Rpc::WRITES.into_iter().chain(Rpc::RESOLVING).collect();
        let all: Vec<_> = writes.iter().copied().chain(Rpc::READS).collect();
        for kind in [
            RegionErrorKind::NotLeader,
            RegionErrorKind::RegionNotFound,
            RegionErrorKind::KeyNotInRegion,
            RegionErrorKind::EpochNotMatch,
            RegionErrorKind::StaleCommand,
            RegionErrorKind::StoreNotMatch,
            RegionErrorKind::MaxTimestampNotSynced,
            RegionErrorKind::ReadIndexNotReady,
            RegionErrorKind::ProposalInMergingMode,
            RegionErrorKind::RegionNotInitialized,
            RegionErrorKind::MismatchPeerId,
            RegionErrorKind::UndeterminedResult,
            RegionErrorKind::DeadlineExceeded,
        ] {
            add(Effect::RegionError(kind), &all, 0.002);
        }
        add(Effect::RegionError(RegionErrorKind::ServerIsBusy), &writes, 0.002);
        for (effect, chance) in [
            (Effect::DropBefore, 0.002),
            (Effect::DropAfter, 0.004),
            (Effect::Delay(Duration::from_millis(3)), 0.01),
            (Effect::SplitRegion, 0.003),
            (Effect::MergeRegion, 0.002),
            (Effect::TransferLeader, 0.004),
            (Effect::Twice, 0.01),
        ] {
            add(effect, &all, chance);
        }
        for lock in [
            LeftLock::Expired,
            LeftLock::Alive(Duration::from_millis(5)),
            LeftLock::Committed,
            LeftLock::AsyncCommitted,
            LeftLock::Pessimistic,
        ] {
            add(Effect::LeaveLock(lock), &[Rpc::Get, Rpc::Coprocessor, Rpc::Prewrite], 0.004);
        }
        for effect in [Effect::DropBefore, Effect::DropAfter] {
            add(effect, &[Rpc::PdTso, Rpc::PdGetRegion, Rpc::PdScanRegions, Rpc::PdGc], 0.001);
        }
        Self { rules }
    }

    /// How often each kind fired.
    pub(crate) fn fired(&self, cluster: &EmbeddedCluster) -> BTreeMap<&str, u64> {
        let mut fired = BTreeMap::new();
        for (name, rule) in &self.rules {
            *fired.entry(name.as_str()).or_default() += cluster.faults().fired(*rule);
        }
        fired
    }
}

/// Transfers between two deaths.
const PER_DEATH: u64 = 40;

/// Stores die and come back, one at a time, now and then PD, and regions are dealt out anew: as often as transfers
/// are committed, until the last of them, so that a slow machine is not disturbed more than a fast one. How often.
pub(crate) async fn kill_and_revive(
    cluster: &EmbeddedCluster,
    mut progress: watch::Receiver<u64>,
    last: u64,
) -> u64 {
    let (mut deaths, mut next) = (0, PER_DEATH);
    while next < last {
        // The bank lives as long as its disturbances.
        let reached = *progress.wait_for(|committed| *committed >= next).await.unwrap();
        next = reached + PER_DEATH;
        if deaths % 3 == 2 {
            cluster.scatter();
        }
        if deaths % 7 == 6 {
            cluster.kill_pd().await;
            tokio::time::sleep(Duration::from_millis(60)).await;
            cluster.revive_pd().await;
        } else {
            let store = deaths % 4 + 1;
            cluster.kill_store(store).await.unwrap();
            tokio::time::sleep(Duration::from_millis(40)).await;
            cluster.revive_store(store).await.unwrap();
        }
        deaths += 1;
    }
    deaths
}
