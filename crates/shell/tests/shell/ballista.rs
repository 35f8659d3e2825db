//! Shells whose queries run on Ballista.

use std::process::{Command, Output};

use crate::cluster::{pd, with_rows};

fn shell(pd: &str, url: &str, sql: &str) -> Output {
    let mut shell = Command::new(env!("CARGO_BIN_EXE_tifusion"));
    shell.args(["-q", "--format", "csv", "--pd", pd, "--ballista", url, "-c", sql]);
    shell.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_go_to_the_scheduler_and_what_the_session_knows_does_not() {
    let cluster = with_rows().await;
    let pd = pd(&cluster);
    let run = move |sql: &'static str| {
        let pd = pd.clone();
        tokio::task::spawn_blocking(move || shell(&pd, "df://127.0.0.1:1", sql))
    };
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let tables = run("SHOW TABLES").await.unwrap();
    assert!(tables.status.success() && told(&tables.stdout).contains('t'), "{tables:?}");
    // Nobody listens there.
    let query = run("SELECT * FROM t").await.unwrap();
    assert_eq!(query.status.code(), Some(1), "{query:?}");
    assert!(told(&query.stderr).contains("127.0.0.1:1"), "{query:?}");
    let alone = run("SELECT 1").await.unwrap();
    assert!(alone.status.success() && told(&alone.stdout).contains('1'), "{alone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_an_error_that_shows_one() {
    let cluster = with_rows().await;
    let pd = pd(&cluster);
    let run = move || shell(&pd, "http://127.0.0.1:50050", "SELECT 1");
    let refused = tokio::task::spawn_blocking(run).await.unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("df://host:port"), "{told}");
}
