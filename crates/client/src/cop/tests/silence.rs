//! Tasks that are not answered.

use std::time::Duration;

use super::*;
use crate::error::ErrorKind;
use crate::testing::{Effect, Fault, State, refused, reset, row_key, row_keys};
use crate::transport::StoreRequest;

const MINUTE: Duration = Duration::from_secs(60);

fn on_first_store(call: &Call) -> bool {
    is_cop(call) && call.store == 1
}

/// As they were sent.
fn ranges(call: &Call) -> Vec<(Vec<u8>, Vec<u8>)> {
    let StoreRequest::Coprocessor(request) = &call.request else { unreachable!() };
    request.ranges.iter().map(|range| (range.start.clone(), range.end.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_too_long_is_asked_for_by_halves() {
    for down in [false, true] {
        let cluster = FakeCluster::with_rows(40, &[]);
        let client = cluster.client();
        cluster.add_fault(Fault::once(is_cop, Effect::Silence).times(2));
        let request = CopRequest { keep_order: true, ..request() };
        let request = if down { desc(request) } else { request };
        let mut stream = client.coprocessor(request).unwrap();
        let metrics = Arc::clone(stream.metrics());
        let mut got = Vec::new();
        while let Some(answer) = stream.next().await {
            got.extend(decode_rows(&answer.unwrap().data));
        }
        if down {
            got.reverse();
        }
        assert_eq!(got, row_keys(0..40));
        assert_eq!(metrics.halvings(), 2);
        let calls = cluster.calls(is_cop);
        assert!(calls.iter().all(|call| call.store == 1 && !call.context.replica_read));
        let ranges: Vec<_> = calls.iter().map(ranges).collect();
        assert!(ranges[0] != ranges[1] && ranges[1] != ranges[2], "{ranges:?}");
        assert_eq!(calls[0].timeout, MINUTE);
        assert_eq!(calls[0].context.max_execution_duration_ms, 57_000, "in time to be told so");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_never_answered_is_given_up_after_a_few_halvings() {
    let cluster = FakeCluster::with_rows(40, &[]);
    let client = cluster.client();
    cluster.add_fault(Fault::once(is_cop, Effect::Silence).times(usize::MAX));
    let error = rows(&client, request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains("did not answer"), "{error}");
    assert!(cop_calls(&cluster) <= 7, "{}", cop_calls(&cluster));
    let mut asked: Vec<_> = cluster.calls(is_cop).iter().map(ranges).collect();
    asked.dedup();
    assert_eq!(asked.len(), cop_calls(&cluster), "never the same again");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_left_once_its_regions_are_elsewhere() {
    let cluster = FakeCluster::with_rows(40, &[]);
    let client = cluster.client();
    let moves = |state: &mut State| state.transfer_leader(b"r", 3);
    cluster.add_fault(Fault::once(on_first_store, Effect::Silence).times(usize::MAX));
    cluster.add_fault(Fault::once(on_first_store, Effect::Change(Box::new(moves))));
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..40));
    assert!(cluster.elapsed() < MINUTE * 2, "{:?}", cluster.elapsed());
    assert_eq!(cluster.calls(on_first_store).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_lost_without_a_word_is_survived_without_a_deadline() {
    let cluster = FakeCluster::with_rows(40, &[20]);
    let client = cluster.client();
    // The first call ends with the connection, the next ones find nobody: each after a while. The
    // regions have new leaders after 25 s.
    let delay = |seconds| Effect::Delay(Duration::from_secs(seconds));
    cluster.add_fault(Fault::once(on_first_store, delay(13)));
    cluster.add_fault(Fault::once(on_first_store, Effect::Transport(reset)));
    cluster.add_fault(Fault::once(on_first_store, delay(5)).after(1).times(usize::MAX));
    let refused = Effect::Transport(refused);
    cluster.add_fault(Fault::once(on_first_store, refused).after(1).times(usize::MAX));
    let elects = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        cluster.state.lock().transfer_leader(row_key(0).as_bytes(), 3);
    };
    let (rows, ()) = tokio::join!(sorted_rows(&client, request()), elects);
    assert_eq!(rows.unwrap(), row_keys(0..40));
    assert!(cluster.calls(on_first_store).len() > 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_lost_late_does_not_cost_the_task_its_retries() {
    let cluster = FakeCluster::with_rows(40, &[]);
    let client = cluster.client();
    cluster.add_fault(Fault::once(is_cop, Effect::Delay(Duration::from_secs(50))).times(2));
    cluster.add_fault(Fault::once(is_cop, Effect::Transport(reset)).times(2));
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..40));
    assert!(cluster.all_fired());
}
