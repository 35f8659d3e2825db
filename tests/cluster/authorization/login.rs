//! Who one is, and where PD is.

use std::collections::HashMap;

use tifusion::{Error, ErrorKind, TidbContext};

use super::{PASSWORD, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_log_in_is_told_at_once_and_no_secret_is() {
    let Some(mut scene) = Scene::of("authz_login").await else { return };
    let user = scene.make_user("app", &[]).await;
    let wrong = [("tidb.password", "hunter3")];
    let error = scene.connect(&user, &wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Security, "{error}");
    assert!(error.to_string().contains("Access denied for user"), "{error}");
    let away = scene.connect(&user, &[("tidb.port", "1")]).await.unwrap_err();
    assert_eq!(away.kind(), ErrorKind::Unavailable, "{away}");
    let ours = scene.connect(&user, &[]).await.unwrap();
    let query = scene.named("SELECT * FROM $a.t");
    let denied = ours.try_query(&query).await.unwrap_err();
    let settings = "SELECT * FROM information_schema.df_settings WHERE name LIKE 'tidb.%'";
    let settings = ours.query(settings).await;
    for shown in [
        format!("{error} {error:?} {away} {away:?} {denied} {denied:?}"),
        format!("{settings:?}"),
        format!("{:?}", ours.context()),
    ] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
    assert!(!PASSWORD.is_empty());
    scene.end().await;
}

/// A session to which nobody says where PD is.
async fn without_pd(scene: &Scene, user: &str) -> Result<TidbContext, Error> {
    let (host, port) = scene.cluster.tidb.rsplit_once(':').unwrap();
    let settings = [
        ("tidb.addr", host),
        ("tidb.port", port),
        ("tidb.user", user),
        ("tidb.password", PASSWORD),
        ("sql.auth.enable", "true"),
    ];
    let map: HashMap<_, _> =
        settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
    TidbContext::connect(map).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pd_is_found_through_tidb_by_who_may_ask() {
    let Some(mut scene) = Scene::of("authz_pd").await else { return };
    let grants = ["GRANT PROCESS ON *.* TO $user", "GRANT SELECT ON $a.t TO $user"];
    let may = scene.make_user("may", &grants).await;
    let context = without_pd(&scene, &may).await.unwrap();
    let rows = context.sql(&scene.named("SELECT id FROM $a.t")).await.unwrap().collect().await;
    assert_eq!(rows.unwrap().iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    let may_not = scene.make_user("may_not", &grants[1..]).await;
    let error = without_pd(&scene, &may_not).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Security, "{error}");
    assert!(error.to_string().contains("pd.addresses"), "{error}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_a_user_may_do() {
    let Some(mut scene) = Scene::of("authz_doctor").await else { return };
    let user = scene.make_user("app", &["GRANT SELECT ON $a.t TO $user"]).await;
    let none = scene.make_user("none", &[]).await;
    let (host, port) = scene.cluster.tidb.rsplit_once(':').unwrap();
    // What the other checks ask of stores the playground's store does not survive: PD is not found here.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = nowhere.to_string();
    let examined = async |user: &str, password: &str| {
        let settings = [
            ("pd.addresses", nowhere.as_str()),
            ("tidb.addr", host),
            ("tidb.port", port),
            ("tidb.user", user),
            ("tidb.password", password),
        ];
        let map: HashMap<_, _> =
            settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        let config = tifusion::config::Config::from_map(&map).unwrap();
        let report = tifusion::doctor::examine(&config).await;
        let of = report.findings().iter().filter(|finding| finding.check() == "privileges");
        of.cloned().collect::<Vec<_>>()
    };
    let told = examined(&user, PASSWORD).await;
    let text = format!("{told:?}");
    assert!(text.contains(&scene.named("$a.t")) && text.contains("GRANT"), "{text}");
    assert!(text.contains("sql.auth.enable"), "{text}");
    let told = examined(&none, PASSWORD).await;
    assert!(format!("{told:?}").contains("GRANT SELECT ON"), "{told:?}");
    let told = examined(&user, "hunter3").await;
    assert!(told.iter().any(|it| it.health() == tifusion::doctor::Health::Bad), "{told:?}");
    assert!(!format!("{told:?}").contains("hunter"), "{told:?}");
    scene.end().await;
}
