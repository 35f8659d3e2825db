//! The files of `tests/slt`, on both sides.

use tifusion_testkit::cluster::{Cluster, Shape, repository};
use tifusion_testkit::slt;

/// A test for each file, and the list of them.
macro_rules! files {
    ($($name:ident)*) => {
        const FILES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(cluster) = Cluster::of(Shape::default(), stringify!($name)) else { return };
                let file = concat!("tests/slt/", stringify!($name), ".slt");
                slt::judge(&cluster, &repository().join(file)).await;
            }
        )*
    };
}

files! {
    aggregates changes collations ctes filters functions handles joins names order_limit projections
    sets subqueries times windows
}

#[test]
fn every_file_is_run() {
    assert_eq!(slt::files(), FILES);
}
