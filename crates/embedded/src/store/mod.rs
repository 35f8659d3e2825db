//! A store: checks who is asked for what, as TiKV's raftstore does, then reads or writes the data.

mod check;
mod command;
mod effects;
mod exchange;
mod forward;
mod lock_wait;
mod region_error;
mod service;
mod tiflash;

use std::sync::Arc;

use crate::state::State;

/// The service of one store; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct StoreService {
    id: u64,
    tiflash: bool,
    state: Arc<State>,
}

impl StoreService {
    /// The service of store `id`; a TiFlash store answers only what TiFlash answers.
    pub(crate) fn new(id: u64, tiflash: bool, state: Arc<State>) -> Self {
        Self { id, tiflash, state }
    }
}
