#![allow(clippy::cast_possible_truncation)]

mod basic;
mod large;
mod life;
mod locks;
mod machine;
mod model;
mod parts;
mod phases;
mod verdicts;

use std::sync::Arc;

use super::*;
use crate::testing::{FakeCluster, row_key};
use crate::{Client, Timestamp};

/// A put of `v{row}` for each row.
fn puts(rows: std::ops::Range<usize>) -> Vec<Mutation> {
    rows.map(|row| Mutation::put(row_key(row).into_bytes(), format!("v{row}").into_bytes()))
        .collect()
}

/// What a snapshot of now sees of a row.
async fn value(client: &Client, row: usize) -> Option<String> {
    let now = client.timestamp().await.unwrap();
    let snapshot = client.snapshot(now, crate::snapshot::SnapshotOptions::default());
    let value = snapshot.get(row_key(row).as_bytes()).await.unwrap();
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

/// No lock stands anywhere.
fn assert_clean(cluster: &Arc<FakeCluster>) {
    let locks = cluster.state.lock().locks.clone();
    assert!(locks.is_empty(), "{locks:?}");
}

fn at(ts: u64) -> Timestamp {
    Timestamp::new(ts)
}
