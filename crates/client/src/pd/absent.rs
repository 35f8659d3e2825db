//! PD where nobody may ask it.

use std::time::Duration;

use tifusion_proto::metapb;

use super::{PdApi, RegionInfo};
use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

/// Answers everything with an error that says why it is not asked.
#[derive(Debug)]
pub(crate) struct AbsentPd {
    why: &'static str,
}

impl AbsentPd {
    pub(crate) fn new(why: &'static str) -> Self {
        Self { why }
    }

    fn refuse<T>(&self) -> Result<T> {
        Err(ClientError::new(ErrorKind::Refused, self.why))
    }
}

#[async_trait::async_trait]
impl PdApi for AbsentPd {
    fn is_absent(&self) -> bool {
        true
    }

    async fn timestamp(&self, _bo: &mut Backoffer) -> Result<Timestamp> {
        self.refuse()
    }

    async fn region_by_key(&self, _bo: &mut Backoffer, _key: &[u8]) -> Result<Option<RegionInfo>> {
        self.refuse()
    }

    async fn region_by_id(&self, _bo: &mut Backoffer, _id: u64) -> Result<Option<RegionInfo>> {
        self.refuse()
    }

    async fn scan_regions(
        &self,
        _bo: &mut Backoffer,
        _start: &[u8],
        _end: &[u8],
        _limit: u32,
    ) -> Result<Vec<RegionInfo>> {
        self.refuse()
    }

    async fn store(&self, _bo: &mut Backoffer, _id: u64) -> Result<Option<metapb::Store>> {
        self.refuse()
    }

    async fn stores(&self, _bo: &mut Backoffer) -> Result<Vec<metapb::Store>> {
        self.refuse()
    }

    async fn txn_safe_point(&self, _bo: &mut Backoffer) -> Result<Timestamp> {
        self.refuse()
    }

    async fn hold_gc(
        &self,
        _bo: &mut Backoffer,
        _name: &str,
        _ts: Timestamp,
        _ttl: Duration,
    ) -> Result<()> {
        self.refuse()
    }

    fn cluster_id(&self) -> u64 {
        0
    }
}
