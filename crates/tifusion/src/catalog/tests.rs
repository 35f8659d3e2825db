use super::*;

#[test]
fn prefixes_ignore_case_and_must_be_there() {
    assert_eq!(strip_prefix_ci("TiDB_shop", "tidb_"), Some("shop"));
    assert_eq!(strip_prefix_ci("shop", ""), Some("shop"));
    assert_eq!(strip_prefix_ci("shop", "tidb_"), None);
    assert_eq!(strip_prefix_ci("é", "a"), None);
}
