//! States and kinds that TiDB stores as small numbers.

use super::go_json::go_enum;

go_enum! {
    /// How far a database, table, column, index or partition is through a schema change.
    pub enum SchemaState: u8 {
        /// Absent.
        None = 0, "none";
        /// Only deletes touch it.
        DeleteOnly = 1, "delete only";
        /// Writes keep it up to date, reads do not see it.
        WriteOnly = 2, "write only";
        /// Being filled after [`SchemaState::WriteOnly`].
        WriteReorganization = 3, "write reorganization";
        /// Being emptied after [`SchemaState::DeleteOnly`].
        DeleteReorganization = 4, "delete reorganization";
        /// Readable and writable.
        Public = 5, "public";
        /// Waits for TiFlash.
        ReplicaOnly = 6, "replica only";
        /// Only global transactions may use it.
        GlobalTxnOnly = 7, "global txn only";
    }
}

impl SchemaState {
    /// Whether reads see it.
    #[must_use]
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Public)
    }
}

go_enum! {
    /// Whether a table is temporary, and for whom.
    pub enum TempTableType: u8 {
        /// A normal table.
        None = 0, "";
        /// One definition for all, each session its own rows, never in the store.
        Global = 1, "global";
        /// Seen by one session only.
        Local = 2, "local";
    }
}

go_enum! {
    /// Whether TiDB servers keep the table in their memory (`ALTER TABLE … CACHE`).
    pub enum TableCacheStatus: i64 {
        /// Not cached.
        Disable = 0, "disable";
        /// Cached: writers must take the table's lease first.
        Enable = 1, "enable";
        /// On its way from one to the other.
        Switching = 2, "switching";
    }
}

go_enum! {
    /// Whether a bulk import or a restore owns the table.
    pub enum TableMode: u8 {
        /// In normal use.
        Normal = 0, "Normal";
        /// `IMPORT INTO` fills it.
        Import = 1, "Import";
        /// A restore fills it.
        Restore = 2, "Restore";
    }
}

go_enum! {
    /// How a table is cut into partitions.
    pub enum PartitionType: i64 {
        /// Not at all; only seen while a table becomes partitioned or ceases to be.
        None = 0, "NONE";
        /// `PARTITION BY RANGE`, `RANGE COLUMNS`.
        Range = 1, "RANGE";
        /// `PARTITION BY HASH`.
        Hash = 2, "HASH";
        /// `PARTITION BY LIST`, `LIST COLUMNS`.
        List = 3, "LIST";
        /// `PARTITION BY KEY`.
        Key = 4, "KEY";
        /// `PARTITION BY SYSTEM_TIME`; no table has it.
        SystemTime = 5, "SYSTEM_TIME";
    }
}

go_enum! {
    /// The `USING` of an index. TiDB keeps every index of its own as an ordered one.
    pub enum IndexType: i64 {
        /// None given.
        Invalid = 0, "";
        /// `BTREE`.
        Btree = 1, "BTREE";
        /// `HASH`.
        Hash = 2, "HASH";
        /// `RTREE`.
        Rtree = 3, "RTREE";
        /// `HYPO`: a what-if index without entries.
        Hypo = 4, "HYPO";
        /// `VECTOR`, in TiFlash only.
        Vector = 5, "VECTOR";
        /// `INVERTED`, in TiFlash only.
        Inverted = 6, "INVERTED";
        /// `HNSW`, in TiFlash only.
        Hnsw = 7, "HNSW";
        /// `FULLTEXT`, in TiFlash only.
        Fulltext = 8, "FULLTEXT";
    }
}

go_enum! {
    /// What a foreign key does when its parent row goes or changes.
    pub enum ReferOption: i64 {
        /// None given.
        NoOption = 0, "";
        /// `RESTRICT`.
        Restrict = 1, "RESTRICT";
        /// `CASCADE`.
        Cascade = 2, "CASCADE";
        /// `SET NULL`.
        SetNull = 3, "SET NULL";
        /// `NO ACTION`.
        NoAction = 4, "NO ACTION";
        /// `SET DEFAULT`.
        SetDefault = 5, "SET DEFAULT";
    }
}

go_enum! {
    /// A view's `ALGORITHM`.
    pub enum ViewAlgorithm: i64 {
        /// `UNDEFINED`.
        Undefined = 0, "UNDEFINED";
        /// `MERGE`.
        Merge = 1, "MERGE";
        /// `TEMPTABLE`.
        Temptable = 2, "TEMPTABLE";
    }
}

go_enum! {
    /// A view's `SQL SECURITY`.
    pub enum ViewSecurity: i64 {
        /// `DEFINER`.
        Definer = 0, "DEFINER";
        /// `INVOKER`.
        Invoker = 1, "INVOKER";
    }
}

go_enum! {
    /// A view's `WITH CHECK OPTION`.
    pub enum ViewCheckOption: i64 {
        /// `LOCAL`.
        Local = 0, "LOCAL";
        /// `CASCADED`.
        Cascaded = 1, "CASCADED";
    }
}
