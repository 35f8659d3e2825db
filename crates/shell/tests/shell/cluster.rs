//! A cluster in the tests' process, for shells that connect to it.

use tifusion_embedded::EmbeddedCluster;

/// A cluster with table `test.t` of rows 1 to 4, each in a region of its own.
pub(crate) async fn with_rows() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let sql = "CREATE TABLE test.t (id BIGINT PRIMARY KEY, name VARCHAR(20));
               INSERT INTO test.t VALUES (1, 'one'), (2, 'two'), (3, NULL), (4, 'four')";
    cluster.execute(sql).await.unwrap();
    // A table has a region of its own, which is halved twice.
    let regions = |cluster: &EmbeddedCluster| cluster.regions().last().unwrap().id;
    cluster.split_region(regions(&cluster)).unwrap();
    let all = cluster.regions();
    for region in all.iter().rev().take(2) {
        cluster.split_region(region.id).unwrap();
    }
    cluster
}

/// Its address for `--pd`.
pub(crate) fn pd(cluster: &EmbeddedCluster) -> String {
    cluster.pd_addresses().join(",")
}
