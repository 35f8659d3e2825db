//! Requests that a store passes on to another, as TiKV does.

use std::borrow::Cow;

use tonic::Status;
use tonic::metadata::MetadataMap;

use super::StoreService;
use crate::topology::StoreState;

/// Names the store that a request is for.
const FORWARDED: &str = "tikv-forwarded-host";

impl StoreService {
    /// The store that a request is for: this one, unless it says otherwise. All stores share their data, so
    /// passing a request on is answering in the other's name, as long as that lives.
    pub(super) fn addressee(&self, metadata: &MetadataMap) -> Result<Cow<'_, Self>, Status> {
        let Some(address) = metadata.get(FORWARDED).and_then(|value| value.to_str().ok()) else {
            return Ok(Cow::Borrowed(self));
        };
        let topology = self.state.topology.lock();
        let target = topology.stores().find(|store| store.meta.address == address && store.alive);
        let target = target.ok_or_else(|| Status::unavailable(format!("no store at {address}")))?;
        let (id, tiflash) = (target.meta.id, StoreState::is_tiflash(target));
        Ok(Cow::Owned(Self::new(id, tiflash, std::sync::Arc::clone(&self.state))))
    }
}
