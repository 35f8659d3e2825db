//! Columns, indexes, handle and physical tables of a table.

use crate::inconsistent::{Inconsistency, InconsistentTable};
use crate::model::column::EXTRA_HANDLE_ID;
use crate::model::{ColumnInfo, IndexColumn, IndexInfo, TableInfo};

/// What the key of a row is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HandleKind<'a> {
    /// A column of an integer type, the clustered primary key. The row does not hold it again.
    Int(&'a ColumnInfo),
    /// The columns of an index, the clustered primary key.
    Common(&'a IndexInfo),
    /// A row id that no column holds: `_tidb_rowid`.
    RowId,
}

impl TableInfo {
    /// The columns users see, in their order: public and not hidden.
    #[must_use]
    pub fn public_columns(&self) -> Vec<&ColumnInfo> {
        let mut columns: Vec<_> = self.columns.iter().filter(|c| c.is_visible()).collect();
        columns.sort_by_key(|column| column.offset);
        columns
    }

    /// The visible column of this name, in whatever case.
    #[must_use]
    pub fn find_column(&self, name: &str) -> Option<&ColumnInfo> {
        self.columns.iter().find(|column| column.is_visible() && column.name.matches(name))
    }

    /// The column of this id, hidden or not, public or not.
    #[must_use]
    pub fn find_column_by_id(&self, id: i64) -> Option<&ColumnInfo> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// Where the column of this id, hidden or not, public or not, stands in [`TableInfo::columns`].
    #[must_use]
    pub fn column_offset(&self, id: i64) -> Option<usize> {
        self.columns.iter().position(|column| column.id == id)
    }

    /// The public index of this name, in whatever case.
    #[must_use]
    pub fn find_index(&self, name: &str) -> Option<&IndexInfo> {
        self.indices.iter().find(|index| index.state.is_public() && index.name.matches(name))
    }

    /// The index of this id, public or not.
    #[must_use]
    pub fn find_index_by_id(&self, id: i64) -> Option<&IndexInfo> {
        self.indices.iter().find(|index| index.id == id)
    }

    /// The columns of an index with their descriptions, in key order. Hidden ones, which hold the
    /// expressions of an expression index, are among them.
    ///
    /// # Errors
    /// [`InconsistentTable`] if the table does not have one of them.
    pub fn index_columns<'a>(
        &'a self,
        index: &'a IndexInfo,
    ) -> Result<Vec<(&'a IndexColumn, &'a ColumnInfo)>, InconsistentTable> {
        let column_of = |column: &'a IndexColumn| {
            let info = self
                .columns
                .get(column.offset)
                .filter(|info| info.name.lower == column.name.lower)
                .or_else(|| self.columns.iter().find(|info| info.name.lower == column.name.lower));
            info.map(|info| (column, info)).ok_or_else(|| {
                self.inconsistent(Inconsistency::NoIndexColumn {
                    index: index.name.original.clone(),
                    column: column.name.original.clone(),
                    offset: column.offset,
                })
            })
        };
        index.columns.iter().map(column_of).collect()
    }

    /// What the key of a row is made of.
    ///
    /// # Errors
    /// [`InconsistentTable`] if the table says its primary key is clustered and has none.
    pub fn handle(&self) -> Result<HandleKind<'_>, InconsistentTable> {
        if self.pk_is_handle {
            let column = self.columns.iter().find(|column| column.is_primary_key());
            return column
                .map(HandleKind::Int)
                .ok_or_else(|| self.inconsistent(Inconsistency::NoHandleColumn));
        }
        if self.is_common_handle {
            return self
                .primary_index()
                .map(HandleKind::Common)
                .ok_or_else(|| self.inconsistent(Inconsistency::NoPrimaryIndex));
        }
        Ok(HandleKind::RowId)
    }

    /// The index of the primary key. There is none if the key is one clustered integer column.
    #[must_use]
    pub fn primary_index(&self) -> Option<&IndexInfo> {
        self.indices.iter().find(|index| index.primary && index.state.is_public())
    }

    /// The columns of the primary key in key order, none if the table has no primary key.
    ///
    /// # Errors
    /// [`InconsistentTable`] if the description contradicts itself.
    pub fn primary_key_columns(&self) -> Result<Vec<&ColumnInfo>, InconsistentTable> {
        if let HandleKind::Int(column) = self.handle()? {
            return Ok(vec![column]);
        }
        let Some(index) = self.primary_index() else { return Ok(Vec::new()) };
        Ok(self.index_columns(index)?.into_iter().map(|(_, column)| column).collect())
    }

    /// Ids of the columns of a common handle in key order, as `TableScan.primary_column_ids` has
    /// them; empty for other handles.
    ///
    /// # Errors
    /// [`InconsistentTable`] if the description contradicts itself.
    pub fn common_handle_column_ids(&self) -> Result<Vec<i64>, InconsistentTable> {
        let HandleKind::Common(index) = self.handle()? else { return Ok(Vec::new()) };
        Ok(self.index_columns(index)?.into_iter().map(|(_, column)| column.id).collect())
    }

    /// Ids of the columns of a common handle that the index holds as a prefix only
    /// (`TableScan.primary_prefix_column_ids`): their values are in the row.
    ///
    /// # Errors
    /// [`InconsistentTable`] if the description contradicts itself.
    pub fn common_handle_prefix_column_ids(&self) -> Result<Vec<i64>, InconsistentTable> {
        let HandleKind::Common(index) = self.handle()? else { return Ok(Vec::new()) };
        let columns = self.index_columns(index)?;
        let is_prefix = |part: &IndexColumn, column: &ColumnInfo| {
            part.length > 0 && part.length < column.field_type.flen
        };
        Ok(columns.into_iter().filter(|(p, c)| is_prefix(p, c)).map(|(_, c)| c.id).collect())
    }

    /// The table ids in the keys of its rows: its own, or its partitions'. See
    /// [`PartitionInfo::readable_definitions`](crate::model::PartitionInfo::readable_definitions).
    #[must_use]
    pub fn physical_ids(&self) -> Vec<i64> {
        match self.partition_info() {
            None => vec![self.id],
            Some(partition) => partition.readable_definitions().map(|d| d.id).collect(),
        }
    }

    /// The table's name as an error's context.
    fn inconsistent(&self, reason: Inconsistency) -> InconsistentTable {
        InconsistentTable { table: self.name.original.clone(), table_id: self.id, reason }
    }

    /// Checks what every reader relies on: the handle exists, the columns of every index exist,
    /// and no two visible columns have one name.
    ///
    /// # Errors
    /// [`InconsistentTable`] with the first contradiction.
    pub fn check_consistent(&self) -> Result<(), InconsistentTable> {
        self.handle()?;
        for index in &self.indices {
            self.index_columns(index)?;
        }
        let mut names: Vec<_> =
            self.public_columns().iter().map(|c| c.name.lower.as_str()).collect();
        names.sort_unstable();
        let twice = names.iter().zip(names.iter().skip(1)).find(|(a, b)| a == b);
        match twice {
            None => Ok(()),
            Some((name, _)) => {
                let column = (*name).to_owned();
                Err(self.inconsistent(Inconsistency::DuplicateColumn { column }))
            }
        }
    }
}

impl ColumnInfo {
    /// Whether it is the made-up column of the row id.
    #[must_use]
    pub fn is_extra_handle(&self) -> bool {
        self.id == EXTRA_HANDLE_ID
    }
}
