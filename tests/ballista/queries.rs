//! The files of `tests/slt`, whose answers TiDB gave, on executors.

use std::sync::Arc;

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::repository;
use tifusion_testkit::slt;

use super::standalone;

/// A test for each file.
macro_rules! files {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let cluster = Arc::new(EmbeddedCluster::builder().stores(3).start().await.unwrap());
            let file = repository().join(concat!("tests/slt/", stringify!($name), ".slt"));
            slt::judge_embedded_by(&cluster, &file, || standalone(&cluster)).await;
        }
    )*};
}

files! {
    aggregates collations ctes filters functions handles joins names order_limit projections sets
    subqueries times windows
}
