//! What schema changes do.

use super::go_json::go_enum;

go_enum! {
    /// What a schema change does (`ActionType` of TiDB).
    pub enum ActionType: u8 {
        /// Nothing.
        None = 0, "none";
        /// `CREATE DATABASE`.
        CreateSchema = 1, "create schema";
        /// `DROP DATABASE`.
        DropSchema = 2, "drop schema";
        /// `CREATE TABLE`.
        CreateTable = 3, "create table";
        /// `DROP TABLE`.
        DropTable = 4, "drop table";
        /// `ADD COLUMN`.
        AddColumn = 5, "add column";
        /// `DROP COLUMN`.
        DropColumn = 6, "drop column";
        /// `ADD INDEX`.
        AddIndex = 7, "add index";
        /// `DROP INDEX`.
        DropIndex = 8, "drop index";
        /// `ADD FOREIGN KEY`.
        AddForeignKey = 9, "add foreign key";
        /// `DROP FOREIGN KEY`.
        DropForeignKey = 10, "drop foreign key";
        /// `TRUNCATE TABLE`: the table gets a new id.
        TruncateTable = 11, "truncate table";
        /// `MODIFY COLUMN`.
        ModifyColumn = 12, "modify column";
        /// `AUTO_INCREMENT = n`.
        RebaseAutoId = 13, "rebase auto_increment ID";
        /// `RENAME TABLE` of one table, perhaps into another database.
        RenameTable = 14, "rename table";
        /// `ALTER COLUMN SET DEFAULT`.
        SetDefaultValue = 15, "set default value";
        /// `SHARD_ROW_ID_BITS = n`.
        ShardRowId = 16, "shard row ID";
        /// `COMMENT = …`.
        ModifyTableComment = 17, "modify table comment";
        /// `RENAME INDEX`.
        RenameIndex = 18, "rename index";
        /// `ADD PARTITION`.
        AddTablePartition = 19, "add partition";
        /// `DROP PARTITION`.
        DropTablePartition = 20, "drop partition";
        /// `CREATE VIEW`, or its replacement.
        CreateView = 21, "create view";
        /// `CONVERT TO CHARACTER SET`.
        ModifyTableCharsetAndCollate = 22, "modify table charset and collate";
        /// `TRUNCATE PARTITION`.
        TruncateTablePartition = 23, "truncate partition";
        /// `DROP VIEW`.
        DropView = 24, "drop view";
        /// `RECOVER TABLE`, `FLASHBACK TABLE`.
        RecoverTable = 25, "recover table";
        /// `ALTER DATABASE CHARACTER SET`.
        ModifySchemaCharsetAndCollate = 26, "modify schema charset and collate";
        /// `LOCK TABLES`.
        LockTable = 27, "lock table";
        /// `UNLOCK TABLES`.
        UnlockTable = 28, "unlock table";
        /// `ADMIN REPAIR TABLE`.
        RepairTable = 29, "repair table";
        /// `SET TIFLASH REPLICA`.
        SetTiFlashReplica = 30, "set tiflash replica";
        /// A TiFlash replica came or went.
        UpdateTiFlashReplicaStatus = 31, "update tiflash replica status";
        /// `ADD PRIMARY KEY`.
        AddPrimaryKey = 32, "add primary key";
        /// `DROP PRIMARY KEY`.
        DropPrimaryKey = 33, "drop primary key";
        /// `CREATE SEQUENCE`.
        CreateSequence = 34, "create sequence";
        /// `ALTER SEQUENCE`.
        AlterSequence = 35, "alter sequence";
        /// `DROP SEQUENCE`.
        DropSequence = 36, "drop sequence";
        /// Several `ADD COLUMN` of versions before 6.2.
        AddColumns = 37, "add multi-columns";
        /// Several `DROP COLUMN` of versions before 6.2.
        DropColumns = 38, "drop multi-columns";
        /// `AUTO_ID_CACHE = n`.
        ModifyTableAutoIdCache = 39, "modify auto id cache";
        /// `AUTO_RANDOM_BASE = n`.
        RebaseAutoRandomBase = 40, "rebase auto_random ID";
        /// `ALTER INDEX … INVISIBLE`.
        AlterIndexVisibility = 41, "alter index visibility";
        /// `EXCHANGE PARTITION`: a table and a partition swap their ids.
        ExchangeTablePartition = 42, "exchange partition";
        /// `ADD CHECK`.
        AddCheckConstraint = 43, "add check constraint";
        /// `DROP CHECK`.
        DropCheckConstraint = 44, "drop check constraint";
        /// `ALTER CHECK`.
        AlterCheckConstraint = 45, "alter check constraint";
        /// `ALTER PARTITION` of old versions.
        AlterTableAlterPartition = 46, "alter partition";
        /// `RENAME TABLE` of several tables.
        RenameTables = 47, "rename tables";
        /// Several `DROP INDEX` of versions before 6.2.
        DropIndexes = 48, "drop multi-indexes";
        /// `ATTRIBUTES = …`.
        AlterTableAttributes = 49, "alter table attributes";
        /// `PARTITION … ATTRIBUTES = …`.
        AlterTablePartitionAttributes = 50, "alter table partition attributes";
        /// `CREATE PLACEMENT POLICY`.
        CreatePlacementPolicy = 51, "create placement policy";
        /// `ALTER PLACEMENT POLICY`.
        AlterPlacementPolicy = 52, "alter placement policy";
        /// `DROP PLACEMENT POLICY`.
        DropPlacementPolicy = 53, "drop placement policy";
        /// `PARTITION … PLACEMENT POLICY`.
        AlterTablePartitionPlacement = 54, "alter table partition placement";
        /// `ALTER DATABASE PLACEMENT POLICY`.
        ModifySchemaDefaultPlacement = 55, "modify schema default placement";
        /// `ALTER TABLE PLACEMENT POLICY`.
        AlterTablePlacement = 56, "alter table placement";
        /// `ALTER TABLE CACHE`.
        AlterCacheTable = 57, "alter table cache";
        /// `STATS_OPTIONS = …`.
        AlterTableStatsOptions = 58, "alter table statistics options";
        /// `ALTER TABLE NOCACHE`.
        AlterNoCacheTable = 59, "alter table nocache";
        /// Many tables made at once, by a restore.
        CreateTables = 60, "create tables";
        /// One `ALTER TABLE` with several parts.
        MultiSchemaChange = 61, "alter table multi-schema change";
        /// `FLASHBACK CLUSTER`: anything may have changed.
        FlashbackCluster = 62, "flashback cluster";
        /// `FLASHBACK DATABASE`.
        RecoverSchema = 63, "flashback schema";
        /// `REORGANIZE PARTITION`.
        ReorganizePartition = 64, "alter table reorganize partition";
        /// `TTL = …`.
        AlterTtlInfo = 65, "alter table ttl";
        /// `REMOVE TTL`.
        AlterTtlRemove = 67, "alter table no_ttl";
        /// `CREATE RESOURCE GROUP`.
        CreateResourceGroup = 68, "create resource group";
        /// `ALTER RESOURCE GROUP`.
        AlterResourceGroup = 69, "alter resource group";
        /// `DROP RESOURCE GROUP`.
        DropResourceGroup = 70, "drop resource group";
        /// `ALTER TABLE … PARTITION BY`.
        AlterTablePartitioning = 71, "alter table partition by";
        /// `REMOVE PARTITIONING`.
        RemovePartitioning = 72, "alter table remove partitioning";
        /// `ADD VECTOR INDEX` and other columnar indexes.
        AddColumnarIndex = 73, "add columnar index";
        /// `ENGINE_ATTRIBUTE = …`.
        ModifyEngineAttribute = 74, "modify engine attribute";
        /// A table enters or leaves import or restore.
        AlterTableMode = 75, "alter table mode";
        /// A restore asks to read one table again.
        RefreshMeta = 76, "refresh meta";
    }
}
