//! The files of `tests/slt`, whose answers TiDB gave, over an embedded cluster.

use std::sync::Arc;

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::repository;
use tifusion_testkit::slt;

/// A test for each file.
macro_rules! files {
    ($($name:ident)*) => {
        const FILES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                run(concat!("tests/slt/", stringify!($name), ".slt")).await;
            }
        )*
    };
}

files! {
    aggregates collations ctes filters functions handles joins names order_limit projections sets
    subqueries times windows
}

/// Files whose statements only TiDB has.
const NEED_TIDB: [&str; 1] = ["changes"];

async fn run(file: &str) {
    let cluster = Arc::new(EmbeddedCluster::builder().stores(3).start().await.unwrap());
    slt::judge_embedded(&cluster, &repository().join(file)).await;
}

#[test]
fn every_file_is_run_or_needs_tidb() {
    let mut known: Vec<&str> = FILES.iter().copied().chain(NEED_TIDB).collect();
    known.sort_unstable();
    assert_eq!(slt::files(), known);
}
