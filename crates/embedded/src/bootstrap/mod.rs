//! Tables from MySQL's `CREATE TABLE` text, written as TiDB writes its metadata, and rows loaded into them.
