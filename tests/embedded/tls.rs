//! TLS and networks by the configuration's keys, and what becomes of the secrets in it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tifusion::config::Config;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::certificates::{Authority, FORMS, Files, Form, PASSWORD, Signed};

/// A cluster that asks for certificates and tells addresses nobody can reach, with a table.
async fn start(authority: &Authority) -> EmbeddedCluster {
    let tls = authority.sign("127.0.0.1").server(Some(authority.pem()));
    let cluster = EmbeddedCluster::builder().tls(tls).advertise("inside.invalid");
    let cluster = cluster.start().await.unwrap();
    cluster.execute("CREATE TABLE test.t (id BIGINT PRIMARY KEY)").await.unwrap();
    cluster
}

/// Files of a client in this form, and the settings that name them.
pub(crate) fn configured(
    form: Form,
    authority: &Authority,
    own: &Signed,
) -> (Files, Vec<(&'static str, String)>) {
    let files = Files::new(form);
    files.trust(&[authority]);
    files.identity(own);
    let path = |name: &str| files.dir.path().join(name).to_str().unwrap().to_owned();
    let mut settings = vec![
        ("tikv.tls_enable", "true".to_owned()),
        ("host_mapping", "inside.invalid:127.0.0.1".to_owned()),
        ("write.enable", "true".to_owned()),
    ];
    // Stores win over PEM files, which need not be there.
    settings.push(("tikv.trust_cert_collection", path("trust.pem")));
    settings.push(("tikv.key_cert_chain", path("client.pem")));
    settings.push(("tikv.key_file", path("client-key.pem")));
    if form != Form::Pem {
        let ending = if form == Form::Jks { "jks" } else { "p12" };
        settings.push(("tikv.jks_enable", "true".to_owned()));
        settings.push(("tikv.jks_trust_path", path(&format!("trust.{ending}"))));
        settings.push(("tikv.jks_trust_password", PASSWORD.to_owned()));
        settings.push(("tikv.jks_key_path", path(&format!("client.{ending}"))));
        settings.push(("tikv.jks_key_password", PASSWORD.to_owned()));
    }
    (files, settings)
}

fn texts<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(key, value)| (*key, value.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_hosts_are_those_of_the_configuration() {
    let authority = Authority::new();
    let cluster = start(&authority).await;
    let own = authority.sign("client");
    for (number, form) in FORMS.into_iter().enumerate() {
        let (_files, settings) = configured(form, &authority, &own);
        let session = Connector::embedded(&cluster, &texts(&settings)).await;
        session.query(&format!("INSERT INTO test.t VALUES ({number})")).await;
        let rows = session.query("SELECT count(*) FROM test.t").await.rows;
        assert_eq!(rows[0][0].plain(), (number + 1).to_string(), "{form:?}");
    }
    // The stores' names alone are no way in.
    let (_files, mut settings) = configured(Form::Pem, &authority, &own);
    settings.retain(|(key, _)| *key != "host_mapping");
    let error = Connector::try_embedded(&cluster, &texts(&settings)).await.unwrap_err();
    assert!(error.to_string().contains("inside.invalid"), "{error}");
    // A store that only its neighbours reach.
    let (_files, mut settings) = configured(Form::Pkcs12, &authority, &own);
    let leader = cluster.regions().iter().find_map(|region| region.leader_store).unwrap();
    cluster.isolate_store(leader).await.unwrap();
    settings.push(("enable_grpc_forward", "true".to_owned()));
    let session = Connector::embedded(&cluster, &texts(&settings)).await;
    session.query("INSERT INTO test.t VALUES (99)").await;
    let rows = session.query("SELECT count(*) FROM test.t").await.rows;
    assert_eq!(rows[0][0].plain(), "4");
}

/// Everything that is logged in this thread, at every level.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Fields(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        let _ = write!(log, "\n{}", event.metadata().level());
        event.record(&mut Fields(&mut log));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Logs, errors, what `Debug` shows and what `SHOW` shows: none of them has a password, or a part of a key in
/// any of the forms in which bytes are shown.
#[tokio::test(flavor = "current_thread")]
async fn no_secret_is_shown() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let authority = Authority::new();
    let cluster = start(&authority).await;
    let own = authority.sign("client");
    let mut shown = String::new();
    for form in FORMS {
        let (files, mut settings) = configured(form, &authority, &own);
        let session = Connector::embedded(&cluster, &texts(&settings)).await;
        session.query("REPLACE INTO test.t VALUES (1)").await;
        for statement in [
            "SHOW ALL",
            "SELECT * FROM information_schema.df_settings",
            "EXPLAIN ANALYZE VERBOSE SELECT * FROM test.t",
        ] {
            match session.try_query(statement).await {
                Ok(rows) => write!(shown, "{rows:?}"),
                Err(error) => write!(shown, "{error} {error:?}"),
            }
            .unwrap();
        }
        let map = settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let config = Config::from_map(&map).unwrap();
        write!(shown, "{session:?} {config:?} {config:#?} {:?}", config.settings()).unwrap();
        write!(shown, "{:?}", config.entries().collect::<Vec<_>>()).unwrap();
        // What fails tells of it.
        files.identity(&own.clone().with_key_of(&authority.sign("other")));
        let error = Connector::try_embedded(&cluster, &texts(&settings)).await.unwrap_err();
        write!(shown, "{error} {error:?} {error:#?}").unwrap();
        for (key, value) in &mut settings {
            if key.ends_with("password") {
                value.push_str(" and more");
            }
        }
        if let Err(error) = Connector::try_embedded(&cluster, &texts(&settings)).await {
            write!(shown, "{error} {error:?} {error:#?}").unwrap();
        }
    }
    shown.push_str(&log.0.lock().unwrap());
    assert!(shown.contains("[hidden]") && shown.contains("TRACE"), "something was looked at");
    for secret in own.spellings_of_the_key().iter().chain([&PASSWORD.to_owned()]) {
        let place = shown.find(secret.as_str());
        let around = place.map(|place| shown.get(place.saturating_sub(200)..place));
        assert!(place.is_none(), "{secret} is shown behind {around:?}");
    }
}
