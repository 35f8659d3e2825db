//! Every region error under every way of reading.

use tifusion::ErrorKind;
use tifusion_embedded::{Effect, EmbeddedCluster, RegionErrorKind};

use super::{at_all_times, run_all};
use crate::tables::Read;

/// What no retry can help.
fn is_final(kind: RegionErrorKind) -> bool {
    matches!(
        kind,
        RegionErrorKind::RaftEntryTooLarge
            | RegionErrorKind::FlashbackInProgress
            | RegionErrorKind::FlashbackNotPrepared
            | RegionErrorKind::InvalidMaxTsUpdate
    )
}

/// Errors after which a client waits for seconds or asks for less, both of which have an end: by chance they
/// come less often.
fn is_slow(kind: RegionErrorKind) -> bool {
    matches!(
        kind,
        RegionErrorKind::ServerIsBusy
            | RegionErrorKind::DiskFull
            | RegionErrorKind::IsWitness
            | RegionErrorKind::DeadlineExceeded
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_region_error_heals_or_says_where_under_every_read() {
    let cluster = EmbeddedCluster::builder().seed(21).start().await.unwrap();
    let kinds: Vec<_> = RegionErrorKind::ALL.into_iter().chain(RegionErrorKind::BY_TEXT).collect();
    let chance = |effect: &Effect| match effect {
        Effect::RegionError(kind) if is_slow(*kind) => 0.1,
        _ => 0.5,
    };
    let effects = kinds.iter().copied().map(Effect::RegionError);
    let told = run_all(&cluster, effects, |effect, way| at_all_times(way, chance(effect)));
    let told = told.await;
    assert_eq!(told.len(), 24 * (3 * 4 + 2));
    let mut by_chance = 0;
    for (at, told) in told.iter().enumerate() {
        let (kind, what) = (kinds[at / 14], &told.case.what);
        if what.contains("Probability") {
            by_chance += told.fired;
        } else {
            assert!(told.fired > 0, "{what} under {:?} never fired", told.case.way);
        }
        if is_final(kind) && told.fired > 0 {
            told.must_fail(ErrorKind::Refused);
            continue;
        }
        if let Some(answer) = told.must_be_right() {
            // A follower that is asked then has one more to tell.
            assert!(answer.metric("region_errors") as u64 >= told.fired, "{what}");
            assert!(answer.metric("retries") as u64 >= told.fired, "{what}");
        } else {
            assert_eq!(told.case.way, Read::Get);
        }
    }
    assert!(by_chance > 100, "only {by_chance} by chance");
}

#[tokio::test]
async fn explain_analyze_tells_the_retries() {
    let cluster = EmbeddedCluster::builder().seed(22).start().await.unwrap();
    let tables = crate::tables::Numbered::make(&cluster, 1).await;
    let readers = crate::tables::Readers::connect(&cluster).await;
    let fault = Effect::RegionError(RegionErrorKind::EpochNotMatch);
    let fault = tifusion_embedded::Fault::new(fault).on([Read::Scan.rpc()]);
    cluster.faults().add(fault.when(tifusion_embedded::When::First(2)));
    let explained = format!("EXPLAIN ANALYZE SELECT id, n FROM {}", tables[0].name());
    let told = readers.scan.query(&explained).await.rows;
    let told: String = told.iter().flatten().map(|cell| cell.plain() + "\n").collect();
    assert!(told.contains("region_errors=2") && told.contains("retries=2"), "{told}");
}
