//! TiDB's metadata as plain data, without I/O: databases, tables, columns, indexes, partitions,
//! what changes between schema versions, and which Arrow type a column has.
//!
//! | module | subject |
//! |---|---|
//! | [`model`] | what TiDB keeps in TiKV as JSON, of any version |
//! | [`lookup`] | columns, indexes, handle and physical tables of a table |
//! | [`readable`] | whether a table can be read, and why not |
//! | [`arrow_type`] | TiDB type to Arrow type |
//! | [`scan_column`] | how a scan names a column to the store |
//! | [`default_value`] | the value of rows older than a column |
//! | [`column_default`] | the value of a column that a new row leaves out |
//! | [`row_id`] | ids that rows get without being given any |
//! | [`collation`] | collations by name and number |
//! | [`diff`] | what changed from one schema version to the next |
//! | [`partition`] | which partition a row belongs to, and which ones a filter leaves |
//! | [`domain`] | the values of a column that a filter leaves |
//! | [`key_range`] | the keys that hold them |
//! | [`encode`] | rows to records and index entries |
//! | [`mod@show_create`] | the statement that makes a table |
//! | [`name_info`] | just a table's name, for caches |
//! | [`stats`] | how many rows ranges of values have |

pub mod arrow_type;
pub mod collation;
pub mod column_default;
pub mod default_value;
pub mod diff;
pub mod domain;
pub mod encode;
pub mod error;
pub mod inconsistent;
pub mod key_range;
pub mod lookup;
pub mod malformed;
pub mod model;
pub mod name_info;
pub mod partition;
pub mod readable;
pub mod row_id;
pub mod scan_column;
pub mod show_create;
pub mod stats;

pub use arrow_type::{ColumnType, TypeOptions, UnsupportedColumn, arrow_field, column_type};
pub use column_default::ColumnDefault;
pub use diff::{Change, SchemaDiff};
pub use domain::Domain;
pub use encode::{
    DecodeRowError, EncodeError, EncodedEntry, EncodedRow, NotWritable, NotWritableReason,
    RowDecoder, TableEncoder,
};
pub use error::Error;
pub use lookup::HandleKind;
pub use model::{ColumnInfo, DbInfo, IndexInfo, PartitionInfo, TableInfo};
pub use name_info::NameInfo;
pub use partition::{PartitionError, PartitionPruner, PartitionRouter};
pub use readable::NotReadable;
pub use row_id::{RowIdPlan, RowIds};
pub use scan_column::{ScanColumn, ScanOptions};
pub use show_create::{NextIds, NotShown, Surroundings, show_create};
