//! What statements say.

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    CreateDatabase(CreateDatabase),
    CreateTable(Box<CreateTable>),
    Use(String),
    Insert(Insert),
}

/// `CREATE DATABASE`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateDatabase {
    pub(crate) name: String,
    pub(crate) if_not_exists: bool,
    pub(crate) charset: Option<String>,
    pub(crate) collate: Option<String>,
}

/// A table's name, perhaps with that of its database.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableName {
    pub(crate) database: Option<String>,
    pub(crate) table: String,
}

/// `CREATE TABLE`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateTable {
    pub(crate) name: TableName,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<ColumnDef>,
    /// Keys of their own first, then those among the columns, as TiDB numbers them.
    pub(crate) keys: Vec<KeyDef>,
    pub(crate) options: TableOptions,
    pub(crate) partition: Option<PartitionDef>,
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ColumnDef {
    pub(crate) name: String,
    pub(crate) data_type: TypeDef,
    /// `Some(false)` for an explicit `NULL`.
    pub(crate) not_null: Option<bool>,
    pub(crate) default: Option<DefaultDef>,
    /// Fraction digits of `ON UPDATE CURRENT_TIMESTAMP`.
    pub(crate) on_update_now: Option<u8>,
    pub(crate) auto_increment: bool,
    pub(crate) auto_random: Option<AutoRandom>,
    pub(crate) comment: String,
}

/// `AUTO_RANDOM(shard, range)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AutoRandom {
    pub(crate) shard_bits: u64,
    pub(crate) range_bits: u64,
}

/// A column's default.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DefaultDef {
    /// `CURRENT_TIMESTAMP` with fraction digits.
    Now(u8),
    /// A literal.
    Value(Value),
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    /// `DEFAULT` in an `INSERT`.
    Default,
    Bool(bool),
    /// Digits with sign, point and exponent.
    Number(String),
    Text(String),
    /// `x'…'` and `0x…`.
    Bytes(Vec<u8>),
    /// `b'…'`.
    Bits(Vec<u8>),
}

/// A data type as it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TypeDef {
    /// Lower case; synonyms are resolved later.
    pub(crate) name: String,
    pub(crate) length: Option<u64>,
    pub(crate) scale: Option<u64>,
    pub(crate) unsigned: bool,
    pub(crate) zerofill: bool,
    /// The attribute `BINARY` of a text type.
    pub(crate) binary: bool,
    pub(crate) charset: Option<String>,
    pub(crate) collate: Option<String>,
    pub(crate) elems: Vec<String>,
}

/// A key or index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyDef {
    pub(crate) kind: KeyKind,
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<KeyPart>,
    pub(crate) is_hash: bool,
    pub(crate) comment: String,
    pub(crate) invisible: bool,
    pub(crate) global: bool,
    /// `CLUSTERED` or `NONCLUSTERED`.
    pub(crate) clustered: Option<bool>,
}

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Primary,
    Unique,
    Index,
}

/// A column of a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyPart {
    pub(crate) column: String,
    pub(crate) length: Option<u64>,
}

/// Options of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TableOptions {
    pub(crate) charset: Option<String>,
    pub(crate) collate: Option<String>,
    pub(crate) comment: String,
    pub(crate) auto_increment: Option<u64>,
    pub(crate) auto_id_cache: Option<u64>,
    pub(crate) auto_random_base: Option<u64>,
    pub(crate) shard_row_id_bits: Option<u64>,
    pub(crate) pre_split_regions: Option<u64>,
}

/// `PARTITION BY`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartitionDef {
    pub(crate) method: PartitionMethod,
    /// `PARTITIONS n`.
    pub(crate) count: Option<u64>,
    pub(crate) partitions: Vec<PartitionOf>,
}

/// How a table is partitioned; expressions as SQL text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PartitionMethod {
    Range(String),
    RangeColumns(Vec<String>),
    List(String),
    ListColumns(Vec<String>),
    Hash(String),
    Key(Vec<String>),
}

/// A partition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartitionOf {
    pub(crate) name: String,
    /// `VALUES LESS THAN`, as SQL text.
    pub(crate) less_than: Vec<String>,
    /// `VALUES IN`, as SQL text.
    pub(crate) in_values: Vec<Vec<String>>,
    pub(crate) comment: String,
}

/// `INSERT INTO … VALUES`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) name: TableName,
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) rows: Vec<Vec<Value>>,
}
