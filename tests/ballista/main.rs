//! TiFusion on Ballista: what several processes answer is what one does.
//!
//! On a cluster in this process unless the name says otherwise; those that TiDB judges run where it is.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking, and tell which executor read how much"
)]

mod cancelled;
mod killed;
mod little;
mod processes;
mod queries;
mod refused;
mod spread;
mod tpch;
mod writes;

use std::collections::HashMap;

use tifusion_ballista::Standalone;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cell::Rows;
use tifusion_testkit::connector::Connector;

/// Has executors read what would be too little for them.
const EVERYTHING: (&str, &str) = ("plan.distribute_min_rows", "0");

/// The configuration of every process and session over `cluster`.
fn config(cluster: &EmbeddedCluster) -> HashMap<String, String> {
    config_at(&cluster.pd_addresses().join(","))
}

/// The same over the cluster whose PD is at these addresses.
fn config_at(pd: &str) -> HashMap<String, String> {
    let map = [("pd.addresses", pd), ("write.enable", "true"), EVERYTHING];
    map.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// A session whose scheduler and two executors are in this process.
async fn standalone(cluster: &EmbeddedCluster) -> Connector {
    let shape = Standalone { executors: 2, vcores: 2 };
    let context = tifusion_ballista::standalone(config(cluster), shape).await;
    Connector::of(context.unwrap_or_else(|error| panic!("{error}")))
}

/// The cells as texts.
fn plain(rows: &Rows) -> Vec<Vec<String>> {
    rows.rows.iter().map(|row| row.iter().map(|cell| cell.plain()).collect()).collect()
}
