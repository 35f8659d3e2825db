//! Views of TiDB, and the past, over metadata in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use serde_json::json;
use tifusion_codec::key::meta;

use crate::TidbContext;
use crate::error::{Error, ErrorKind};
use crate::meta::fake::{FakeMeta, view_of};
use crate::testing::context;

/// A context over views of the database `test`, by name and `SELECT`.
fn with_views(views: &[(&str, &str)]) -> (Arc<FakeMeta>, TidbContext) {
    let meta = FakeMeta::new();
    for (id, (name, select)) in (110..).zip(views) {
        meta.put(meta::table_key(1, id), &view_of(id, name, select));
    }
    let context = context(&meta, &[]);
    (meta, context)
}

async fn number(context: &TidbContext, sql: &str) -> i64 {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

async fn error(context: &TidbContext, sql: &str) -> Error {
    match context.sql(sql).await {
        Err(error) => error,
        Ok(frame) => Error::from(frame.collect().await.unwrap_err()),
    }
}

#[tokio::test]
async fn a_view_is_its_select_under_the_names_of_its_columns() {
    let (_meta, context) =
        with_views(&[("v", "SELECT 1"), ("W", "SELECT `x`+1 FROM `test`.`v` AS `a`")]);
    assert_eq!(number(&context, "SELECT x FROM test.V").await, 1);
    assert_eq!(number(&context, "SELECT w.X FROM w").await, 2);
    let frame = context.session_context().sql("SELECT x FROM tidb.test.w").await.unwrap();
    assert_eq!(frame.count().await.unwrap(), 1);
}

#[tokio::test]
async fn views_within_views_end() {
    let mut views = vec![("v0".to_owned(), "SELECT `x` FROM `test`.`v0`".to_owned())];
    views.push(("a".to_owned(), "SELECT `x` FROM `test`.`b`".to_owned()));
    views.push(("b".to_owned(), "SELECT `x` FROM `test`.`A`".to_owned()));
    views.push(("n0".to_owned(), "SELECT 7".to_owned()));
    for depth in 1..18 {
        // Each reads the one below twice, which is opened once.
        let below = depth - 1;
        let select = format!(
            "SELECT `l`.`x` FROM `test`.`n{below}` AS `l` WHERE `l`.`x` IN (SELECT `x` FROM `test`.`n{below}`)"
        );
        views.push((format!("n{depth}"), select));
    }
    let views: Vec<(&str, &str)> =
        views.iter().map(|(name, select)| (name.as_str(), select.as_str())).collect();
    let (_meta, context) = with_views(&views);
    for name in ["v0", "a", "b"] {
        let error = error(&context, &format!("SELECT * FROM {name}")).await;
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("recursion"), "{error}");
        assert!(error.to_string().contains(&format!("test.{name}")), "{error}");
    }
    assert_eq!(number(&context, "SELECT x FROM n5").await, 7);
    let error = error(&context, "SELECT x FROM n17").await;
    assert!(error.to_string().contains("17 views within another"), "{error}");
}

#[tokio::test]
async fn broken_views_are_listed_and_say_what_is_wrong_when_they_are_used() {
    let (_meta, context) = with_views(&[
        ("gone", "SELECT `x` FROM `test`.`nowhere`"),
        ("garbage", "SELECT FROM WHERE"),
        ("two", "SELECT 1; SELECT 2"),
        ("wide", "SELECT 1, 2"),
        ("other", "SELECT 1 FROM `absent`.`t`"),
        ("listing", "SELECT `table_name` FROM `information_schema`.`tables`"),
    ]);
    for (name, named) in [
        ("gone", "nowhere"),
        ("garbage", "FROM"),
        ("two", "not one statement"),
        ("wide", "it has 1 columns, and its SELECT 2"),
        ("other", "absent"),
        ("listing", "information_schema"),
    ] {
        let error = error(&context, &format!("EXPLAIN SELECT x FROM {name}")).await;
        assert!(error.to_string().contains(named), "{name}: {error}");
        assert!(error.to_string().contains(&format!("view: test.{name}")), "{error}");
        let sql = format!("SELECT x FROM tidb.test.{name}");
        let frame = context.session_context().sql(&sql).await.unwrap();
        let error = Error::from(frame.collect().await.unwrap_err());
        assert!(error.to_string().contains(named), "{name}: {error}");
    }
    let listed = "SELECT count(*) FROM information_schema.columns \
                  WHERE table_catalog = 'tidb' AND column_name = 'x'";
    assert_eq!(number(&context, listed).await, 6);
}

#[tokio::test]
async fn a_view_that_is_another_at_the_snapshot_is_an_error_that_prepare_heals() {
    let (meta, context) = with_views(&[("v", "SELECT `id` FROM `test`.`t`")]);
    let replace = |meta: &FakeMeta, select: &str| {
        let view = view_of(110, "v", select);
        meta.change(json!({"type": 21, "schema_id": 1, "table_id": 110}), |meta| {
            meta.put(meta::table_key(1, 110), &view);
        });
    };
    let frame = context.sql("SELECT x FROM v").await.unwrap();
    frame.clone().create_physical_plan().await.unwrap();
    replace(&meta, "SELECT `id`+1 FROM `test`.`t`");
    let error = Error::from(frame.create_physical_plan().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
    assert!(error.to_string().contains("the view test.v"), "{error}");
    // Changed once more between the names and the snapshot of a statement that is given anew.
    let statement = context.parse("SELECT x FROM v").unwrap().remove(0);
    let now = meta.timestamps.load(SeqCst);
    meta.on_timestamp(now + 1, |meta| {
        let view = view_of(110, "v", "SELECT `id`+2 FROM `test`.`t`");
        meta.change(json!({"type": 21, "schema_id": 1, "table_id": 110}), |meta| {
            meta.put(meta::table_key(1, 110), &view);
        });
    });
    let planned = context.prepare(statement).await.unwrap();
    let plan = datafusion::physical_plan::displayable(planned.plan().as_ref()).indent(false);
    assert!(plan.to_string().contains("+ 2"), "{plan}");
}
