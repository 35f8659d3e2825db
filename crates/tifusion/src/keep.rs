//! Garbage collection held back while a statement runs.

use std::time::Duration;

use tifusion_client::Client;
use tifusion_client::gc_hold::{KeepTime, SnapshotKeep};

use crate::config::Settings;
use crate::error::Result;
use crate::statement::StatementSnapshot;

/// How long a statement runs before PD is told of it: its snapshot is of now, TiDB keeps ten minutes at the
/// least, and most statements are done in seconds.
const OF_NOW: Duration = Duration::from_secs(30);

/// The same for a snapshot of the past, which may be about to go.
const OF_THE_PAST: Duration = Duration::from_secs(1);

/// Keeps the statement's snapshot from now until what comes back is released or dropped, for as long as the
/// settings let it.
pub(crate) fn keep_snapshot(
    client: &Client,
    snapshot: &StatementSnapshot,
    settings: &Settings,
) -> Result<SnapshotKeep> {
    let after = if snapshot.as_of().is_some() { OF_THE_PAST } else { OF_NOW };
    let time = KeepTime { after, longest: settings.gc_max_wait_time };
    Ok(client.keep_snapshot(snapshot.start_ts(), time)?)
}
