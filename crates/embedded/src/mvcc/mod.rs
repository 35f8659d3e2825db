//! Locks, versions and the transaction commands that change them, by TiKV's rules.

mod rows;

#[expect(unused_imports, reason = "the coprocessor reads through it")]
pub(crate) use rows::{Blocked, Rows};
