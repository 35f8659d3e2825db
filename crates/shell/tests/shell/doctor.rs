//! `tifusion doctor`: a cluster that is well, one with a dead store, and none at all.

use std::process::{Command, Output, Stdio};

use tifusion_embedded::EmbeddedCluster;

use crate::cluster::pd;

fn doctor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tifusion"))
        .arg("doctor")
        .args(arguments)
        .env("TIFUSION_LOG", "off")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The lines that begin with a word and a check.
fn lines<'a>(told: &'a str, word: &str, check: &str) -> Vec<&'a str> {
    let start = format!("{word:<8}{check:<10} ");
    told.lines().filter(|line| line.starts_with(&start)).collect()
}

#[test]
fn a_cluster_in_the_process_is_well() {
    let output = doctor(&["--embedded", "-o", "new_collation_enable=true"]);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for check in ["pd", "clock", "stores", "metadata", "collation", "writing"] {
        assert!(!lines(&told, "ok", check).is_empty(), "no {check} in\n{told}");
    }
    assert!(lines(&told, "ok", "pd")[0].contains("leads cluster"), "{told}");
    assert!(lines(&told, "ok", "stores")[0].contains("state Up, labels"), "{told}");
    assert!(told.contains("0 bad, "), "{told}");
    assert!(!told.contains("BAD"), "{told}");
}

#[test]
fn dead_endpoints_are_told_with_what_to_mend_and_fail() {
    // Bound and let go: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = address.to_string();
    let output = doctor(&["--pd", &address]);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(lines(&told, "BAD", "pd")[0].contains(&address), "{told}");
    assert!(told.contains("to mend: see whether PD runs there"), "{told}");
    assert!(lines(&told, "note", "stores")[0].contains("not checked"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_store_and_a_dead_endpoint_are_told_apart_from_those_that_live() {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stores: Vec<u64> = cluster.stores().iter().map(|store| store.id).collect();
    cluster.kill_store(stores[2]).await.unwrap();
    let addresses = format!("{},{dead}", pd(&cluster));
    let output =
        tokio::task::spawn_blocking(move || doctor(&["--pd", &addresses, "-q"])).await.unwrap();
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(lines(&told, "BAD", "stores").len(), 1, "{told}");
    let store = format!("store {} at ", stores[2]);
    assert!(lines(&told, "BAD", "stores")[0].contains(&store), "{told}");
    // One endpoint of PD is enough.
    assert_eq!(lines(&told, "warning", "pd").len(), 1, "{told}");
    assert!(lines(&told, "warning", "pd")[0].contains(&dead.to_string()), "{told}");
    assert!(lines(&told, "ok", "pd").is_empty(), "quiet: {told}");
}

#[test]
fn wrong_options_are_an_error_and_no_diagnosis() {
    let output = doctor(&["-o", "pd.adresses=x:1"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("did you mean \"pd.addresses\"?"), "{errors}");
    assert!(output.stdout.is_empty());
}
