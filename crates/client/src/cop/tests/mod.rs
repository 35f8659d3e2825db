mod answers;
mod batch;
mod bounds;
mod cached;
mod cached_random;
mod random;
mod silence;

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;

use super::*;
use crate::testing::{Call, FakeCluster, decode_rows};
use crate::{Client, Result, Timestamp};

const TS: Timestamp = Timestamp::new(100);

fn is_cop(call: &Call) -> bool {
    call.command == "coprocessor"
}

/// A read of all rows.
fn request() -> CopRequest {
    request_over(&[("r", "s")])
}

fn request_over(ranges: &[(&str, &str)]) -> CopRequest {
    let ranges =
        ranges.iter().map(|(a, b)| KeyRange::new((*a).to_owned(), (*b).to_owned())).collect();
    CopRequest { label: Some("db.t".into()), ..CopRequest::new(Bytes::new(), TS, ranges) }
}

fn desc(request: CopRequest) -> CopRequest {
    CopRequest { desc: true, data: Bytes::from_static(b"desc"), ..request }
}

/// The rows as they come.
async fn rows(client: &Client, request: CopRequest) -> Result<Vec<Vec<u8>>> {
    let mut stream = client.coprocessor(request)?;
    let mut rows = Vec::new();
    while let Some(answer) = stream.next().await {
        rows.extend(decode_rows(&answer?.data));
    }
    assert!(stream.next().await.is_none(), "the end is the end");
    Ok(rows)
}

async fn sorted_rows(client: &Client, request: CopRequest) -> Result<Vec<Vec<u8>>> {
    let mut rows = rows(client, request).await?;
    rows.sort_unstable();
    Ok(rows)
}

fn cop_calls(cluster: &Arc<FakeCluster>) -> usize {
    cluster.calls(is_cop).len()
}
