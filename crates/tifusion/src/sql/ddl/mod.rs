//! Statements that change TiDB's schema, or look after its tables: `CREATE`, `ALTER`, `DROP`, `RENAME` and
//! `TRUNCATE`, `ANALYZE TABLE`, `SPLIT TABLE`.
//!
//! Which they are is told by their tokens ([`shape`]), whose they are by the names in them: what names tables of
//! the cluster goes there as it was written, everything else is DataFusion's.

mod run;
mod shape;

use datafusion::sql::parser::Statement as DfStatement;

pub(super) use run::run;
pub(super) use shape::{Shape, leading_word};

use super::source::SqlText;

/// A statement that may be the cluster's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaStatement {
    pub(super) shape: Shape,
    /// What the cluster is given; `None` if its place in the script is not known.
    pub(super) text: Option<SqlText>,
    /// The statement as it was written.
    pub(super) written: String,
    /// The same as DataFusion's parser has it, if it knows such statements.
    pub(super) engine: Option<DfStatement>,
}
