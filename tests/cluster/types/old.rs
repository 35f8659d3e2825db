//! The same types on clusters of another make: before new collations, and TiDB of 2021.

use tifusion_testkit::cluster::Shape;

use super::cases::{self, Case};
use super::{handles, judge};

/// JSON whose text has changed since: the digits of floats, and the names of control characters.
const SHOWN_OTHERWISE: [&str; 14] = [
    "'18446744073709551616'",
    "'123456789012345678901234567890'",
    "'-0.0'",
    "'1.0'",
    "'1e2'",
    "'1e15'",
    "'1e16'",
    "'1e20'",
    "'1e21'",
    "'1e22'",
    "'1e300'",
    "'1e-7'",
    "'1.7976931348623157e308'",
    "'\"\\\\b\\\\f\\\\n\\\\r\\\\t\"'",
];

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
    let json = cases.iter_mut().find(|case| case.name == "json").unwrap();
    json.values.retain(|value| {
        !["x'", "b'", "BINARY"].iter().any(|part| value.contains(part))
            && !SHOWN_OTHERWISE.contains(&value.as_str())
    });
    assert!(json.values.len() > 40);
    judge("types_old_tidb", Shape::old_generation(), &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clustered_keys_of_an_old_tidb() {
    let unknown = ["k_varchar_unpadded", "k_varchar_0900", "k_gbk"];
    handles::keys("types_old_tidb_keys", "CLUSTERED", Shape::old_generation(), &unknown).await;
}
