//! Statements by chance, about the rows that are there.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};
use tifusion_testkit::cell::Cell;

use super::ddl::Ddl;
use super::statement::{Expr, Filter, Insert, NO_COLUMN, Side, Source, Statement, Step};
use super::table::{Column, Ids, Index, Partitions, TAG, Table};
use super::value::{BIGINT, INT, Kind};

/// How many rows a table has before more are deleted than come.
const MANY: usize = 60;

/// Makes the statements of one table.
pub(super) struct Generator {
    random: StdRng,
    /// What was numbered so far: columns, indexes, partitions, tags.
    numbered: i64,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), numbered: 0 }
    }

    fn number(&mut self) -> i64 {
        self.numbered += 1;
        self.numbered
    }

    fn name(&mut self, what: &str) -> String {
        format!("{what}{}", 100 + self.number())
    }

    fn once_in(&mut self, count: u32) -> bool {
        self.random.random_ratio(1, count)
    }

    /// The next statement.
    pub(super) fn step(&mut self, table: &Table) -> Step {
        if self.once_in(14)
            && let Some(ddl) = self.ddl(table)
        {
            return Step { side: Side::Tidb, statement: Statement::Ddl(ddl) };
        }
        let side = if self.random.random_bool(0.6) { Side::Connector } else { Side::Tidb };
        let has_many = table.rows.len() > MANY;
        let statement = match self.random.random_range(0..20) {
            0..=6 if !has_many => self.insert(table, false),
            7..=10 if !has_many => self.insert(table, true),
            11..=15 => self.update(table),
            _ if table.rows.len() > 4 => self.delete(table),
            _ => self.insert(table, false),
        };
        Step { side, statement }
    }

    fn insert(&mut self, table: &Table, replaces: bool) -> Statement {
        if !replaces
            && self.once_in(6)
            && let Some(insert) = self.insert_select(table)
        {
            return Statement::Insert(insert);
        }
        let mut columns: Vec<&Column> = table.columns.iter().collect();
        let is_named = self.once_in(2);
        if is_named {
            columns.shuffle(&mut self.random);
            // What can be left out is, at times. What TiDB takes for the default of a column without one
            // depends on what the column was before.
            let is_named =
                |column: &&Column| !table.has_default(column) || self.random.random_bool(0.7);
            columns.retain(is_named);
            if columns.is_empty() {
                columns.push(&table.columns[0]);
            }
        }
        let count = if self.once_in(10) { 12 } else { self.random.random_range(1..=4) };
        let may = columns.len() > 3;
        let defaults: Vec<bool> = columns
            .iter()
            .map(|column| may && table.has_default(column) && self.once_in(25))
            .collect();
        let mut rows: Vec<Vec<Expr>> = (0..count)
            .map(|_| {
                let cell = |(column, is_default): (&&Column, &bool)| match is_default {
                    true if column.name != TAG => Expr::Default,
                    _ => self.new_value(table, column),
                };
                columns.iter().zip(&defaults).map(cell).collect()
            })
            .collect();
        let mut names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        if self.once_in(3) {
            self.meet_a_row(table, &columns, &mut rows, replaces);
        }
        match self.random.random_range(0..60) {
            0 => rows.iter_mut().for_each(|row| drop(row.pop())),
            1 if is_named => names[0] = NO_COLUMN.to_owned(),
            2..=6 => {
                let at = self.random.random_range(0..columns.len());
                let row = rows.last_mut().unwrap();
                if row[at] != Expr::Default && columns[at].name != TAG {
                    row[at] = self.wrong_value(columns[at]);
                }
            }
            _ => {}
        }
        let columns = is_named.then_some(names);
        Statement::Insert(Insert { replaces, columns, source: Source::Values(rows) })
    }

    /// Makes the last of new rows have a key of one that is there, or of another new one.
    fn meet_a_row(
        &mut self,
        table: &Table,
        columns: &[&Column],
        rows: &mut [Vec<Expr>],
        replaces: bool,
    ) {
        let unique: Vec<&Index> = table.keys.iter().filter(|key| key.unique).collect();
        let Some(key) = unique.choose(&mut self.random) else { return };
        let (last, others) = rows.split_last_mut().unwrap();
        let is_whole = replaces && self.once_in(4);
        let old = table.rows.choose(&mut self.random);
        for (at, column) in columns.iter().enumerate() {
            let is_fixed =
                column.name == TAG || (table.ids == Some(Ids::Random) && column.name == "id");
            if last[at] == Expr::Default || is_fixed || !(is_whole || key.has(&column.name)) {
                continue;
            }
            match (old, others.first()) {
                (Some(old), _) => {
                    last[at] = Expr::Value(old[table.place(&column.name).unwrap()].clone())
                }
                (None, Some(other)) => last[at] = other[at].clone(),
                (None, None) => {}
            }
        }
    }

    fn wrong_value(&mut self, column: &Column) -> Expr {
        match column.kind.wrong() {
            Some(literal) if column.nullable || self.once_in(2) => Expr::Wrong(literal),
            _ if column.nullable => Expr::Value(Cell::Null),
            _ => Expr::Value(Cell::Null),
        }
    }

    /// A value of a new row.
    fn new_value(&mut self, table: &Table, column: &Column) -> Expr {
        Expr::Value(match table.ids {
            Some(_) if column.name == TAG => Cell::Int(self.number().into()),
            Some(Ids::Increment) if column.name == "id" && self.once_in(8) => {
                Cell::Int((-self.number()).into())
            }
            Some(_) if column.name == "id" => {
                if self.once_in(3) {
                    Cell::Int(0)
                } else {
                    Cell::Null
                }
            }
            _ => self.value(table, column),
        })
    }

    /// A value that a column may have: most have a partition, where it decides on one.
    fn value(&mut self, table: &Table, column: &Column) -> Cell {
        if column.nullable && self.once_in(8) {
            return Cell::Null;
        }
        let partitions = table.partitions.as_ref().filter(|it| it.0 == column.name);
        for _ in 0..8 {
            let value = column.kind.value(&mut self.random);
            let is_at_home = partitions.is_none_or(|it| it.1.of(&value).is_ok());
            if is_at_home || self.once_in(40) {
                return value;
            }
        }
        column.kind.value(&mut self.random)
    }

    /// Rows of the table, with new keys.
    fn insert_select(&mut self, table: &Table) -> Option<Insert> {
        if table.ids.is_some() {
            return None;
        }
        let mut shift = |column: &Column| {
            let is_key = table.keys.iter().any(|key| key.unique && key.has(&column.name));
            let narrow = column.kind.is_number() && column.kind != BIGINT;
            match is_key && narrow && !self.once_in(4) {
                true => Expr::Plus(column.name.clone(), self.random.random_range(1..50)),
                false => Expr::Column(column.name.clone()),
            }
        };
        let exprs = table.columns.iter().map(&mut shift).collect();
        let filter = self.filter(table, 3);
        Some(Insert { replaces: false, columns: None, source: Source::Select(exprs, filter) })
    }

    fn update(&mut self, table: &Table) -> Statement {
        let is_fixed =
            |column: &Column| column.name == TAG || (column.name == "id" && table.ids.is_some());
        let mut columns: Vec<&Column> =
            table.columns.iter().filter(|column| !is_fixed(column)).collect();
        columns.shuffle(&mut self.random);
        let is_key =
            |column: &Column| table.keys.iter().any(|key| key.unique && key.has(&column.name));
        // Keys change now and then.
        columns.sort_by_cached_key(|column| is_key(column) && !self.once_in(3));
        columns.truncate(self.random.random_range(1..=3));
        let mut sets: Vec<(String, Expr)> = Vec::new();
        for column in columns {
            let expr = if column.kind.is_number() && self.once_in(2) {
                Expr::Plus(column.name.clone(), self.random.random_range(1..=3))
            } else if self.once_in(12) {
                self.wrong_value(column)
            } else if self.once_in(12)
                && let Some(other) = self.twin(table, column)
                && sets.iter().all(|(name, _)| *name != other)
            {
                Expr::Column(other)
            } else {
                Expr::Value(self.value(table, column))
            };
            sets.push((column.name.clone(), expr));
        }
        let first = self.first(table);
        Statement::Update { sets, filter: self.filter(table, 3), first }
    }

    /// Another column of the same type.
    fn twin(&mut self, table: &Table, column: &Column) -> Option<String> {
        let is_twin = |it: &&Column| it.kind == column.kind && it.name != column.name;
        let twins: Vec<_> = table.columns.iter().filter(is_twin).collect();
        twins.choose(&mut self.random).map(|it| it.name.clone())
    }

    fn first(&mut self, table: &Table) -> Option<usize> {
        (table.handle().is_some() && self.once_in(8)).then(|| self.random.random_range(1..4))
    }

    fn delete(&mut self, table: &Table) -> Statement {
        if self.once_in(60) {
            return Statement::Delete { filter: None, first: None };
        }
        let first = self.first(table);
        Statement::Delete { filter: Some(self.filter(table, 3)), first }
    }

    /// A condition, most often one that means a few rows.
    fn filter(&mut self, table: &Table, depth: u32) -> Filter {
        let boxed = |filter| Box::new(filter);
        match self.random.random_range(0..40) {
            0..=5 if depth > 0 => Filter::And(
                boxed(self.filter(table, depth - 1)),
                boxed(self.filter(table, depth - 1)),
            ),
            6..=8 if depth > 0 => Filter::Or(
                boxed(self.filter(table, depth - 1)),
                boxed(self.filter(table, depth - 1)),
            ),
            9 if depth > 0 => Filter::Not(boxed(self.filter(table, depth - 1))),
            10 if table.rows.len() < 20 => Filter::All,
            11 => Filter::Nothing,
            _ => self.comparison(table),
        }
    }

    fn comparison(&mut self, table: &Table) -> Filter {
        let keys: Vec<String> =
            table.keys.iter().flat_map(|key| key.parts.iter().map(|it| it.0.clone())).collect();
        let name = match keys.choose(&mut self.random) {
            Some(name) if !self.once_in(4) => name.clone(),
            _ => table.columns.choose(&mut self.random).unwrap().name.clone(),
        };
        let column = table.column(&name).unwrap().clone();
        if column.kind == INT && self.once_in(5) {
            let below = self.random.random_range(0..40);
            return match self.once_in(2) {
                true => Filter::InSide(name, below),
                false => Filter::ExistsInSide(name, below),
            };
        }
        if column.kind == Kind::Json || self.once_in(12) {
            return if self.once_in(2) { Filter::IsNull(name) } else { Filter::IsNotNull(name) };
        }
        let (a, b) = (self.near(table, &column), self.near(table, &column));
        match self.random.random_range(0..12) {
            0 => Filter::Other(name, a),
            1 if column.kind.is_ordered() => Filter::Less(name, a),
            2..=4 if column.kind.is_ordered() => Filter::Between(name, a, b),
            5..=7 => Filter::In(name, vec![a, b, self.near(table, &column)]),
            _ => Filter::Equal(name, a),
        }
    }

    /// A value of a row that is there, or any other.
    fn near(&mut self, table: &Table, column: &Column) -> Cell {
        let at = table.place(&column.name).unwrap();
        let old = table.rows.choose(&mut self.random).map(|row| row[at].clone());
        match old {
            Some(value) if value != Cell::Null && !self.once_in(5) => value,
            _ => column.kind.value(&mut self.random),
        }
    }

    /// A change of schema that the table can have.
    fn ddl(&mut self, table: &Table) -> Option<Ddl> {
        let column = table.columns.choose(&mut self.random)?.clone();
        let index = table.keys.choose(&mut self.random).filter(|it| it.name != "PRIMARY").cloned();
        let parts = table.partitions.as_ref().map(|it| it.1.names()).unwrap_or_default();
        let part = parts.choose(&mut self.random).cloned();
        let ddl = match self.random.random_range(0..20) {
            0..=2 if table.columns.len() < 14 => {
                let mut column = Column::random(&self.name("c"), &mut self.random);
                // What rows that are there already get without a default is a matter of types.
                column.nullable |= column.default.is_none();
                Ddl::AddColumn(
                    column,
                    self.random
                        .random_range(usize::from(table.ids.is_some())..=table.columns.len()),
                )
            }
            3 | 4 => {
                let can_go = |it: &&Column| Ddl::DropColumn(it.name.clone()).fits(table);
                let free: Vec<_> = table.columns.iter().filter(can_go).collect();
                Ddl::DropColumn(free.choose(&mut self.random)?.name.clone())
            }
            5..=8 if table.keys.len() < 7 => {
                let name = self.name("k");
                Ddl::AddIndex(table.random_index(&name, &mut self.random)?)
            }
            9 | 10 => Ddl::DropIndex(index?.name),
            11 => Ddl::RenameIndex(index?.name, self.name("k")),
            12 if column.default.is_some() => {
                Ddl::SetDefault(column.name, column.kind.later_default(&mut self.random)?)
            }
            13 => Ddl::Widen(column.name.clone(), wider(column.kind)?),
            14 => Ddl::Truncate,
            15 => Ddl::Rename(self.name("t")),
            16 => {
                let number = i128::from(self.number());
                let number = match &table.partitions.as_ref()?.1 {
                    Partitions::Range(parts) => parts.last()?.1? + number,
                    _ => 1000 + number,
                };
                Ddl::AddPartition(self.name("p"), number)
            }
            17 if self.once_in(2) => Ddl::DropPartition(part?),
            17 => Ddl::TruncatePartition(part?),
            // A column that may be NULL has no default at all then, and is not what it was made as.
            18 if column.default.is_some() && !column.nullable => Ddl::DropDefault(column.name),
            19 if self.once_in(2) => Ddl::AddPartitions(self.random.random_range(1..=2)),
            _ => return None,
        };
        let is_id = matches!(&ddl, Ddl::Widen(name, _) if table.ids.is_some() && name == "id");
        let is_fixed = matches!(&ddl, Ddl::DropColumn(name) if name == TAG);
        (ddl.fits(table) && !is_id && !is_fixed).then_some(ddl)
    }
}

fn wider(kind: Kind) -> Option<Kind> {
    Some(match kind {
        Kind::Int { bits: 8, unsigned } => Kind::Int { bits: 16, unsigned },
        Kind::Int { bits: 16 | 24, unsigned } => Kind::Int { bits: 32, unsigned },
        Kind::Varchar(width, by) => Kind::Varchar(width + 5, by),
        _ => return None,
    })
}
