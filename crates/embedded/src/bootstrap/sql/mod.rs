//! The statements that set up a cluster: `CREATE DATABASE`, `CREATE TABLE`, `USE`, `INSERT` of literals, as
//! TiDB knows them.
//!
//! `sqlparser`'s tokenizer reads MySQL's lexical rules; the grammar is here, since its own lacks what
//! TiDB adds (clustered keys, `AUTO_RANDOM`, global indexes) and MySQL's partitions. Whatever is not known is
//! refused by name, never skipped.

mod ast;
mod column;
mod comments;
mod cursor;
mod data_type;
mod insert;
mod key;
mod literal;
mod option;
mod partition;
mod statement;

pub(super) use ast::{
    AutoRandom, ColumnDef, CreateDatabase, CreateTable, DefaultDef, Insert, KeyDef, KeyKind,
    KeyPart, PartitionDef, PartitionMethod, PartitionOf, Statement, TableName, TableOptions,
    TypeDef, Value,
};
pub(super) use statement::parse;

#[cfg(test)]
mod tests;
