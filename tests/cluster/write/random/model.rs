//! What statements do: the rows afterwards, how many were changed, or why none was.

use tifusion_testkit::cell::Cell;

use super::ddl::Ddl;
use super::statement::{Expr, Filter, Insert, NO_COLUMN, Side, Source, Statement, order};
use super::table::Table;
use super::value::UNKNOWN;

/// What a side may say of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// How many rows it changed.
    Done(u64),
    /// A key that is there already, one of these.
    Duplicate(Vec<String>),
    /// A value that a column does not take, no value for one, or no partition for a row.
    Refused,
}

/// One of the ways that a statement may go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// The table afterwards: as before but for a statement that is done.
    pub(super) after: Table,
}

/// A row that is wanted: the first thing wrong with it is `wrong`.
struct Wanted {
    cells: Vec<Cell>,
    is_wrong: bool,
}

/// The ways that a statement may go: one, but where the order in which a statement looks at its rows decides.
pub(super) fn verdicts(side: Side, statement: &Statement, table: &Table) -> Vec<Verdict> {
    match statement {
        Statement::Insert(insert) => inserted(side, insert, table),
        Statement::Update { sets, filter, first } => updated(side, sets, filter, *first, table),
        Statement::Delete { filter: None, .. } if side == Side::Connector => refused(table),
        Statement::Delete { filter, first } => {
            let filter = filter.as_ref().unwrap_or(&Filter::All);
            let gone = matching(side, filter, *first, table);
            let mut after = table.clone();
            after.rows = without(&table.rows, &gone);
            done(gone.len(), after)
        }
        Statement::Ddl(ddl) => changed(ddl, table),
    }
}

fn done(count: usize, after: Table) -> Vec<Verdict> {
    vec![Verdict { outcome: Outcome::Done(count as u64), after }]
}

fn refused(table: &Table) -> Vec<Verdict> {
    vec![Verdict { outcome: Outcome::Refused, after: table.clone() }]
}

fn duplicate(keys: Vec<String>, table: &Table) -> Vec<Verdict> {
    vec![Verdict { outcome: Outcome::Duplicate(keys), after: table.clone() }]
}

fn changed(ddl: &Ddl, table: &Table) -> Vec<Verdict> {
    match ddl.apply(table) {
        Ok(after) => done(0, after),
        Err(key) => duplicate(vec![key], table),
    }
}

/// The places of the rows that a filter means.
fn matching(side: Side, filter: &Filter, first: Option<usize>, table: &Table) -> Vec<usize> {
    let is_meant = |at: &usize| filter.meets(side, table, &table.rows[*at]) == Some(true);
    let mut found: Vec<usize> = (0..table.rows.len()).filter(is_meant).collect();
    if let (Some(count), Some(handle)) = (first, table.handle()) {
        let column = table.place(handle).unwrap();
        found.sort_by(|a, b| order(&table.rows[*a][column], &table.rows[*b][column]).unwrap());
        found.truncate(count);
    }
    found
}

fn without(rows: &[Vec<Cell>], gone: &[usize]) -> Vec<Vec<Cell>> {
    let kept = rows.iter().enumerate().filter(|(at, _)| !gone.contains(at));
    kept.map(|(_, row)| row.clone()).collect()
}

/// Whether each value is one of its column's, and a partition takes the row.
fn is_wrong(table: &Table, cells: &[Cell]) -> bool {
    let misfits = table.columns.iter().zip(cells).enumerate().any(|(at, (column, cell))| {
        let is_id = at == 0 && table.ids.is_some();
        (*cell == Cell::Null && !column.nullable && !is_id) || !column.kind.takes(cell)
    });
    let is_homeless = table.partitions.as_ref().is_some_and(|(column, partitions)| {
        partitions.of(&cells[table.place(column).unwrap()]).is_err()
    });
    misfits || is_homeless
}

/// The rows of an `INSERT`; `None` if it can't be read at all.
fn wanted(side: Side, insert: &Insert, table: &Table) -> Option<Vec<Wanted>> {
    let all = || table.columns.iter().map(|column| column.name.clone()).collect();
    let names: Vec<String> = insert.columns.clone().unwrap_or_else(all);
    let sources: Vec<(&[Expr], &[Cell])> = match &insert.source {
        Source::Values(rows) => rows.iter().map(|row| (row.as_slice(), [].as_slice())).collect(),
        Source::Select(exprs, filter) => matching(side, filter, None, table)
            .into_iter()
            .map(|at| (exprs.as_slice(), table.rows[at].as_slice()))
            .collect(),
    };
    // A query has a width even if it has no rows.
    let is_readable = match &insert.source {
        Source::Values(rows) => rows.iter().all(|row| row.len() == names.len()),
        Source::Select(exprs, _) => exprs.len() == names.len(),
    };
    if names.iter().any(|name| name == NO_COLUMN) || !is_readable {
        return None;
    }
    let row = |(exprs, from): (&[Expr], &[Cell])| {
        let mut wrong = false;
        let cells = table.columns.iter().enumerate().map(|(at, column)| {
            let is_id = at == 0 && table.ids.is_some();
            let given = names.iter().position(|name| *name == column.name).map(|it| &exprs[it]);
            let value = match given {
                Some(Expr::Default) | None if is_id => UNKNOWN,
                Some(Expr::Default) | None => {
                    wrong |= column.default.is_none() && !column.nullable;
                    column.default.clone().unwrap_or(Cell::Null)
                }
                Some(expr) => expr.of(table, from).unwrap_or_else(|| {
                    wrong = true;
                    Cell::Null
                }),
            };
            match value {
                Cell::Null | Cell::Int(0) if is_id => UNKNOWN,
                value => value,
            }
        });
        let cells: Vec<Cell> = cells.collect();
        let is_wrong = wrong || is_wrong(table, &cells);
        Wanted { cells, is_wrong }
    };
    Some(sources.into_iter().map(row).collect())
}

/// The unique keys in which one of `rows` from `from` on is the same as one before it.
fn duplicates(table: &Table, rows: &[Vec<Cell>], from: usize) -> Vec<String> {
    let mut keys = Vec::new();
    for (at, row) in rows.iter().enumerate().skip(from) {
        keys.extend(rows[..at].iter().flat_map(|other| table.shared(other, row)));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn inserted(side: Side, insert: &Insert, table: &Table) -> Vec<Verdict> {
    let Some(wanted) = wanted(side, insert, table) else { return refused(table) };
    let is_wrong = wanted.iter().any(|row| row.is_wrong);
    let new: Vec<Vec<Cell>> = wanted.into_iter().map(|row| row.cells).collect();
    // The connector takes a key once for each statement, TiDB replaces the rows that come first.
    let among_new = || duplicates(table, &new, 0);
    if insert.replaces && (side == Side::Tidb || among_new().is_empty()) {
        return if is_wrong { refused(table) } else { replaced(new, table) };
    }
    let count = new.len();
    let keys = match insert.replaces {
        true => among_new(),
        false => duplicates(table, &[table.rows.clone(), new.clone()].concat(), table.rows.len()),
    };
    match (is_wrong, keys.is_empty()) {
        (true, true) => refused(table),
        (true, false) => [refused(table), duplicate(keys, table)].concat(),
        (false, false) => duplicate(keys, table),
        (false, true) => {
            let mut after = table.clone();
            after.rows.extend(new);
            done(count, after)
        }
    }
}

/// Row by row, as MySQL counts: those that go, those that come, and one for a row that is there already.
fn replaced(new: Vec<Vec<Cell>>, table: &Table) -> Vec<Verdict> {
    let mut after = table.clone();
    let mut count = 0;
    for row in new {
        count += 1;
        let rows = after.rows.iter().enumerate();
        let in_the_way: Vec<usize> =
            rows.filter(|(_, old)| !table.shared(old, &row).is_empty()).map(|it| it.0).collect();
        if in_the_way.iter().any(|at| after.rows[*at] == row) {
            continue;
        }
        count += in_the_way.len();
        after.rows = without(&after.rows, &in_the_way);
        after.rows.push(row);
    }
    done(count, after)
}

fn updated(
    side: Side,
    sets: &[(String, Expr)],
    filter: &Filter,
    first: Option<usize>,
    table: &Table,
) -> Vec<Verdict> {
    let found = matching(side, filter, first, table);
    let mut after = table.clone();
    let (mut is_wrong_somewhere, mut changed) = (false, Vec::new());
    for at in found.iter().copied() {
        let old = &table.rows[at];
        let mut new = old.clone();
        for (name, expr) in sets {
            match expr.of(table, old) {
                Some(value) => new[table.place(name).unwrap()] = value,
                None => is_wrong_somewhere = true,
            }
        }
        is_wrong_somewhere |= new != *old && is_wrong(table, &new);
        if new != *old {
            changed.push(at);
            after.rows[at] = new;
        }
    }
    // In the way in the end, or of those who go row by row.
    let in_the_end = meetings(table, &after.rows, &after.rows, &changed);
    let on_the_way = meetings(table, &after.rows, &table.rows, &changed);
    let either = [on_the_way.clone(), in_the_end.clone()].concat();
    if is_wrong_somewhere {
        let verdicts = refused(table);
        let more = if either.is_empty() { Vec::new() } else { duplicate(either, table) };
        return [verdicts, more].concat();
    }
    if !in_the_end.is_empty() {
        return duplicate(either, table);
    }
    let verdicts = done(changed.len(), after);
    match side {
        Side::Tidb if !on_the_way.is_empty() => [verdicts, duplicate(on_the_way, table)].concat(),
        _ => verdicts,
    }
}

/// The unique keys in which one of `rows` at `places` is the same as another row of `others`.
fn meetings(
    table: &Table,
    rows: &[Vec<Cell>],
    others: &[Vec<Cell>],
    places: &[usize],
) -> Vec<String> {
    let mut keys = Vec::new();
    for place in places {
        let other = others.iter().enumerate().filter(|(at, _)| at != place);
        keys.extend(other.flat_map(|(_, other)| table.shared(&rows[*place], other)));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
