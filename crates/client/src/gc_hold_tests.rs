use super::*;
use crate::Client;
use crate::testing::FakeCluster;

const AFTER: Duration = Duration::from_secs(30);
const TIME: KeepTime = KeepTime { after: AFTER, longest: Duration::from_secs(3600) };

fn ttl(client: &Client) -> Duration {
    client.options().gc_hold_ttl
}

/// The calls about holds, in order.
fn calls(cluster: &FakeCluster) -> Vec<String> {
    let calls = cluster.state.lock().pd_calls.clone();
    calls.into_iter().filter(|call| call.starts_with("hold ")).collect()
}

fn held(cluster: &FakeCluster) -> Option<u64> {
    let holds = cluster.state.lock().holds.clone();
    assert!(holds.len() <= 1, "one for all: {holds:?}");
    holds.into_values().next()
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_done_soon_costs_pd_nothing() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    for _ in 0..20 {
        let start_ts = client.timestamp().await.unwrap();
        let keep = client.keep_snapshot(start_ts, TIME).unwrap();
        pass(AFTER / 2).await;
        keep.release().await;
    }
    client.idle().await;
    assert_eq!(calls(&cluster), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn all_share_one_hold_of_the_oldest() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let mut all = Vec::new();
    for _ in 0..10 {
        let start_ts = client.timestamp().await.unwrap();
        all.push((start_ts, client.keep_snapshot(start_ts, TIME).unwrap()));
        pass(Duration::from_secs(1)).await;
    }
    pass(AFTER).await;
    for index in [5, 0, 3, 0, 0] {
        assert_eq!(held(&cluster), Some(all[0].0.version()));
        let (_, keep) = all.remove(index);
        keep.release().await;
        pass(Duration::from_millis(1)).await;
    }
    assert_eq!(held(&cluster), Some(all[0].0.version()));
    drop(all);
    client.idle().await;
    assert_eq!(held(&cluster), None);
    assert!(calls(&cluster).len() < 8, "{:?}", calls(&cluster));
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_renewed_until_it_is_let_go() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    let keep = client.keep_snapshot(start_ts, TIME).unwrap();
    pass(AFTER + ttl(&client) * 3).await;
    assert_eq!(held(&cluster), Some(start_ts.version()));
    let renewed = calls(&cluster).iter().filter(|call| call.ends_with(" 120s")).count();
    assert!((9..=10).contains(&renewed), "{renewed}");
    keep.release().await;
    assert_eq!(held(&cluster), None, "PD knows when the release is over");
    client.idle().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_holds_longer_than_he_may() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let (old, new) = (client.timestamp().await.unwrap(), client.timestamp().await.unwrap());
    let short = KeepTime { longest: Duration::from_secs(100), ..TIME };
    let _old = client.keep_snapshot(old, short).unwrap();
    let new_one = client.keep_snapshot(new, TIME).unwrap();
    pass(Duration::from_secs(99)).await;
    assert_eq!(held(&cluster), Some(old.version()));
    pass(Duration::from_secs(2)).await;
    assert_eq!(held(&cluster), Some(new.version()));
    drop(new_one);
    pass(Duration::from_secs(1)).await;
    assert_eq!(held(&cluster), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_collected_is_given_up_and_the_others_are_kept() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let old = client.timestamp().await.unwrap();
    let _old = client.keep_snapshot(old, TIME).unwrap();
    cluster.state.lock().safe_point = old.version() + 1;
    pass(AFTER * 2).await;
    assert_eq!((held(&cluster), calls(&cluster).len()), (None, 1));
    let new = client.timestamp().await.unwrap();
    let new_one = client.keep_snapshot(new, TIME).unwrap();
    pass(AFTER * 2).await;
    assert_eq!(held(&cluster), Some(new.version()));
    new_one.release().await;
    assert_eq!(held(&cluster), None);
}

#[tokio::test(start_paused = true)]
async fn a_pd_that_was_away_is_told_again_and_nobody_waits_for_it() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    let keep = client.keep_snapshot(start_ts, TIME).unwrap();
    cluster.state.lock().pd_is_down = true;
    pass(AFTER * 4).await;
    assert_eq!(held(&cluster), None);
    cluster.state.lock().pd_is_down = false;
    pass(ttl(&client)).await;
    assert_eq!(held(&cluster), Some(start_ts.version()));
    cluster.state.lock().pd_is_down = true;
    let before = cluster.elapsed();
    keep.release().await;
    assert!(cluster.elapsed() - before <= PATIENCE, "{:?}", cluster.elapsed() - before);
}

#[test]
fn a_runtime_that_ends_does_not_end_it_for_others() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let (cluster, client) = first.block_on(async {
        let cluster = FakeCluster::new();
        let client = cluster.client();
        (cluster, client)
    });
    let now = KeepTime { after: Duration::ZERO, ..TIME };
    let keep = first.block_on(async {
        let keep = client.keep_snapshot(Timestamp::new(5), now).unwrap();
        pass(Duration::from_secs(1)).await;
        keep
    });
    assert_eq!(held(&cluster), Some(5));
    drop(first);
    second.block_on(async {
        let other = client.keep_snapshot(Timestamp::new(9), now).unwrap();
        pass(Duration::from_secs(1)).await;
        assert_eq!(held(&cluster), Some(5));
        keep.release().await;
        other.release().await;
        assert_eq!(held(&cluster), None);
    });
}

/// Counts the handles of the one span that there is.
#[derive(Debug, Clone, Default)]
struct OpenSpans(Arc<std::sync::atomic::AtomicUsize>);

impl OpenSpans {
    fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn add(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

impl tracing::Subscriber for OpenSpans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.add();
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}

    fn clone_span(&self, id: &tracing::span::Id) -> tracing::span::Id {
        self.add();
        id.clone()
    }

    fn try_close(&self, _: tracing::span::Id) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1
    }
}

/// The task that holds garbage collection back is begun by one statement and serves all: that one's span must not
/// stay open until the last is done.
#[tokio::test(start_paused = true)]
async fn the_span_of_whoever_came_first_ends_with_it() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    let spans = OpenSpans::default();
    let subscribed = tracing::subscriber::set_default(spans.clone());
    let span = tracing::info_span!("statement");
    let keep = span.in_scope(|| client.keep_snapshot(start_ts, TIME).unwrap());
    assert_eq!(spans.count(), 1);
    drop(span);
    assert_eq!(spans.count(), 0, "somebody else has it still");
    drop(subscribed);
    pass(AFTER * 2).await;
    assert!(held(&cluster).is_some());
    keep.release().await;
}
