//! Databases, tables and what they consist of, as TiDB describes them.
//!
//! The types follow TiDB's `pkg/meta/model`; they are read from the JSON that TiDB keeps in TiKV,
//! of any version since 2018. They are never written back: what a later TiDB added would be lost.

pub mod action;
pub mod ci_str;
pub mod column;
pub mod constraint;
pub mod database;
pub(crate) mod go_json;
pub mod index;
mod legacy;
pub mod partition;
pub mod placement;
pub mod sequence;
pub mod state;
pub mod table;
pub mod table_option;
pub mod tiflash;
pub mod value;
pub mod view;

pub use action::ActionType;
pub use ci_str::CiStr;
pub use column::ColumnInfo;
pub use database::DbInfo;
pub use index::{IndexColumn, IndexInfo};
pub use partition::{PartitionDefinition, PartitionInfo};
pub use sequence::SequenceInfo;
pub use state::{PartitionType, SchemaState};
pub use table::TableInfo;
pub use tiflash::TiFlashReplica;
pub use view::ViewInfo;
