//! TLS with PD and the stores: from the files of the options to what connections are made with.

mod explain;
mod files;
pub mod keystore;
mod state;

pub(crate) use explain::TlsFailed;
pub(crate) use state::{Current, Tls};
#[cfg(test)]
pub(crate) mod testing;
