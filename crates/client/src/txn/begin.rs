//! Beginning a transaction, and taking part in one.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::core::{Birth, Core};
use super::coverage::Coverage;
use super::engine::Engine;
use super::options::TxnOptions;
use super::participant::Participant;
use super::transaction::Transaction;
use crate::background::current_runtime;
use crate::client::Client;
use crate::error::{ClientError, ErrorKind, Result};
use crate::lock::LockStats;
use crate::sender::SendOptions;

impl Client {
    /// Begins a transaction. Nothing is sent to a store before the first
    /// [`prewrite`](Transaction::prewrite). Must be called within a Tokio runtime, where what the
    /// transaction leaves behind is cleaned up.
    ///
    /// # Errors
    /// When PD cannot be reached within the budget, or [`ErrorKind::InvalidInput`] for a `start_ts` in
    /// the future or a lifetime that is over already.
    pub async fn begin(&self, options: TxnOptions) -> Result<Transaction> {
        Ok(Transaction::new(Arc::new(self.txn_core(options, None).await?)))
    }

    /// Takes part in a transaction that another process has begun, and has prewritten this primary of:
    /// `options` has its `start_ts`. As [`Client::begin`], it must be called within a Tokio runtime.
    ///
    /// # Errors
    /// As [`Client::begin`], and [`ErrorKind::InvalidInput`] without a `start_ts` or a primary.
    pub async fn take_part(&self, options: TxnOptions, primary: Vec<u8>) -> Result<Participant> {
        if options.start_ts.is_none() || primary.is_empty() {
            let message = "who takes part in a transaction must know its start and its primary";
            return Err(ClientError::new(ErrorKind::InvalidInput, message));
        }
        // Ranges alone: they are for whoever commits.
        let options = TxnOptions { max_keys: 0, ..options };
        Ok(Participant::new(Arc::new(self.txn_core(options, Some(primary)).await?)))
    }

    /// What a transaction is run with; the primary of one that is another process's.
    async fn txn_core(&self, options: TxnOptions, primary: Option<Vec<u8>>) -> Result<Core> {
        let now = self.timestamp_by(options.deadline).await?;
        let start_ts = options.start_ts.unwrap_or(now);
        if start_ts > now {
            return Err(ClientError::new(
                ErrorKind::InvalidInput,
                format!("a transaction cannot start at {start_ts}, it is {now} only"),
            ));
        }
        let age = now.saturating_since(start_ts);
        if age >= options.max_lifetime {
            return Err(ClientError::new(
                ErrorKind::InvalidInput,
                format!("a transaction of {start_ts} would be {age:?} old when it begins"),
            ));
        }
        let birth = Birth { at: self.clock().now(), age };
        let mut send = SendOptions::new(self.options().request_timeout);
        send.priority = options.priority;
        send.label.clone_from(&options.label);
        let engine = Engine::new(start_ts, options.lock_ttl, options.max_lifetime);
        let engine = match &primary {
            Some(primary) => engine.of_another(primary),
            None => engine,
        };
        Ok(Core {
            client: self.clone(),
            send,
            start_ts,
            birth,
            is_of_another: primary.is_some(),
            engine: Mutex::new(engine),
            coverage: Mutex::new(Coverage::new(options.max_keys, options.max_key_bytes)),
            progress: Arc::default(),
            lock_stats: LockStats::default(),
            runtime: current_runtime()?,
            options: TxnOptions {
                query: Some(options.query.unwrap_or_else(|| self.query_id())),
                concurrency: options.concurrency.max(1),
                lock_ttl: options.lock_ttl.max(Duration::from_secs(1)),
                ..options
            },
        })
    }
}
