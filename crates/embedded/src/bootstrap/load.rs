//! Rows to pairs.

use std::collections::BTreeMap;

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_schema::default_value::datum_of_text;
use tifusion_schema::model::value::DefaultLiteral;
use tifusion_schema::{ColumnInfo, TableEncoder, TableInfo};

use super::convert::{refuse, to_datum};
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
    /// For each column of the table, where its value stands in a row.
    places: Vec<Option<usize>>,
}

impl<'a> InsertReader<'a> {
    pub(super) fn new(table: &TableInfo, insert: &'a Insert) -> Result<Self> {
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
        Ok(Self { rows: &insert.rows, places })
    }
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

    fn cell(&self, row: usize, offset: usize, column: &ColumnInfo) -> Result<Cell<'_>> {
        let place = self.places.get(offset).copied().flatten();
        match place.and_then(|place| self.rows.get(row)?.get(place)) {
            None | Some(Value::Default) => Ok(Cell::Absent),
            Some(value) => to_datum(column, value).map(Cell::Value),
        }
    }
}

/// Collects the pairs of rows of one table.
pub(super) struct Loader<'a> {
    encoder: &'a TableEncoder,
    allocators: Allocators,
    timestamp: u64,
    /// Pairs of earlier rows that no store has taken yet.
    before: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Values of columns that a row leaves out, `None` where it must not.
    defaults: Vec<Option<Datum<'static>>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        encoder: &'a TableEncoder,
        allocators: Allocators,
        timestamp: u64,
        before: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Self {
        Self {
            encoder,
            allocators,
            timestamp,
            before,
            pairs: BTreeMap::new(),
            defaults: Vec::new(),
        }
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
        let defaults = table.columns.iter().map(|column| self.default(column));
        self.defaults = defaults.collect::<Result<_>>()?;
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
        let row_id = if self.encoder.needs_row_id() {
            Some(self.allocators.next_row_id(table)?)
        } else {
            None
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
        let table = self.encoder.table();
        let is_random = table.auto_random_bits > 0 && column.is_primary_key();
        let is_numbered = is_random || column.has_flag(flag::AUTO_INCREMENT);
        let value = match cell {
            Cell::Value(value) if !is_numbered => return Ok(value),
            Cell::Absent if !is_numbered => {
                let default = self.defaults.get(offset).cloned().flatten();
                return default.ok_or_else(|| refuse(column, "nothing", "it has no default"));
            }
            Cell::Value(value) => value,
            Cell::Absent => Datum::Null,
        };
        if !matches!(value, Datum::Null | Datum::Int(0) | Datum::UInt(0)) {
            if let Some(id) = as_id(&value) {
                if is_random {
                    self.allocators.saw_random(table, id);
                } else {
                    self.allocators.saw_increment(table, id);
                }
            }
            return Ok(value);
        }
        let id = if is_random {
            self.allocators.next_random(table)?
        } else {
            self.allocators.next_increment(table)?
        };
        let is_unsigned = column.field_type.is_unsigned();
        Ok(if is_unsigned { Datum::UInt(id.cast_unsigned()) } else { Datum::Int(id) })
    }

    /// What a column has in rows that leave it out, `None` if they must not.
    fn default(&self, column: &ColumnInfo) -> Result<Option<Datum<'static>>> {
        if let (Some(bytes), tp::BIT) = (&column.default_bit, column.field_type.tp) {
            return to_datum(column, &Value::Bits(bytes.0.clone())).map(Some);
        }
        let text = match &column.default {
            None if column.has_flag(flag::NOT_NULL) => return Ok(None),
            None => return Ok(Some(Datum::Null)),
            Some(_) if column.default_is_expr => return Ok(None),
            Some(DefaultLiteral::Text(text)) => text,
            Some(other) => return Err(refuse(column, &other.to_string(), "such a default")),
        };
        if text.eq_ignore_ascii_case("CURRENT_TIMESTAMP") {
            return self.now(column).map(Some);
        }
        let value = datum_of_text(&column.field_type, text);
        value.map(|value| Some(value.into_owned())).map_err(|e| refuse(column, text, e.to_string()))
    }

    /// The time of the statement, cut to the column's fraction digits.
    fn now(&self, column: &ColumnInfo) -> Result<Datum<'static>> {
        let millis = i64::try_from(self.timestamp >> LOGICAL_BITS).unwrap_or(i64::MAX);
        let fsp = u8::try_from(column.field_type.decimal).unwrap_or(0).min(6);
        let unit = 10_i64.pow(u32::from(6 - fsp));
        let micros = millis.saturating_mul(1000) / unit * unit;
        CoreTime::from_micros(micros, TimeKind::DateTime, fsp)
            .map(|time| Datum::UInt(time.to_packed()))
            .map_err(|error| refuse(column, "CURRENT_TIMESTAMP", error.to_string()))
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
    } else if table.auto_random_bits > 0 && !table.pk_is_handle {
        "AUTO_RANDOM in a key of several columns"
    } else {
        return Ok(());
    };
    Err(BootstrapError::Unsupported(format!("rows for table {}: it has {what}", table.name)))
}

/// A number that an allocator must not give again.
fn as_id(value: &Datum<'_>) -> Option<i64> {
    match value {
        Datum::Int(value) => Some(*value),
        Datum::UInt(value) => i64::try_from(*value).ok(),
        _ => None,
    }
}
