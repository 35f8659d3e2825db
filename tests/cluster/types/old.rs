//! The same types on clusters of another make: before new collations, and TiDB of 2021.

use tifusion_testkit::cluster::Shape;

use super::cases::{self, Case};
use super::{handles, judge};

#[tokio::test(flavor = "multi_thread")]
async fn types_of_a_cluster_before_new_collations() {
    let cases: Vec<Case> = [cases::text(), cases::members()].concat();
    judge("types_old_collation", Shape::old_collation(), &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clustered_keys_of_a_cluster_before_new_collations() {
    handles::keys("types_old_collation_keys", "CLUSTERED", Shape::old_collation(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_an_old_tidb() {
    let all = [
        cases::integers(),
        cases::floats(),
        cases::decimals(),
        cases::calendar(),
        cases::text(),
        cases::bytes(),
        cases::members(),
        cases::json(),
    ];
    // What that TiDB doesn't know yet: some text types, and JSON of bytes.
    let unknown = ["gbk", "in_utf8mb4_0900_bin"];
    let mut cases: Vec<Case> =
        all.concat().into_iter().filter(|case| !unknown.contains(&case.name.as_str())).collect();
    let of_bytes = |value: &String| ["x'", "b'", "BINARY"].iter().any(|part| value.contains(part));
    let json = cases.iter_mut().find(|case| case.name == "json").unwrap();
    json.values.retain(|value| !of_bytes(value));
    judge("types_old_tidb", Shape::old_generation(), &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clustered_keys_of_an_old_tidb() {
    let unknown = ["k_varchar_unpadded", "k_varchar_0900", "k_gbk"];
    handles::keys("types_old_tidb_keys", "CLUSTERED", Shape::old_generation(), &unknown).await;
}
