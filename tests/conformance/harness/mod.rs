//! Scripts of requests, what two clusters answer to them, and how the answers compare.

pub(crate) mod compare;
pub(crate) mod differences;
pub(crate) mod golden;
pub(crate) mod group;
pub(crate) mod names;
pub(crate) mod recorded;
pub(crate) mod reflect;
pub(crate) mod requests;
pub(crate) mod script;
pub(crate) mod side;
pub(crate) mod transcript;
