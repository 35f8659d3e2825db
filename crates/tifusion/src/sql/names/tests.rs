use datafusion::sql::parser::DFParser;
use datafusion::sql::sqlparser::dialect::DuckDbDialect;

use super::*;

/// `t(id, UserId, Amount)`, `u(id, userid, Name)`, `Orders(OrderId, "User Id")`, `db.w(UserId)` and a
/// table with columns that differ in case alone.
fn tables() -> TableColumns {
    let table = |name: &str, columns: &[&str]| {
        (TableReference::parse_str(name), columns.iter().map(|c| (*c).to_owned()).collect())
    };
    TableColumns::from([
        table("t", &["id", "UserId", "Amount"]),
        table("u", &["id", "userid", "Name"]),
        (TableReference::bare("Orders"), vec!["OrderId".to_owned(), "User Id".to_owned()]),
        table("db.w", &["UserId"]),
        table("p", &["A", "a", "B"]),
        table("s", &["Info", "Tags"]),
    ])
}

fn spelled(sql: &str) -> Result<String> {
    let mut statement = DFParser::parse_sql(sql).unwrap().pop_back().unwrap();
    spell_columns(&mut statement, &tables(), true)?;
    Ok(statement.to_string())
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    let parsed = DFParser::parse_sql(expected).unwrap().pop_back().unwrap();
    assert_eq!(spelled(sql).unwrap(), parsed.to_string());
}

#[track_caller]
fn unchanged(sql: &str) {
    check(sql, sql);
}

#[test]
fn unquoted_quoted_and_qualified_names_get_the_tables_spelling() {
    check(
        r#"SELECT userid, "USERID", t.UserId, T.userid FROM t"#,
        r#"SELECT "UserId", "UserId", t."UserId", T."UserId" FROM t"#,
    );
    check(
        r#"SELECT w.userid, db.w.userid FROM db.w"#,
        r#"SELECT w."UserId", db.w."UserId" FROM db.w"#,
    );
}

#[test]
fn names_that_fit_exactly_or_not_at_all_stay() {
    unchanged(r#"SELECT id, "UserId", nothing, t.nothing, x.userid FROM t"#);
    unchanged("SELECT userid, u.userid FROM u");
    unchanged("SELECT a, b1 FROM p");
}

#[test]
fn columns_that_differ_in_case_alone_stay_unless_one_fits() {
    unchanged(r#"SELECT a, "A" FROM p"#);
    check("SELECT b FROM p", r#"SELECT "B" FROM p"#);
}

#[test]
fn qualifiers_get_the_relations_spelling() {
    check(
        r#"SELECT orders.orderid, "ORDERS".OrderId FROM "Orders""#,
        r#"SELECT "Orders"."OrderId", "Orders"."OrderId" FROM "Orders""#,
    );
    check(r#"SELECT x.userid, x.* FROM t "X""#, r#"SELECT "X"."UserId", "X".* FROM t "X""#);
    check(r#"SELECT "X".userid FROM t x"#, r#"SELECT "x"."UserId" FROM t x"#);
}

#[test]
fn two_spellings_are_told_apart_by_the_qualifier_only() {
    check(
        "SELECT t.userid, u.USERID FROM t JOIN u ON t.userid = u.userid",
        r#"SELECT t."UserId", u.USERID FROM t JOIN u ON t."UserId" = u.userid"#,
    );
    unchanged("SELECT userid FROM t, u");
    check("SELECT amount, name FROM t, u", r#"SELECT "Amount", "Name" FROM t, u"#);
}

#[test]
fn aliases_of_the_select_list_win_in_order_by() {
    unchanged(r#"SELECT "UserId" AS userid, id FROM t ORDER BY userid, id"#);
    unchanged("SELECT id AS amount FROM t ORDER BY amount");
    check(
        "SELECT id AS \"Total\" FROM t ORDER BY total, userid",
        r#"SELECT id AS "Total" FROM t ORDER BY "Total", "UserId""#,
    );
}

#[test]
fn where_does_not_see_the_select_lists_aliases() {
    check(
        r#"SELECT "UserId" AS userid FROM t WHERE userid = 1"#,
        r#"SELECT "UserId" AS userid FROM t WHERE "UserId" = 1"#,
    );
}

#[test]
fn group_by_having_and_aggregates() {
    check(
        "SELECT userid, sum(amount) AS s FROM t GROUP BY userid HAVING sum(amount) > 1 AND s > 0",
        r#"SELECT "UserId", sum("Amount") AS s FROM t GROUP BY "UserId"
           HAVING sum("Amount") > 1 AND s > 0"#,
    );
    check(
        "SELECT userid, count(*) FROM t GROUP BY ROLLUP(userid)",
        r#"SELECT "UserId", count(*) FROM t GROUP BY ROLLUP("UserId")"#,
    );
}

#[test]
fn window_functions_and_named_windows() {
    check(
        "SELECT row_number() OVER (PARTITION BY userid ORDER BY amount), sum(amount) OVER w
         FROM t WINDOW w AS (PARTITION BY userid)",
        r#"SELECT row_number() OVER (PARTITION BY "UserId" ORDER BY "Amount"), sum("Amount") OVER w
           FROM t WINDOW w AS (PARTITION BY "UserId")"#,
    );
    check(
        "SELECT id FROM t QUALIFY row_number() OVER (ORDER BY amount) = 1",
        r#"SELECT id FROM t QUALIFY row_number() OVER (ORDER BY "Amount") = 1"#,
    );
}

#[test]
fn functions_named_like_columns_stay() {
    check("SELECT amount(userid) FROM t", r#"SELECT amount("UserId") FROM t"#);
    check(
        "SELECT count(DISTINCT userid) FILTER (WHERE amount > 0) FROM t",
        r#"SELECT count(DISTINCT "UserId") FILTER (WHERE "Amount" > 0) FROM t"#,
    );
}

#[test]
fn subqueries_give_their_columns_on() {
    check(
        "SELECT s.USERID, amount FROM (SELECT userid, amount FROM t) s WHERE userid > 1",
        r#"SELECT s."UserId", "Amount" FROM (SELECT "UserId", "Amount" FROM t) s
           WHERE "UserId" > 1"#,
    );
    check("SELECT userid FROM (SELECT * FROM t) s", r#"SELECT "UserId" FROM (SELECT * FROM t) s"#);
    check(
        "SELECT userid FROM (SELECT x.* FROM t x) s",
        r#"SELECT "UserId" FROM (SELECT x.* FROM t x) s"#,
    );
    unchanged(r#"SELECT userid FROM (SELECT "UserId" AS UserId FROM t) s"#);
    unchanged("SELECT a, b FROM (SELECT id, id FROM t) s(a, b)");
}

#[test]
fn correlated_subqueries_look_inside_first_then_around() {
    check(
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.userid = t.userid AND name = 'x' \
         AND amount > 1)",
        r#"SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.userid = t."UserId" AND
           "Name" = 'x' AND "Amount" > 1)"#,
    );
    check(
        "SELECT id FROM u WHERE userid IN (SELECT userid FROM t)",
        r#"SELECT id FROM u WHERE userid IN (SELECT "UserId" FROM t)"#,
    );
    check(
        "SELECT (SELECT max(amount) FROM t WHERE t.id = u.id) FROM u",
        r#"SELECT (SELECT max("Amount") FROM t WHERE t.id = u.id) FROM u"#,
    );
}

#[test]
fn common_table_expressions_hide_tables() {
    check(
        "WITH u AS (SELECT userid AS k, amount FROM t) SELECT k, AMOUNT, name FROM u",
        r#"WITH u AS (SELECT "UserId" AS k, "Amount" FROM t) SELECT k, "Amount", name FROM u"#,
    );
    check(
        "WITH c(a, b) AS (SELECT id, userid FROM t) SELECT a, b FROM c",
        r#"WITH c(a, b) AS (SELECT id, "UserId" FROM t) SELECT a, b FROM c"#,
    );
    check(
        "WITH t AS (SELECT userid FROM t) SELECT amount, userid FROM t",
        r#"WITH t AS (SELECT "UserId" FROM t) SELECT amount, "UserId" FROM t"#,
    );
}

#[test]
fn recursive_expressions_know_their_first_branch() {
    check(
        "WITH RECURSIVE c AS (SELECT userid FROM t UNION ALL SELECT userid + 1 FROM c
         WHERE userid < 9) SELECT userid FROM c",
        r#"WITH RECURSIVE c AS (SELECT "UserId" FROM t UNION ALL SELECT "UserId" + 1 FROM c
           WHERE "UserId" < 9) SELECT "UserId" FROM c"#,
    );
}

#[test]
fn set_operations_are_named_by_their_first_branch() {
    check(
        "SELECT userid FROM t UNION ALL SELECT userid FROM u ORDER BY userid",
        r#"SELECT "UserId" FROM t UNION ALL SELECT userid FROM u ORDER BY "UserId""#,
    );
}

#[test]
fn joins_by_on_see_both_sides() {
    check(
        "SELECT 1 FROM t a LEFT JOIN t b ON a.userid = b.USERID AND b.amount > 0",
        r#"SELECT 1 FROM t a LEFT JOIN t b ON a."UserId" = b."UserId" AND b."Amount" > 0"#,
    );
}

#[test]
fn joins_by_using_need_one_spelling() {
    check(
        "SELECT id FROM t JOIN db.w USING (userid)",
        r#"SELECT id FROM t JOIN db.w USING ("UserId")"#,
    );
    unchanged("SELECT 1 FROM t JOIN u USING (id)");
    let message = spelled("SELECT 1 FROM t JOIN u USING (userid)").unwrap_err().to_string();
    assert!(message.contains(r#""UserId" and "userid""#) && message.contains("ON"), "{message}");
}

#[test]
fn natural_joins_whose_answer_would_differ_are_refused() {
    unchanged("SELECT 1 FROM t NATURAL JOIN db.w");
    let message = spelled("SELECT 1 FROM t NATURAL JOIN u").unwrap_err().to_string();
    assert!(message.contains("NATURAL JOIN"), "{message}");
}

#[test]
fn lateral_subqueries_see_what_is_left_of_them() {
    check(
        "SELECT 1 FROM t, LATERAL (SELECT name FROM u WHERE u.userid = t.userid) l",
        r#"SELECT 1 FROM t, LATERAL (SELECT "Name" FROM u WHERE u.userid = t."UserId") l"#,
    );
}

#[test]
fn fields_of_structs_stay() {
    check("SELECT info.city, s.info.City FROM s", r#"SELECT "Info".city, s."Info".City FROM s"#);
    check("SELECT info['City'] FROM s", r#"SELECT "Info"['City'] FROM s"#);
    check("SELECT tags[1].info FROM s", r#"SELECT "Tags"[1].info FROM s"#);
}

#[test]
fn parameters_of_lambdas_hide_columns() {
    let sql = "SELECT array_transform(tags, info -> info || amount), info FROM s, t";
    let dialect = DuckDbDialect {};
    let mut statement =
        DFParser::parse_sql_with_dialect(sql, &dialect).unwrap().pop_back().unwrap();
    spell_columns(&mut statement, &tables(), true).unwrap();
    assert_eq!(
        statement.to_string(),
        r#"SELECT array_transform("Tags", info -> info || "Amount"), "Info" FROM s, t"#
    );
}

#[test]
fn wildcards_with_options() {
    check("SELECT * EXCLUDE (userid) FROM t", r#"SELECT * EXCLUDE ("UserId") FROM t"#);
    check(
        "SELECT * EXCEPT (userid, amount) FROM t",
        r#"SELECT * EXCEPT ("UserId", "Amount") FROM t"#,
    );
    check(
        "SELECT * REPLACE (amount + 1 AS amount) FROM t",
        r#"SELECT * REPLACE ("Amount" + 1 AS "Amount") FROM t"#,
    );
}

#[test]
fn columns_of_table_functions_are_not_guessed() {
    unchanged("SELECT amount FROM t, generate_series(1, 3)");
    check(
        "SELECT t.amount FROM t, generate_series(1, 3)",
        r#"SELECT t."Amount" FROM t, generate_series(1, 3)"#,
    );
    check(
        "SELECT amount, v FROM t, unnest(make_array(1)) AS n(v)",
        r#"SELECT "Amount", v FROM t, unnest(make_array(1)) AS n(v)"#,
    );
}

#[test]
fn expressions_of_every_shape_are_reached() {
    check(
        "SELECT CASE WHEN userid IN (1, amount) THEN CAST(userid AS BIGINT) ELSE -amount END,
         userid BETWEEN amount AND 2, userid IS NULL, extract(year FROM userid),
         substring(userid FROM 1 FOR 2), [userid], {a: userid}
         FROM t WHERE userid LIKE 'x' AND NOT (amount = ANY(SELECT amount FROM t)) LIMIT 3",
        r#"SELECT CASE WHEN "UserId" IN (1, "Amount") THEN CAST("UserId" AS BIGINT) ELSE -"Amount" END,
         "UserId" BETWEEN "Amount" AND 2, "UserId" IS NULL, extract(year FROM "UserId"),
         substring("UserId" FROM 1 FOR 2), ["UserId"], {a: "UserId"}
         FROM t WHERE "UserId" LIKE 'x' AND NOT ("Amount" = ANY(SELECT "Amount" FROM t)) LIMIT 3"#,
    );
}

#[test]
fn queries_within_other_statements() {
    check("EXPLAIN ANALYZE SELECT userid FROM t", r#"EXPLAIN ANALYZE SELECT "UserId" FROM t"#);
    check("CREATE VIEW v AS SELECT userid FROM t", r#"CREATE VIEW v AS SELECT "UserId" FROM t"#);
    check("CREATE TABLE c AS SELECT userid FROM t", r#"CREATE TABLE c AS SELECT "UserId" FROM t"#);
    check("INSERT INTO m SELECT userid FROM t", r#"INSERT INTO m SELECT "UserId" FROM t"#);
    check("PREPARE q AS SELECT userid FROM t", r#"PREPARE q AS SELECT "UserId" FROM t"#);
    check("COPY (SELECT userid FROM t) TO 'x.csv'", r#"COPY (SELECT "UserId" FROM t) TO 'x.csv'"#);
}

#[test]
fn without_lower_casing_only_what_does_not_fit_is_respelled() {
    let mut statement =
        DFParser::parse_sql("SELECT UserId, userid FROM t").unwrap().pop_back().unwrap();
    spell_columns(&mut statement, &tables(), false).unwrap();
    assert_eq!(statement.to_string(), r#"SELECT UserId, "UserId" FROM t"#);
}

#[test]
fn spelling_twice_changes_nothing_more() {
    for sql in [
        "SELECT userid, x.amount FROM t x WHERE id IN (SELECT userid FROM u) ORDER BY amount",
        "WITH c AS (SELECT userid FROM t) SELECT userid FROM c GROUP BY userid",
    ] {
        let once = spelled(sql).unwrap();
        assert_eq!(spelled(&once).unwrap(), once);
    }
}

/// Queries over the tables of [`tables`], with every name of a column of mixed case in braces.
const SHAPES: &[&str] = &[
    "SELECT {UserId}, t.{Amount} AS a FROM t WHERE {UserId} > 1 ORDER BY {Amount}, a",
    "SELECT {UserId}, sum({Amount}) FROM t GROUP BY {UserId} HAVING max({Amount}) > 0",
    "SELECT x.{UserId}, y.{Name} FROM t x JOIN u y ON x.{UserId} = y.id",
    "SELECT {UserId} FROM t JOIN db.w USING ({UserId})",
    "SELECT s.{UserId} FROM (SELECT {UserId}, {Amount} FROM t) s WHERE {Amount} = 2",
    "SELECT {Name} FROM u WHERE EXISTS (SELECT 1 FROM t WHERE t.{UserId} = u.id AND {Amount} > 0)",
    "SELECT {Name} FROM u WHERE id IN (SELECT {UserId} FROM t UNION ALL SELECT {Amount} FROM t)",
    "WITH c AS (SELECT {UserId}, {Amount} FROM t) SELECT c.{UserId} FROM c WHERE {Amount} > 1",
    "SELECT rank() OVER (PARTITION BY {UserId} ORDER BY {Amount}) FROM t",
    "SELECT {UserId} FROM t UNION SELECT id FROM u ORDER BY {UserId}",
    "SELECT CASE WHEN {Amount} BETWEEN 1 AND {UserId} THEN -{Amount} ELSE coalesce({UserId}, 0) END \
     FROM t",
    "SELECT (SELECT max({Amount}) FROM t WHERE t.{UserId} = u.id), {Name} FROM u",
];

fn planned(sql: &str) -> String {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::empty::EmptyTable;
    use datafusion::prelude::SessionContext;

    let context = SessionContext::new();
    let state = context.state();
    let all = tables();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        context.sql("CREATE SCHEMA db").await.unwrap();
        for (name, columns) in &all {
            let field = |name: &String| Field::new(name, DataType::Int64, true);
            let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
            let table = EmptyTable::new(std::sync::Arc::new(schema));
            context.register_table(name.clone(), std::sync::Arc::new(table)).unwrap();
        }
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_back().unwrap();
        spell_columns(&mut statement, &all, true).unwrap();
        let plan = state.statement_to_plan(statement).await;
        plan.unwrap_or_else(|error| panic!("{sql}: {error}")).display_indent().to_string()
    })
}

/// Fills the braces of `shape` by `write`.
fn filled(shape: &str, mut write: impl FnMut(&str) -> String) -> String {
    let mut sql = String::new();
    for (index, part) in shape.split(['{', '}']).enumerate() {
        if index % 2 == 0 {
            sql.push_str(part);
        } else {
            sql.push_str(&write(part));
        }
    }
    sql
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    /// However the letters of a name are written, and whether it is quoted, the plan is the same.
    #[test]
    fn the_case_of_letters_makes_no_difference(
        shape in 0..SHAPES.len(),
        letters in proptest::collection::vec(proptest::prelude::any::<bool>(), 97),
        quotes in proptest::collection::vec(proptest::prelude::any::<bool>(), 13),
    ) {
        let (mut letters, mut quotes) = (letters.into_iter().cycle(), quotes.into_iter().cycle());
        let written = filled(SHAPES[shape], |name| {
            let name: String = name
                .chars()
                .map(|c| match letters.next() {
                    Some(true) => c.to_ascii_uppercase(),
                    _ => c.to_ascii_lowercase(),
                })
                .collect();
            if quotes.next() == Some(true) { format!("\"{name}\"") } else { name }
        });
        let exact = filled(SHAPES[shape], |name| format!("\"{name}\""));
        proptest::prop_assert_eq!(planned(&written), planned(&exact), "{}", written);
    }
}
