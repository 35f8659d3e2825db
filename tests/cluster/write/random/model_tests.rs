//! The model's own sums.

use tifusion_testkit::cell::Cell;

use super::model::{Outcome, verdicts};
use super::statement::{Expr, Filter, Insert, Side, Source, Statement};
use super::table::{Column, Index, Table};
use super::value::{Collation, INT, Kind};

/// `id` with a primary key, `u` with a unique one, of the rows (1, 'a') and (2, 'b').
fn table() -> Table {
    let key = |name: &str, column: &str| Index {
        name: name.to_owned(),
        unique: true,
        parts: vec![(column.to_owned(), None)],
    };
    let text = |text: &str| Cell::Text(text.to_owned());
    Table {
        name: "t".to_owned(),
        columns: vec![
            Column::required("id", INT),
            Column::new("u", Kind::Varchar(9, Collation::GeneralCi)),
        ],
        keys: vec![key("PRIMARY", "id"), key("by_u", "u")],
        clustered: "CLUSTERED",
        partitions: None,
        ids: None,
        options: "",
        rows: vec![vec![Cell::Int(1), text("a")], vec![Cell::Int(2), text("b")]],
    }
}

fn insert(replaces: bool, rows: &[(i128, &str)]) -> Statement {
    let row = |(id, u): &(i128, &str)| {
        vec![Expr::Value(Cell::Int(*id)), Expr::Value(Cell::Text((*u).to_owned()))]
    };
    let source = Source::Values(rows.iter().map(row).collect());
    Statement::Insert(Insert { replaces, columns: None, source })
}

fn outcomes(side: Side, statement: &Statement) -> Vec<Outcome> {
    verdicts(side, statement, &table()).into_iter().map(|it| it.outcome).collect()
}

#[test]
fn keys_that_are_there_are_named_and_replaced_rows_are_counted() {
    let by_u = || vec![Outcome::Duplicate(vec!["by_u".to_owned()])];
    for side in [Side::Connector, Side::Tidb] {
        assert_eq!(outcomes(side, &insert(false, &[(3, "c"), (4, "d")])), [Outcome::Done(2)]);
        assert_eq!(outcomes(side, &insert(false, &[(3, "c"), (4, "A ")])), by_u());
        assert_eq!(outcomes(side, &insert(true, &[(1, "b")])), [Outcome::Done(3)]);
        assert_eq!(outcomes(side, &insert(true, &[(1, "a")])), [Outcome::Done(1)]);
        assert_eq!(outcomes(side, &insert(true, &[(1, "A")])), [Outcome::Done(2)]);
    }
    let twice = insert(true, &[(7, "x"), (8, "X")]);
    assert_eq!(outcomes(Side::Connector, &twice), by_u());
    assert_eq!(outcomes(Side::Tidb, &twice), [Outcome::Done(3)]);
}

#[test]
fn sides_differ_in_what_text_is_equal_and_in_who_goes_first() {
    let filter = Filter::Equal("u".to_owned(), Cell::Text("A".to_owned()));
    let delete = Statement::Delete { filter: Some(filter), first: None };
    assert_eq!(outcomes(Side::Connector, &delete), [Outcome::Done(0)]);
    assert_eq!(outcomes(Side::Tidb, &delete), [Outcome::Done(1)]);
    let sets = vec![("id".to_owned(), Expr::Plus("id".to_owned(), 1))];
    let update = Statement::Update { sets, filter: Filter::All, first: None };
    assert_eq!(outcomes(Side::Connector, &update), [Outcome::Done(2)]);
    let primary = Outcome::Duplicate(vec!["PRIMARY".to_owned()]);
    assert_eq!(outcomes(Side::Tidb, &update), [Outcome::Done(2), primary]);
}

#[test]
fn a_query_without_rows_has_a_width_all_the_same() {
    let exprs = vec![Expr::Column("id".to_owned())];
    let source = Source::Select(exprs, Filter::Nothing);
    let insert = Statement::Insert(Insert { replaces: false, columns: None, source });
    let said = verdicts(Side::Connector, &insert, &table());
    assert_eq!(said[0].outcome, Outcome::Refused);
}
