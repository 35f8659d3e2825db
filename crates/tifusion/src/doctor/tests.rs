use std::collections::{BTreeSet, HashMap};

use super::*;

async fn examined(settings: &[(&str, String)]) -> Report {
    let map: HashMap<String, String> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    examine(&Config::from_map(&map).unwrap()).await
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn checks_have_names_of_their_own() {
    let names: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_endpoints_are_bad_and_the_rest_is_not_checked() {
    let (one, two) = (nowhere(), nowhere());
    let report = examined(&[("pd.addresses", format!("{one},{two}"))]).await;
    assert_eq!(report.health(), Health::Bad);
    for address in [one, two] {
        let finding =
            report.findings().iter().find(|finding| finding.subject() == address).unwrap();
        assert_eq!((finding.check(), finding.health()), ("pd", Health::Bad));
        assert!(finding.what_to_mend().unwrap().contains("pd.addresses"), "{finding:?}");
    }
    for check in ["clock", "gc", "stores", "versions", "metadata", "collation"] {
        let finding = report.findings().iter().find(|finding| finding.check() == check).unwrap();
        assert_eq!((finding.health(), finding.subject()), (Health::Note, "not checked"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("ca.pem").display().to_string();
    let report = examined(&[
        ("pd.addresses", nowhere()),
        ("tikv.tls_enable", "true".to_owned()),
        ("tikv.trust_cert_collection", missing.clone()),
    ])
    .await;
    let finding = report.findings().iter().find(|finding| finding.check() == "tls").unwrap();
    assert_eq!((finding.health(), finding.subject()), (Health::Bad, "tikv.trust_cert_collection"));
    assert!(finding.message().contains(&missing), "{finding:?}");
    assert_eq!(report.health(), Health::Bad);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sql_port_where_nobody_listens_is_bad_and_pd_is_left_alone_where_it_is_not_asked() {
    let away = nowhere();
    let (host, port) = away.rsplit_once(':').unwrap();
    let settings = [
        ("read.mode", "sql".to_owned()),
        ("tidb.addr", host.to_owned()),
        ("tidb.port", port.to_owned()),
        ("tidb.user", "app".to_owned()),
        ("tidb.password", "hunter2".to_owned()),
    ];
    let report = examined(&settings).await;
    let of = |check: &'static str| report.findings().iter().filter(move |it| it.check() == check);
    let finding = of("sql port").next().unwrap();
    assert_eq!(
        (finding.health(), finding.subject()),
        (Health::Bad, format!("app@{away}").as_str())
    );
    assert!(finding.what_to_mend().unwrap().contains("tidb.addr"), "{finding:?}");
    assert!(!format!("{report:?}").contains("hunter2"));
    assert_eq!(of("pd").count(), 0, "{report:?}");
    let report = examined(&[("pd.addresses", nowhere())]).await;
    let finding = report.findings().iter().find(|it| it.check() == "sql port").unwrap();
    assert_eq!(finding.health(), Health::Note);
}

#[test]
fn clocks_may_differ_by_less_than_a_question_takes() {
    // Asked at 1000, answered at 1010.
    for (pd, health) in
        [(1000, Health::Good), (1010, Health::Good), (600, Health::Good), (1510, Health::Good)]
    {
        assert_eq!(pd::skew(pd, 1000, 1010).health(), health, "{pd}");
    }
    let behind = pd::skew(200, 1000, 1010);
    assert_eq!(behind.health(), Health::Warning);
    assert!(behind.message().contains("800ms behind"), "{behind:?}");
    let ahead = pd::skew(3010, 1000, 1010);
    assert!(ahead.message().contains("2s ahead of"), "{ahead:?}");
}

#[test]
fn garbage_that_nobody_collects_is_a_warning() {
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(pd::age(0, 5 * day).health(), Health::Note);
    assert_eq!(pd::age(5 * day - 600_000, 5 * day).health(), Health::Good);
    assert_eq!(pd::age(3 * day, 5 * day).health(), Health::Warning);
}

#[test]
fn versions_that_differ_are_told_with_whose_they_are() {
    let own = |versions: &[&str]| versions.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let compare = |stores: &[&str], members: &[&str]| {
        stores::compare(own(stores).into_iter(), own(members).into_iter())
    };
    assert_eq!(compare(&["8.5.2", "8.5.2"], &["v8.5.2"]).health(), Health::Good);
    assert_eq!(compare(&[], &[""]).health(), Health::Note);
    let differ = compare(&["8.5.2", "8.5.3"], &["v8.5.3"]);
    assert_eq!(differ.health(), Health::Warning);
    assert!(differ.message().contains("8.5.2 (stores), 8.5.3"), "{differ:?}");
}
