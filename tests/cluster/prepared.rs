//! Queries that are prepared once, or run at once: the same rows as each statement by itself, whatever happens between the runs.

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use datafusion::common::ParamValues;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt as _;
use tifusion::{ErrorKind, PreparedQuery};
use tifusion_testkit::arrow_cells::{self, Clock};
use tifusion_testkit::cell::Rows;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

async fn connect(test: &str) -> Option<(Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let tidb = Tidb::in_database(&cluster.tidb, test).await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    Some((tidb, connector))
}

async fn rows(query: &PreparedQuery, parameters: impl Into<ParamValues>) -> RecordBatch {
    let rows = query.execute(parameters).await.unwrap();
    let schema = rows.schema();
    let rows: Vec<RecordBatch> = rows.try_collect().await.unwrap();
    concat_batches(&schema, &rows).unwrap()
}

async fn scanned(connector: &Connector, query: &str) -> RecordBatch {
    let frame = connector.context().sql(query).await.unwrap();
    let schema = std::sync::Arc::clone(frame.schema().inner());
    concat_batches(&schema, &frame.collect().await.unwrap()).unwrap()
}

fn one(parameter: impl Into<ScalarValue>) -> Vec<ScalarValue> {
    vec![parameter.into()]
}

fn numbers(column: &ArrayRef) -> Vec<i64> {
    column.as_primitive::<Int64Type>().values().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_by_its_key_is_the_row_whatever_the_parameter() {
    let Some((mut tidb, connector)) = connect("prepared_keys").await else { return };
    tidb.run([
        "CREATE TABLE s (id BIGINT PRIMARY KEY, v VARCHAR(9))",
        "INSERT INTO s VALUES (-9223372036854775808, 'least'), (-1, 'minus'), (0, NULL), (9223372036854775807, 'most')",
        "CREATE TABLE u (v VARCHAR(9), id BIGINT UNSIGNED PRIMARY KEY)",
        "INSERT INTO u VALUES ('zero', 0), ('high', 9223372036854775808), ('most', 18446744073709551615)",
        "CREATE TABLE t (id TINYINT PRIMARY KEY, v VARCHAR(9))",
        "INSERT INTO t VALUES (-128, 'least'), (1, 'one'), (127, 'most')",
    ])
    .await;
    let parameters = [
        ScalarValue::from(0_i64),
        ScalarValue::from(1_i32),
        ScalarValue::from(-1_i8),
        ScalarValue::from(127_u8),
        ScalarValue::from(300_i64),
        ScalarValue::from(i64::MIN),
        ScalarValue::from(i64::MAX),
        ScalarValue::from(1_u64 << 63),
        ScalarValue::from(u64::MAX),
        ScalarValue::Int64(None),
    ];
    for table in ["s", "u", "t"] {
        for text in [
            "v, id FROM {} WHERE id = ?",
            "* FROM {} x WHERE $1 = x.id",
            "id AS i FROM {} WHERE id = $1",
        ] {
            let text = format!("SELECT {}", text.replace("{}", table));
            let query = connector.context().prepare_query(&text).await.unwrap();
            assert!(query.is_point(), "{query:?}");
            for parameter in &parameters {
                let found = rows(&query, vec![parameter.clone()]).await;
                let value = match parameter {
                    ScalarValue::Int64(None) => "CAST(NULL AS BIGINT)".to_owned(),
                    value => value.to_string(),
                };
                let same = text.replace('?', &value).replace("$1", &value);
                assert_eq!(found, scanned(&connector, &same).await, "{same}");
            }
        }
    }
    // Other types are compared as in any statement.
    let query = connector.context().prepare_query("SELECT v FROM s WHERE id = ?").await.unwrap();
    assert_eq!(rows(&query, one(-1.0_f64)).await.num_rows(), 1);
    assert_eq!(rows(&query, one("9223372036854775807")).await.num_rows(), 1);
    let error = query.execute(Vec::<ScalarValue>::new()).await.err().unwrap();
    assert!(error.to_string().contains("$1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_sees_the_rows_and_the_schema_of_its_time() {
    let Some((mut tidb, connector)) = connect("prepared_changes").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, a BIGINT, b BIGINT, KEY (b))",
        "INSERT INTO t VALUES (1, 10, 100), (2, 20, 100)",
    ])
    .await;
    let context = connector.context();
    let point = context.prepare_query("SELECT a FROM t WHERE id = ?").await.unwrap();
    let all = context.prepare_query("SELECT * FROM t WHERE id = ?").await.unwrap();
    let more =
        context.prepare_query("SELECT a FROM t WHERE b = ? AND id > ? ORDER BY id").await.unwrap();
    assert!(point.is_point() && all.is_point() && !more.is_point());
    let both = |b: i64, id: i64| vec![ScalarValue::from(b), ScalarValue::from(id)];
    assert_eq!(numbers(rows(&point, one(1_i64)).await.column(0)), [10]);
    assert_eq!(numbers(rows(&more, both(100, 0)).await.column(0)), [10, 20]);
    assert_eq!(numbers(rows(&more, both(100, 1)).await.column(0)), [20]);
    for round in 0..50_i64 {
        tidb.run([format!("UPDATE t SET a = {round} WHERE id = 1")]).await;
        assert_eq!(
            numbers(rows(&point, one(1_i64)).await.column(0)),
            [round],
            "what was committed is seen"
        );
    }
    tidb.run(["DELETE FROM t WHERE id = 2"]).await;
    assert_eq!(rows(&point, one(2_i64)).await.num_rows(), 0);
    // A write that is open changes nothing.
    tidb.run(["BEGIN", "UPDATE t SET a = -1 WHERE id = 1"]).await;
    assert_eq!(numbers(rows(&point, one(1_i64)).await.column(0)), [49]);
    tidb.run(["COMMIT"]).await;
    assert_eq!(numbers(rows(&point, one(1_i64)).await.column(0)), [-1]);

    tidb.run(["ALTER TABLE t ADD COLUMN c BIGINT DEFAULT 7 FIRST"]).await;
    assert_eq!(numbers(rows(&point, one(1_i64)).await.column(0)), [-1]);
    assert_eq!(numbers(rows(&more, both(100, 0)).await.column(0)), [-1]);
    // The columns of `*` are those that it was prepared with, as in a frame.
    assert_eq!(rows(&all, one(1_i64)).await.num_columns(), 3);
    tidb.run(["ALTER TABLE t DROP COLUMN a"]).await;
    let error = point.execute(one(1_i64)).await.err().unwrap();
    assert!(error.to_string().contains('a'), "{error}");
    tidb.run(["ALTER TABLE t ADD COLUMN a BIGINT DEFAULT 8"]).await;
    assert_eq!(
        numbers(rows(&point, one(1_i64)).await.column(0)),
        [8],
        "another column of that name"
    );
    assert_eq!(numbers(rows(&more, both(100, 0)).await.column(0)), [8]);
    tidb.run(["TRUNCATE TABLE t"]).await;
    assert_eq!(rows(&point, one(1_i64)).await.num_rows(), 0);
    tidb.run(["INSERT INTO t (id, a) VALUES (1, 3)"]).await;
    assert_eq!(
        numbers(rows(&point, one(1_i64)).await.column(0)),
        [3],
        "another table of that name"
    );
    tidb.run(["DROP TABLE t"]).await;
    for query in [&point, &more] {
        let error = query.execute(both(1, 1)).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_row_by_its_key_is_any_query() {
    let Some((mut tidb, connector)) = connect("prepared_others").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, a BIGINT, g BIGINT AS (a + 1) VIRTUAL, s BIGINT AS (a + 2) STORED)",
        "CREATE TABLE p (id INT PRIMARY KEY, a BIGINT) PARTITION BY HASH (id) PARTITIONS 3",
        "CREATE TABLE c (id VARCHAR(9), a BIGINT, PRIMARY KEY (id) CLUSTERED)",
        "CREATE TABLE r (id INT PRIMARY KEY NONCLUSTERED, a BIGINT)",
        "CREATE VIEW w AS SELECT id, a FROM t",
        "INSERT INTO t (id, a) VALUES (1, 10), (2, 20)",
        "INSERT INTO p VALUES (1, 10), (2, 20)",
        "INSERT INTO c VALUES ('1', 10), ('2', 20)",
        "INSERT INTO r VALUES (1, 10), (2, 20)",
    ])
    .await;
    let context = connector.context();
    for (text, is_point) in [
        ("SELECT a FROM t WHERE id = ?", true),
        ("SELECT s - 2 FROM t WHERE id = ?", false),
        ("SELECT a FROM t WHERE id = ? AND a > 0", false),
        ("SELECT a FROM t WHERE id = ? LIMIT 1", false),
        ("SELECT a FROM t WHERE id <= ? AND id > 1", false),
        ("SELECT a FROM p WHERE id = ?", false),
        ("SELECT a FROM w WHERE id = ?", false),
        ("SELECT a FROM r WHERE id = ?", false),
        ("SELECT SUM(a) FROM t WHERE id = ?", false),
        ("WITH x AS (SELECT * FROM t) SELECT a FROM x WHERE id = ?", false),
    ] {
        let query = context.prepare_query(text).await.unwrap();
        assert_eq!(query.is_point(), is_point, "{text}");
        let found = rows(&query, one(2_i64)).await;
        let found = arrow::compute::cast(found.column(0), &arrow::datatypes::DataType::Int64);
        assert_eq!(numbers(&found.unwrap()), [20], "{text}");
    }
    let stored = context.prepare_query("SELECT s FROM t WHERE id = ?").await.unwrap();
    assert!(stored.is_point());
    assert_eq!(numbers(rows(&stored, one(2_i64)).await.column(0)), [22]);
    let computed = context.prepare_query("SELECT g FROM t WHERE id = ?").await.unwrap();
    assert!(!computed.is_point(), "no record has it");
    let error = computed.execute(one(2_i64)).await.err().unwrap();
    assert!(error.to_string().contains("virtual generated"), "{error}");
    let text = context.prepare_query("SELECT a FROM c WHERE id = $key").await.unwrap();
    let named = vec![("key", ScalarValue::from("2"))];
    assert_eq!(numbers(rows(&text, named).await.column(0)), [20]);
    // What the session says holds from its next run on.
    let point = context.prepare_query("SELECT a FROM t WHERE id = ?").await.unwrap();
    connector.query("SET tidb.request.isolation.level = 'RC'").await;
    assert_eq!(numbers(rows(&point, one(2_i64)).await.column(0)), [20]);
    assert!(!point.is_point(), "the newest committed value, and locks passed by, is another way");
    connector.query("SET tidb.request.isolation.level = 'SI'").await;
    assert_eq!(numbers(rows(&point, one(1_i64)).await.column(0)), [10]);
    assert!(point.is_point());
    for wrong in [
        "UPDATE t SET a = ? WHERE id = ?",
        "SELECT 1; SELECT 2",
        "",
        "SELECT a FROM t WHERE id = ? AND a = $1",
    ] {
        assert!(context.prepare_query(wrong).await.is_err(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_run_at_once_sees_the_schema_of_its_time() {
    let Some((mut tidb, connector)) = connect("prepared_at_once").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, a BIGINT, KEY (a))",
        "INSERT INTO t VALUES (1, 10), (2, 20)",
        "CREATE VIEW v AS SELECT id FROM t",
    ])
    .await;
    let context = connector.context();
    let queries = [
        "SELECT * FROM t WHERE id = 1",
        "SELECT * FROM t WHERE id = -1",
        "SELECT * FROM t WHERE id = NULL",
        "SELECT * FROM t WHERE a > 5",
        "SELECT * FROM t WHERE 1 = 0",
        "SELECT count(*) AS c FROM t",
        "SELECT * FROM v ORDER BY 1",
        "SELECT * FROM t x WHERE id IN (SELECT id FROM v WHERE id > 1)",
    ];
    for change in [
        "INSERT INTO t (id, a) VALUES (3, 30)",
        "ALTER TABLE t ADD COLUMN b BIGINT DEFAULT 7 FIRST",
        "CREATE OR REPLACE VIEW v AS SELECT a, id FROM t WHERE id < 3",
        "ALTER TABLE t DROP INDEX a",
        "ALTER TABLE t MODIFY COLUMN b VARCHAR(20)",
        "TRUNCATE TABLE t",
        "INSERT INTO t (id, a) VALUES (1, 11), (2, 21)",
        "RENAME TABLE t TO other; CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9))",
        "INSERT INTO t VALUES (1, '70'), (-1, '80')",
        "DROP TABLE other",
    ] {
        tidb.run(change.split("; ")).await;
        for query in queries {
            let theirs = tidb.query(query).await;
            // Once by what was seen before the change, once by what was seen then.
            for _ in 0..2 {
                let statement = context.parse(query).unwrap().remove(0);
                let rows = context.execute(statement).await.unwrap();
                let schema = rows.schema();
                let batches: Vec<RecordBatch> = rows.try_collect().await.unwrap();
                let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
                let ours = Rows { columns, rows: arrow_cells::rows(&batches, Clock::Wall) };
                assert_eq!(ours.columns, theirs.columns, "{query} after {change}");
                assert_eq!(
                    difference(&ours, &theirs, Rules::default()),
                    None,
                    "{query} after {change}"
                );
            }
        }
    }
    tidb.run(["DROP TABLE t"]).await;
    for query in queries {
        let statement = context.parse(query).unwrap().remove(0);
        let error = context.execute(statement).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}
