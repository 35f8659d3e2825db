//! TiDB's SQL port: what has to go through a TiDB server rather than to the stores.
//!
//! [`SqlPort`] is the way there, lazy and shared by the sessions of a process. A [`SqlSession`] is one
//! connection for a while: it runs statements ([`SqlSession::query`], [`SqlSession::execute`]), or turns into
//! a [`SqlTransaction`], which is whole or absent, or into a [`SqlReading`], whose rows come one after
//! another. Statements that run when their caller stops waiting are killed.
//!
//! No statement is ever run twice: what became of one whose answer was lost is said by the error.

mod error;
mod options;
mod port;
mod reading;
mod rows;
mod session;
mod sql_mode;
pub(crate) mod text;
mod tls;
mod transaction;

pub(crate) use error::too_large;
pub(crate) use port::SqlPort;
pub(crate) use reading::SqlReading;
pub(crate) use rows::SqlRows;
pub(crate) use session::{SessionOptions, SqlSession};
pub(crate) use sql_mode::SqlMode;
pub(crate) use transaction::SqlTransaction;

#[cfg(test)]
mod tests;
