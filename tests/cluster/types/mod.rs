//! Every type, cell for cell as TiDB shows it.

pub(crate) mod cases;
pub(crate) mod handles;
mod indexes;
mod old;
mod partitions;
mod rows;
mod zones;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::physical_plan::displayable;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt as _;
use tifusion_testkit::arrow_cells::{Clock, rows as rows_of};
use tifusion_testkit::cell::Rows;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use self::cases::Case;

/// Encodings of answers of the stores.
const FORMATS: [&str; 2] = ["chunk", "default"];

/// The way through TiDB's SQL port.
const BY_SQL: &str = "SQL";

/// The ways in which values come: in these encodings, and from TiDB.
const WAYS: [&str; 3] = ["chunk", "default", BY_SQL];

/// A mode in which TiDB stores whatever it can: zero dates, dates that no calendar has, and the
/// empty member for an unknown one.
const LAX: &str = "SET sql_mode = 'ALLOW_INVALID_DATES'";

/// TiDB with an empty database, and a connector for each way that uses it.
struct Sides {
    tidb: Tidb,
    connectors: Vec<Connector>,
}

impl Sides {
    async fn of(cluster: &Cluster, database: &str) -> Self {
        let mut tidb = Tidb::in_database(&cluster.tidb, database).await;
        tidb.run([LAX]).await;
        let mut connectors = Vec::new();
        for format in FORMATS {
            // Where there is an index, it is the one that is looked at here.
            let settings =
                [("coprocess.codec_format", format), ("plan.use_index_scan_first", "true")];
            let connector = Connector::connect(cluster, &settings).await;
            connector.use_database(database).await;
            connectors.push(connector);
        }
        let connector = Connector::by_sql(cluster, &[]).await;
        connector.use_database(database).await;
        connectors.push(connector);
        Self { tidb, connectors }
    }

    /// All ways give TiDB's rows, at least `least` of them, and its column names.
    async fn agree(&mut self, query: &str, least: usize) -> Rows {
        self.agree_with(query, query, least).await
    }

    /// The same where TiDB must be asked otherwise.
    async fn agree_with(&mut self, query: &str, of_tidb: &str, least: usize) -> Rows {
        self.agree_by(query, of_tidb, least, WAYS.len()).await.0
    }

    /// The same for the first `ways`, and the plan that the first one ran.
    async fn agree_by(
        &mut self,
        query: &str,
        of_tidb: &str,
        least: usize,
        ways: usize,
    ) -> (Rows, String) {
        let theirs = self.tidb.query(of_tidb).await;
        assert!(theirs.rows.len() >= least, "only {} rows: {query}", theirs.rows.len());
        let mut plan = None;
        for (connector, format) in self.connectors.iter().zip(WAYS).take(ways) {
            let answer = connector.run(query).await;
            let answer = answer.unwrap_or_else(|error| panic!("{error}\n{query}, by {format}"));
            let ours = answer.rows(Clock::Wall);
            if let Some(difference) = difference(&ours, &theirs, Rules::default()) {
                panic!("{difference}\n{query}, by {format}");
            }
            assert_eq!(ours.columns, theirs.columns, "{query}");
            plan.get_or_insert_with(|| displayable(answer.plan.as_ref()).indent(false).to_string());
        }
        (theirs, plan.unwrap_or_default())
    }
}

/// Makes the table of a type. Its rows 1 and 2 are older than its columns `v` (no default), `d` (a
/// default) and `z` (not null); row 3 leaves out what it may; then comes a row for each value.
async fn fill(tidb: &mut Tidb, case: &Case, old: bool) {
    let Case { name, definition, default, values, .. } = case;
    let default = default.as_deref().map(|value| format!("DEFAULT {value}")).unwrap_or_default();
    let first = &values[0];
    tidb.run([
        format!("CREATE TABLE `{name}` (id INT PRIMARY KEY, old INT)"),
        format!("INSERT INTO `{name}` VALUES (1, 10), (2, 20)"),
    ])
    .await;
    let added = [
        format!("ADD COLUMN v {definition} NULL"),
        format!("ADD COLUMN d {definition} NULL {default}"),
        format!("ADD COLUMN z {definition} {}", if case.zero { "NOT NULL" } else { "NULL" }),
    ];
    // An old TiDB adds one column at a time.
    let changes = if old { added.to_vec() } else { vec![added.join(", ")] };
    tidb.run(changes.iter().map(|change| format!("ALTER TABLE `{name}` {change}"))).await;
    tidb.run([
        format!("INSERT INTO `{name}` (id, z) VALUES (3, {first})"),
        format!("INSERT INTO `{name}` (id, v, d, z) VALUES (4, NULL, NULL, {first})"),
    ])
    .await;
    let rows =
        values.iter().zip(5..).map(|(value, id)| format!("({id}, {value}, {value}, {value})"));
    let rows = rows.collect::<Vec<_>>().join(", ");
    tidb.run([format!("INSERT INTO `{name}` (id, v, d, z) VALUES {rows}")]).await;
}

/// Reads the tables of `cases` whole and in parts.
async fn judge(test: &str, shape: Shape, cases: &[Case]) {
    let Some(cluster) = Cluster::of(shape, test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    for case in cases {
        fill(&mut sides.tidb, case, shape.old).await;
        let (name, rows) = (&case.name, case.values.len() + 4);
        for columns in ["*", "v", "id, z", "d, old, id"] {
            let query = format!("SELECT {columns} FROM `{name}`");
            sides.agree_with(&query, &exactly(&query, case), rows).await;
        }
        for connector in &sides.connectors {
            check_types(connector, case).await;
        }
        check_single_rows(&mut sides, case, rows).await;
    }
}

/// `query` so that TiDB shows all digits: it cuts a large or small `FLOAT` to six, but no `DOUBLE`.
fn exactly(query: &str, case: &Case) -> String {
    if case.arrow != DataType::Float32 {
        return query.to_owned();
    }
    let query = query.replace('*', "id, old, v, d, z");
    ["v", "d", "z"].into_iter().fold(query, |query, column| {
        let double = format!("CAST({column} AS DOUBLE) AS {column}");
        query
            .replace(&format!(" {column} "), &format!(" {double} "))
            .replace(&format!(" {column},"), &format!(" {double},"))
    })
}

async fn check_types(connector: &Connector, case: &Case) {
    let answer = connector.run(&format!("SELECT v, d, z FROM `{}`", case.name)).await.unwrap();
    for field in answer.schema.fields() {
        assert_eq!(
            *field.data_type(),
            case.arrow,
            "column {} of {}",
            field.name(),
            case.definition
        );
    }
    let is_date = matches!(case.arrow, DataType::Date32 | DataType::Timestamp(_, _));
    let z = answer.schema.field(2).is_nullable();
    assert_eq!(z, is_date || !case.zero, "a zero date is NULL, nothing else: {}", case.definition);
}

/// A row that is asked for by its key alone is TiDB's, in the types of a scan. Only a row that TiDB
/// gets by its key too is a judge: scans of the store of 2021 lose members of a large SET.
async fn check_single_rows(sides: &mut Sides, case: &Case, rows: usize) {
    let Sides { tidb, connectors } = sides;
    let context = connectors[0].context();
    let query = format!("SELECT z, id, v, d FROM `{}` WHERE id = ", case.name);
    let prepared = context.prepare_query(&format!("{query}?")).await.unwrap();
    assert!(prepared.is_point(), "{prepared:?}");
    let scanned = connectors[0].run(&format!("{query}1")).await.unwrap().schema;
    for id in 1..=i64::try_from(rows).unwrap() {
        let one = prepared.execute(vec![ScalarValue::from(id)]).await.unwrap();
        let schema = one.schema();
        let batches: Vec<_> = one.try_collect().await.unwrap();
        assert_eq!(schema, scanned, "row {id} of {}", case.definition);
        let query = format!("{query}{id}");
        let theirs = tidb.query(&exactly(&query, case)).await;
        let ours = Rows { columns: theirs.columns.clone(), rows: rows_of(&batches, Clock::Wall) };
        if let Some(difference) = difference(&ours, &theirs, Rules::default()) {
            panic!("{difference}\n{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn integers_are_exact() {
    judge("types_integers", Shape::default(), &cases::integers()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floats_are_exact() {
    judge("types_floats", Shape::default(), &cases::floats()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decimals_keep_all_digits() {
    judge("types_decimals", Shape::default(), &cases::decimals()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_times_are_exact_and_impossible_dates_are_null() {
    judge("types_calendar", Shape::default(), &cases::calendar()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_every_length_and_character_set_is_the_same() {
    judge("types_text", Shape::default(), &cases::text()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_bits_are_the_same() {
    judge("types_bytes", Shape::default(), &cases::bytes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enums_and_sets_have_their_members() {
    judge("types_members", Shape::default(), &cases::members()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_of_every_kind_is_tidbs_text() {
    judge("types_json", Shape::default(), &cases::json()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_are_lists() {
    judge("types_vectors", Shape::default(), &cases::vectors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bits_of_all_widths_stand_side_by_side() {
    let test = "types_bits";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    let columns: Vec<String> = (1..=64).map(|width| format!("b{width} BIT({width})")).collect();
    let mut statements = vec![format!("CREATE TABLE bits ({})", columns.join(", "))];
    let values: Vec<Vec<String>> = (1..=64).map(cases::bit_values).collect();
    for row in 0..values[0].len() {
        let row: Vec<&str> = values.iter().map(|values| values[row].as_str()).collect();
        statements.push(format!("INSERT INTO bits VALUES ({})", row.join(", ")));
    }
    sides.tidb.run(statements).await;
    sides.agree("SELECT * FROM bits", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_columns_say_that_they_are_json() {
    let test = "types_json_extension";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    sides.tidb.run(["CREATE TABLE t (j JSON)", "INSERT INTO t VALUES ('{}')"]).await;
    let table = Arc::clone(&sides.connectors[0].run("SELECT * FROM t").await.unwrap().schema);
    let name = table.field(0).metadata().get("ARROW:extension:name").cloned();
    assert_eq!(name.as_deref(), Some("arrow.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_dates_are_errors_when_asked() {
    let test = "types_zero_date";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    sides
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY, d DATE NOT NULL, dt DATETIME, ts TIMESTAMP NULL)",
            "INSERT INTO t VALUES (1, '2024-01-01', NULL, NULL), (2, '2024-00-01', NULL, NULL)",
            "CREATE TABLE fine (d DATE NOT NULL)",
            "INSERT INTO fine VALUES ('2024-02-29')",
        ])
        .await;
    let connector = Connector::connect(&cluster, &[("zero_date", "error")]).await;
    connector.use_database(test).await;
    assert_eq!(connector.query("SELECT id, dt, ts FROM t").await.rows.len(), 2);
    let error = connector.try_query("SELECT d FROM t").await.unwrap_err().to_string();
    assert!(error.contains('d') && error.contains("types_zero_date.t"), "{error}");
    let fine = connector.run("SELECT d FROM fine").await.unwrap();
    assert!(!fine.schema.field(0).is_nullable(), "no zero dates, no NULLs");
}
