//! What is to be seen of a statement: its id, in plans and in errors, and its spans down to each request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use tifusion_embedded::{Effect, EmbeddedCluster, Fault, RegionErrorKind, Rpc, When};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// A gRPC status after which nobody asks again.
const UNIMPLEMENTED: i32 = 12;

async fn start() -> (EmbeddedCluster, Connector) {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    let table = "CREATE TABLE test.t (id BIGINT PRIMARY KEY, n BIGINT, KEY by_n (n)); \
                 INSERT INTO test.t VALUES (1, 10), (2, 20), (3, 30);";
    cluster.execute(table).await.unwrap();
    let settings = [("new_collation_enable", "true"), ("write.enable", "true")];
    let session = Connector::embedded(&cluster, &settings).await;
    session.use_database("test").await;
    (cluster, session)
}

fn text(rows: &[Vec<Cell>]) -> String {
    rows.iter().flatten().map(Cell::plain).collect()
}

/// The ids that a plan names.
fn ids(plan: &str) -> Vec<u64> {
    let after = plan.split("query=").skip(1);
    after
        .map(|text| text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_name_the_statement_and_each_run_is_another_one() {
    let (_cluster, session) = start().await;
    let twice = "EXPLAIN ANALYZE SELECT count(*) FROM t a JOIN t b ON a.id = b.n";
    let write = "EXPLAIN INSERT INTO t SELECT id + 10, n FROM t";
    let mut seen = Vec::new();
    for (query, places) in [(twice, 2), (twice, 2), (write, 3)] {
        let plan = text(&session.query(query).await.rows);
        let ids = ids(&plan);
        assert_eq!(ids.len(), places, "{plan}");
        assert!(ids.iter().all(|id| *id == ids[0] && *id > 0), "{plan}");
        assert!(!seen.contains(&ids[0]), "{plan}");
        seen.push(ids[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_the_statement() {
    let (cluster, session) = start().await;
    for (rpc, statement) in [
        (Rpc::Coprocessor, "SELECT * FROM t"),
        (Rpc::Coprocessor, "SELECT * FROM t WHERE n = 20"),
        (Rpc::Prewrite, "INSERT INTO t VALUES (4, 40)"),
        (Rpc::Commit, "INSERT INTO t VALUES (5, 50)"),
    ] {
        let fault =
            Fault::new(Effect::Status { code: UNIMPLEMENTED, message: "no".to_owned() }).on([rpc]);
        let fault = cluster.faults().add(fault);
        let error = session.try_query(statement).await.unwrap_err();
        assert!(cluster.faults().fired(fault) > 0, "{statement}");
        cluster.faults().remove(fault);
        let named: Vec<_> = error.context().iter().filter(|(name, _)| *name == "query").collect();
        assert_eq!(named.len(), 1, "{statement}: {error}");
        assert!(named[0].1.parse::<u64>().unwrap() > 0, "{error}");
    }
}

/// A span as it was seen: its name, those around it from the nearest on, and its fields.
#[derive(Debug, Clone, Default)]
struct Seen {
    name: &'static str,
    around: Vec<u64>,
    fields: BTreeMap<&'static str, String>,
}

/// Keeps what this project's code tells.
#[derive(Debug, Clone, Default)]
struct Listener {
    spans: Arc<Mutex<BTreeMap<u64, Seen>>>,
    events: Arc<Mutex<String>>,
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if !metadata.target().starts_with("tifusion") {
            return;
        }
        let scope = context.span_scope(id).unwrap();
        let around = scope.skip(1).map(|span| span.id().into_u64()).collect();
        let mut seen = Seen { name: metadata.name(), around, ..Seen::default() };
        attributes.record(&mut Fields(&mut seen.fields));
        self.spans.lock().unwrap().insert(id.into_u64(), seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(seen) = self.spans.lock().unwrap().get_mut(&id.into_u64()) {
            values.record(&mut Fields(&mut seen.fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("tifusion") {
            let mut fields = BTreeMap::new();
            event.record(&mut Fields(&mut fields));
            writeln!(self.events.lock().unwrap(), "{fields:?}").unwrap();
        }
    }
}

impl Listener {
    fn named(&self, name: &str) -> Vec<Seen> {
        let spans = self.spans.lock().unwrap();
        spans.values().filter(|seen| seen.name == name).cloned().collect()
    }

    /// The names around a span and the ids of statements there.
    fn around(&self, seen: &Seen) -> (Vec<&'static str>, BTreeSet<String>) {
        let spans = self.spans.lock().unwrap();
        let around: Vec<_> = seen.around.iter().map(|id| &spans[id]).collect();
        let queries = around.iter().filter_map(|span| span.fields.get("query").cloned());
        (around.iter().map(|span| span.name).collect(), queries.collect())
    }
}

/// Who listens to what is decided for the whole process: one test at a time.
static LISTENING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Listens on this thread. While there is one listener alone, `tracing` asks that of whichever thread comes to a
/// place first, and other tests' have none: so there is a second one, which hears nothing.
fn listen(subscriber: impl Subscriber + Send + Sync + 'static) -> (DefaultGuard, Dispatch) {
    let second = Dispatch::new(Registry::default());
    (tracing::subscriber::set_default(subscriber), second)
}

/// Values that rows and statements have and nothing else.
const VALUES: [&str; 4] = ["918273645", "sesame", "564738291", "barley"];

#[tokio::test]
async fn spans_lead_from_the_statement_to_each_request_and_hold_no_values() {
    let _alone = LISTENING.lock().await;
    let (cluster, session) = start().await;
    let listener = Listener::default();
    let _listening = listen(Registry::default().with(listener.clone()));
    let table = "CREATE TABLE test.s (id BIGINT PRIMARY KEY, pad VARCHAR(20), KEY by_pad (pad))";
    cluster.execute(table).await.unwrap();
    cluster.faults().add(
        Fault::new(Effect::RegionError(RegionErrorKind::EpochNotMatch))
            .on([Rpc::Coprocessor])
            .when(When::Nth(1)),
    );
    session.query("INSERT INTO s VALUES (918273645, 'sesame'), (564738291, 'barley')").await;
    session.query("SELECT * FROM s WHERE pad = 'sesame'").await;
    session.query("SELECT pad FROM s WHERE id = 564738291").await;
    session.query("DELETE FROM s WHERE pad = 'barley'").await;

    let statements = listener.named("statement");
    assert_eq!(statements.len(), 4, "{statements:?}");
    let mut methods = BTreeMap::new();
    for rpc in listener.named("rpc") {
        let (names, queries) = listener.around(&rpc);
        let method = rpc.fields["method"].clone();
        // Descriptions of tables are read by whoever needs them first, for all statements.
        if rpc.fields["table"] == "TiDB's metadata" {
            continue;
        }
        assert_eq!(names.last(), Some(&"statement"), "{rpc:?} in {names:?}");
        assert_eq!(queries, BTreeSet::from([rpc.fields["query"].clone()]), "{rpc:?}");
        for field in ["region", "store", "address", "attempt", "table"] {
            assert!(!rpc.fields[field].is_empty(), "{field} of {rpc:?}");
        }
        methods.insert(method, names);
    }
    assert_eq!(methods["coprocessor"], ["task", "scan", "statement"]);
    assert_eq!(methods["kv_prewrite"], ["write", "statement"]);
    assert_eq!(methods["kv_commit"], ["write", "statement"]);
    let failed =
        listener.named("rpc").into_iter().filter_map(|rpc| rpc.fields.get("failure").cloned());
    assert_eq!(failed.collect::<Vec<_>>(), ["epoch_not_match"]);

    let spans = format!("{:?}", listener.spans.lock().unwrap());
    for value in VALUES {
        assert!(!spans.contains(value), "{value} in {spans}");
    }
    for value in [918_273_645_i64, 564_738_291] {
        let key = format!("{value:08x}");
        assert!(!spans.to_lowercase().contains(&key), "{key} in {spans}");
    }
}

/// Counts the spans that are made although nobody wants them.
#[derive(Debug, Clone, Default)]
struct OnlyWarnings(Arc<Mutex<Vec<&'static str>>>);

impl<S: Subscriber> Layer<S> for OnlyWarnings {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.0.lock().unwrap().push(attributes.metadata().name());
    }
}

#[tokio::test]
async fn no_span_is_made_for_whoever_listens_to_warnings_alone() {
    let _alone = LISTENING.lock().await;
    let (_cluster, session) = start().await;
    let made = OnlyWarnings::default();
    let warnings = tracing_subscriber::filter::LevelFilter::from_level(Level::WARN);
    let _listening = listen(Registry::default().with(warnings).with(made.clone()));
    session.query("SELECT * FROM t WHERE n = 20").await;
    session.query("INSERT INTO t VALUES (9, 90)").await;
    assert_eq!(*made.0.lock().unwrap(), [] as [&str; 0]);
}
