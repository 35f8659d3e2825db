//! Transactions that write, by two-phase commit: whole or absent.
//!
//! An engine decides: a pure machine, events in and commands out, without clock, socket or chance.
//! [`Transaction`] carries its commands out, over the regions, retries and lock resolver of the reads.
//!
//! It is the classic protocol. Locks with the data are written on all keys (*prewrite*), the first key
//! being the *primary*; then a commit timestamp is taken; then the primary's lock is turned into a
//! commit record, which is the one step that decides; then the others follow, by whoever comes first.
//! There is no async commit and no one-phase commit here: both let a transaction commit at a timestamp
//! that nobody looked at before, and a writer without TiDB's schema lease and metadata lock has to look
//! at the tables' definitions as of exactly that timestamp ([`CommitGuard`]).
//!
//! Memory is bounded whatever the transaction's size: mutations stream through
//! [`Transaction::prewrite`], and of what was prewritten only the keys are remembered up to a bound,
//! beyond it the ranges they lie in.
//!
//! Several processes can write one transaction: that which begins it prewrites the primary, gives signs of
//! life, and commits; the others take part in it ([`Client::take_part`](crate::Client::take_part)), which is
//! prewriting alone.
//!
//! ```no_run
//! use tifusion_client::Client;
//! use tifusion_client::txn::{Mutation, NoGuard, TxnError, TxnOptions};
//!
//! # async fn example(client: Client) -> Result<(), TxnError> {
//! let mut txn = client.begin(TxnOptions::default()).await?;
//! txn.prewrite(vec![Mutation::insert(b"key".to_vec(), b"value".to_vec())]).await?;
//! let committed = txn.commit(&NoGuard).await?;
//! println!("committed at {}", committed.commit_ts);
//! # Ok(())
//! # }
//! ```

mod answers;
mod begin;
mod core;
mod coverage;
pub(crate) mod engine;
mod error;
mod finish;
mod guard;
mod heartbeat;
mod mutation;
mod options;
mod participant;
mod pieces;
mod prewrite;
mod primary;
mod progress;
mod ranges;
mod transaction;

pub use error::{RolledBackWhy, TxnError};
pub use guard::{CommitGuard, NoGuard};
pub use mutation::{Assertion, Mutation, MutationOp};
pub use options::{TxnBudgets, TxnOptions};
pub use participant::{KeySpan, Part, Participant};
pub use progress::TxnProgress;
pub use transaction::{Committed, Secondaries, Transaction};

#[cfg(test)]
mod tests;
