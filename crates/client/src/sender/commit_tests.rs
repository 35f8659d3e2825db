//! The commit of a primary is sent again only when it is known not to have taken effect.

use std::time::Duration;

use tifusion_proto::kvrpcpb::CommitRole;

use super::*;
use crate::error::ErrorKind;
use crate::region_error::RegionErrorKind;
use crate::testing::{
    Call, Effect, FakeCluster, FakeLock, Fault, Lost, healing_region_errors, refused, reset, status,
};
use crate::transport::{StatusCode, TransportError};

fn is_commit(call: &Call) -> bool {
    call.command == "commit"
}

/// Commits key `a` with a fault on the first try, and tells how often that was asked for.
async fn commit(effect: Effect, role: CommitRole) -> (Result<Answer>, usize) {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    cluster.state.lock().lock("a", FakeLock::put("a", start_ts, "v"));
    cluster.add_fault(Fault::once(is_commit, effect));
    let mut bo = client.backoffer(Duration::from_secs(20));
    let build = |context| {
        StoreRequest::Commit(kvrpcpb::CommitRequest {
            context: Some(context),
            start_version: start_ts.version(),
            commit_version: start_ts.version() + 9,
            keys: vec![b"a".to_vec()],
            commit_role: role.into(),
            ..kvrpcpb::CommitRequest::default()
        })
    };
    let options = SendOptions::new(Duration::from_secs(10));
    let answer = client.sender().send_to_key(&mut bo, b"a", &options, &build).await;
    assert!(cluster.all_fired());
    (answer, cluster.calls(is_commit).len())
}

fn is_done(answer: &Result<Answer>) -> bool {
    let Ok(Answer { response: StoreResponse::Commit(response), .. }) = answer else { return false };
    response.error.is_none() && response.region_error.is_none()
}

#[tokio::test(start_paused = true)]
async fn region_errors_that_may_hide_a_success_are_told() {
    for error in healing_region_errors() {
        let kind = RegionErrorKind::of(&error);
        let busy = error.server_is_busy.as_ref().map_or("", |busy| busy.reason.as_str());
        let hides = matches!(
            kind,
            RegionErrorKind::UndeterminedResult
                | RegionErrorKind::StaleCommand
                | RegionErrorKind::RegionNotFound
                | RegionErrorKind::DeadlineExceeded
                | RegionErrorKind::Unknown
        ) || busy.contains("deadline");
        let (answer, calls) = commit(Effect::region(error.clone()), CommitRole::Primary).await;
        if hides {
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Undetermined, "{error:?}");
            assert_eq!(calls, 1, "{error:?}");
        } else {
            assert!(is_done(&answer), "{error:?}: {answer:?}");
        }
        let (answer, _) = commit(Effect::region(error.clone()), CommitRole::Secondary).await;
        assert!(is_done(&answer), "{error:?}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_do_not_come_are_told() {
    let other = |address: &str| status(address, StatusCode::Other, "?");
    let full = |address: &str| status(address, StatusCode::ResourceExhausted, "?");
    let late = |address: &str| status(address, StatusCode::DeadlineExceeded, "?");
    let tls = |address: &str| TransportError::Security {
        address: address.to_owned(),
        message: "bad record".to_owned(),
    };
    let effects: Vec<fn() -> Effect> = vec![
        || Effect::Transport(reset),
        || Effect::Silence,
        || Effect::Lose(Lost::Timeout),
        || Effect::Lose(Lost::Reset),
    ];
    let more = [other, full, late].map(Effect::Transport);
    let all = effects.into_iter().map(|make| make()).chain(more).chain([Effect::Transport(tls)]);
    for (at, effect) in all.enumerate() {
        let (answer, calls) = commit(effect, CommitRole::Primary).await;
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Undetermined, "{at}");
        assert_eq!(calls, 1, "{at}");
    }
    // What was never sent is sent again.
    let (answer, calls) = commit(Effect::Transport(refused), CommitRole::Primary).await;
    assert!(is_done(&answer) && calls > 1, "{answer:?}");
    let unknown = |address: &str| status(address, StatusCode::Unimplemented, "?");
    let (answer, calls) = commit(Effect::Transport(unknown), CommitRole::Primary).await;
    assert_eq!((answer.unwrap_err().kind(), calls), (ErrorKind::Refused, 1));
}
