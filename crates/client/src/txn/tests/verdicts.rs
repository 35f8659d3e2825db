//! Commits whose answers are lost.

use tifusion_proto::errorpb;

use super::*;
use crate::testing::{Effect, Fault, Lost};

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_is_committed() {
    let undetermined = errorpb::Error {
        undetermined_result: Some(errorpb::UndeterminedResult::default()),
        ..errorpb::Error::default()
    };
    for lost in [Lost::Timeout, Lost::Reset, Lost::Region(Box::new(undetermined))] {
        let cluster = FakeCluster::split_at(&[&row_key(3)]);
        let client = cluster.client();
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        txn.prewrite(puts(0..6)).await.unwrap();
        cluster.add_fault(Fault::once(|call| call.command == "commit", Effect::Lose(lost)));
        let committed = txn.commit(&NoGuard).await.unwrap();
        assert!(cluster.all_fired());
        assert_clean(&cluster);
        let commits = cluster.state.lock().commits[row_key(0).as_bytes()].clone();
        assert_eq!(commits[0].0, committed.commit_ts.version());
    }
}
