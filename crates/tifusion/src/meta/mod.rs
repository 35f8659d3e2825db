//! TiDB's metadata as of one timestamp, read from TiKV.
//!
//! Finding a name among ten thousand tables means reading every table of its database once, so
//! names are kept ([`names`]), on disk too when asked to ([`disk`]), and brought up to date by the
//! schema's diffs ([`version`], [`advance`]). A [`View`] is names and a timestamp that belong
//! together; [`MetaStore::view`] makes one and costs one timestamp and one read when nothing
//! changed; [`MetaStore::seen`] and [`MetaStore::view_ahead`] are for statements that are planned while they are looked at. Whole tables are read one by one, and kept too ([`tables`]).

mod advance;
mod disk;
mod names;
mod outlook;
mod reader;
mod sql;
mod store;
mod tables;
mod version;

pub(crate) use disk::DiskCache;
pub(crate) use names::Names;
pub(crate) use outlook::AskedTimestamp;
pub(crate) use reader::{ClusterReader, MetaReader, ReadAt};
pub(crate) use sql::SqlReader;
pub(crate) use store::{MetaStore, Need, View};

/// The database of TiDB's own tables.
pub(crate) const SYSTEM_DATABASE: &str = "mysql";

#[cfg(test)]
pub(crate) mod fake;
