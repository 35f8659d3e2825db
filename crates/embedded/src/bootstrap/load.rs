//! Rows to pairs.

use std::collections::BTreeMap;

use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::time::Zone;
use tifusion_schema::column_default::{ColumnDefault, current_time};
use tifusion_schema::row_id::{RowIdPlan, RowIds};
use tifusion_schema::{ColumnInfo, TableEncoder, TableInfo};

use super::convert::{LiteralConverter, refuse};
use super::error::{BootstrapError, Result};
use super::ids::Allocators;
use super::sql::{Insert, Value};

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Low bits of a timestamp that only count.
const LOGICAL_BITS: u32 = 18;

/// What a row says about a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing: it gets its default.
    Absent,
    /// Its value.
    Value(Datum<'a>),
}

/// Where rows come from.
pub(super) trait Source {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// What row `row` says about the column at `offset` of the table.
    ///
    /// # Errors
    /// When the value can't become one of the column.
    fn cell(&self, row: usize, offset: usize, column: &ColumnInfo) -> Result<Cell<'_>>;
}

/// The rows of an `INSERT`.
pub(super) struct InsertReader<'a> {
    rows: &'a [Vec<Value>],
    /// For each column of the table, where its value stands in a row and what is made of it.
    columns: Vec<Option<(usize, LiteralConverter)>>,
}

impl<'a> InsertReader<'a> {
    pub(super) fn new(table: &TableInfo, insert: &'a Insert, new_collation: bool) -> Result<Self> {
        let names = match &insert.columns {
            None => table.columns.iter().map(|column| column.name.original.clone()).collect(),
            Some(names) => names.clone(),
        };
        let places = places(table, &names)?;
        if let Some(row) = insert.rows.iter().find(|row| row.len() != names.len()) {
            let text =
                format!("table {}: {} values for {} columns", table.name, row.len(), names.len());
            return Err(BootstrapError::Invalid(text));
        }
        let columns = places.into_iter().zip(&table.columns).map(|(place, column)| {
            let Some(place) = place else { return Ok(None) };
            LiteralConverter::new(column, new_collation).map(|converter| Some((place, converter)))
        });
        Ok(Self { rows: &insert.rows, columns: columns.collect::<Result<_>>()? })
    }
}

/// The types that values of the table's columns are made for.
pub(super) fn input_types(table: &TableInfo) -> Result<Vec<FieldType>> {
    let mut types: Vec<_> = table.columns.iter().map(|column| column.field_type.clone()).collect();
    if let Some(numbered) = RowIds::of(table)?.column
        && let Some(field_type) = types.get_mut(numbered.offset)
    {
        *field_type = numbered.input_type();
    }
    Ok(types)
}

/// For each column of the table, where it stands among `names`.
pub(super) fn places(table: &TableInfo, names: &[String]) -> Result<Vec<Option<usize>>> {
    let mut places = vec![None; table.columns.len()];
    for (at, name) in names.iter().enumerate() {
        let offset = table.columns.iter().position(|column| column.name.matches(name));
        match offset.and_then(|offset| places.get_mut(offset)) {
            Some(place @ None) => *place = Some(at),
            Some(Some(_)) => {
                let text = format!("table {}: column {name:?} twice", table.name);
                return Err(BootstrapError::Invalid(text));
            }
            None => {
                let text = format!("table {} has no column {name:?}", table.name);
                return Err(BootstrapError::Invalid(text));
            }
        }
    }
    Ok(places)
}

impl Source for InsertReader<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, row: usize, offset: usize, _: &ColumnInfo) -> Result<Cell<'_>> {
        let Some((place, converter)) = self.columns.get(offset).and_then(Option::as_ref) else {
            return Ok(Cell::Absent);
        };
        match self.rows.get(row).and_then(|row| row.get(*place)) {
            None | Some(Value::Default) => Ok(Cell::Absent),
            Some(value) => converter.convert(value).map(Cell::Value),
        }
    }
}

/// Collects the pairs of rows of one table.
pub(super) struct Loader<'a> {
    encoder: &'a TableEncoder,
    ids: RowIdPlan,
    allocators: Allocators,
    timestamp: u64,
    new_collation: bool,
    /// Pairs of earlier rows that no store has taken yet.
    before: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What columns have that a row leaves out.
    defaults: Vec<ColumnDefault>,
}

impl<'a> Loader<'a> {
    /// # Errors
    /// [`BootstrapError`] when the table's description contradicts itself.
    pub(super) fn new(
        encoder: &'a TableEncoder,
        allocators: Allocators,
        (timestamp, new_collation): (u64, bool),
        before: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<Self> {
        Ok(Self {
            encoder,
            ids: RowIds::of(encoder.table())?,
            allocators,
            timestamp,
            new_collation,
            before,
            pairs: BTreeMap::new(),
            defaults: Vec::new(),
        })
    }

    /// The plan of ids.
    pub(super) fn ids(&self) -> &RowIdPlan {
        &self.ids
    }

    /// The pairs, and the allocators afterwards.
    pub(super) fn finish(self) -> (impl Iterator<Item = Pair> + use<>, Allocators) {
        (self.pairs.into_iter(), self.allocators)
    }

    /// Adds all rows.
    ///
    /// # Errors
    /// [`BootstrapError`] for the first row that is refused.
    pub(super) fn run(&mut self, source: &mut dyn Source) -> Result<()> {
        let table = self.encoder.table();
        check_loadable(table)?;
        self.defaults = self.defaults(table)?;
        let mut values: Vec<Datum<'_>> = Vec::with_capacity(table.columns.len());
        for row in 0..source.rows() {
            values.clear();
            for (offset, column) in table.columns.iter().enumerate() {
                let cell = source.cell(row, offset, column);
                let value = cell.and_then(|cell| self.value(offset, column, cell));
                values.push(value.map_err(|error| at_row(table, row, error))?);
            }
            self.add(&values).map_err(|error| at_row(table, row, error))?;
        }
        Ok(())
    }

    fn add(&mut self, values: &[Datum<'_>]) -> Result<()> {
        let table = self.encoder.table();
        let row_id = match &self.ids.record {
            Some(record) => Some(self.allocators.next(record)?),
            None => None,
        };
        let row = self.encoder.encode(values, row_id)?;
        self.insert(row.key, row.value, true, "PRIMARY")?;
        for entry in row.entries {
            let index = table.indices.iter().find(|index| index.id == entry.index_id);
            let name = index.map_or("", |index| index.name.as_str());
            self.insert(entry.key, entry.value, entry.is_distinct, name)?;
        }
        Ok(())
    }

    fn insert(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        is_distinct: bool,
        name: &str,
    ) -> Result<()> {
        let is_there = is_distinct && self.before.contains_key(&key);
        if is_there || self.pairs.insert(key, value).is_some() {
            let table = self.encoder.table().name.original.clone();
            return Err(BootstrapError::Duplicate { table, key: name.to_owned() });
        }
        Ok(())
    }

    /// The value of a column, its default or next id where the row has none.
    fn value<'b>(
        &mut self,
        offset: usize,
        column: &ColumnInfo,
        cell: Cell<'b>,
    ) -> Result<Datum<'b>> {
        let Some(numbered) = self.ids.column.as_ref().filter(|numbered| numbered.offset == offset)
        else {
            return match cell {
                Cell::Value(value) => Ok(value),
                Cell::Absent => self.default(offset, column),
            };
        };
        let value = match cell {
            Cell::Value(value) => value,
            Cell::Absent => Datum::Null,
        };
        match numbered.given(&value, true)? {
            Some(id) => {
                self.allocators.saw(&numbered.allocator, id);
                Ok(value)
            }
            None => Ok(numbered.datum(self.allocators.next(&numbered.allocator)?)?),
        }
    }

    /// What the columns have in rows that leave them out; those of columns that are numbered are not
    /// looked at.
    fn defaults(&self, table: &TableInfo) -> Result<Vec<ColumnDefault>> {
        let defaults = table.columns.iter().map(|column| {
            if column.default_is_expr {
                // Rows that bring a value are fine.
                return Ok(ColumnDefault::Required);
            }
            Ok(ColumnDefault::of(column, self.new_collation, Some(Zone::Utc))?)
        });
        defaults.collect()
    }

    fn default(&self, offset: usize, column: &ColumnInfo) -> Result<Datum<'static>> {
        match self.defaults.get(offset) {
            Some(ColumnDefault::Value(value)) => Ok(value.clone()),
            Some(ColumnDefault::Null) => Ok(Datum::Null),
            Some(ColumnDefault::CurrentTimestamp | ColumnDefault::CurrentDate) => {
                let millis = i64::try_from(self.timestamp >> LOGICAL_BITS).unwrap_or(i64::MAX);
                current_time(column, millis.saturating_mul(1000), Zone::Utc)
                    .map_err(|error| refuse(column, "the current time", error.to_string()))
            }
            _ => Err(refuse(column, "nothing", "it has no default")),
        }
    }
}

/// Says which row it was, unless it is about more than one.
fn at_row(table: &TableInfo, row: usize, reason: BootstrapError) -> BootstrapError {
    match reason {
        BootstrapError::Duplicate { .. } => reason,
        reason => BootstrapError::AtRow {
            table: table.name.original.clone(),
            row: row.saturating_add(1),
            reason: Box::new(reason),
        },
    }
}

/// Refuses tables whose rows must meet conditions that are not looked at here; a table of the store may
/// have some.
fn check_loadable(table: &TableInfo) -> Result<()> {
    let what = if !table.foreign_keys.is_empty() {
        "foreign keys"
    } else if !table.constraints.is_empty() {
        "checks"
    } else {
        return Ok(());
    };
    Err(BootstrapError::Unsupported(format!("rows for table {}: it has {what}", table.name)))
}
