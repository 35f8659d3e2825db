//! TiDB's auto id service: one of its servers hands out the ids of tables with `AUTO_ID_CACHE 1`, so that they
//! count without gaps over all of them.
//!
//! Which server it is, an election in PD's etcd tells. It holds ids in its memory, so nobody may take them from
//! the metadata beside it. What a request whose answer was lost has taken is lost: no id is given twice.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tifusion_proto::autoid::auto_id_alloc_client::AutoIdAllocClient;
use tifusion_proto::autoid::{AutoIdRequest, RebaseRequest};

use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::options::AddressMap;
use crate::pd::PdApi;
use crate::transport::{Channels, Limit, StatusCode, TransportError};

/// What the keys of the election's candidates begin with.
const ELECTION: &str = "tidb/autoid/leader/";

/// The keyspace of clusters without keyspaces.
const NO_KEYSPACE: u32 = u32::MAX;

/// How long a leader is looked for: one that died leads for ten seconds more.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A table whose ids come from the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoIdTable {
    /// Its database.
    pub db_id: i64,
    /// The table.
    pub table_id: i64,
    /// Whether its ids are unsigned, so that great ones look negative.
    pub is_unsigned: bool,
}

/// The way to the service.
pub struct AutoIdService {
    pd: Arc<dyn PdApi>,
    channels: Option<Arc<Channels>>,
    address_map: Option<Arc<dyn AddressMap>>,
    timeout: Duration,
    /// Where the leader is, as far as is known.
    leader: Mutex<Option<Arc<str>>>,
}

/// A request to the service.
enum Ask {
    Take(AutoIdRequest),
    Rebase(RebaseRequest),
}

/// Its answer.
struct Answer {
    min: i64,
    max: i64,
    error: Vec<u8>,
}

impl AutoIdService {
    /// The service of the cluster of `pd`, over `channels`; without them it can't be reached.
    pub(crate) fn new(
        pd: Arc<dyn PdApi>,
        channels: Option<Arc<Channels>>,
        address_map: Option<Arc<dyn AddressMap>>,
        timeout: Duration,
    ) -> Self {
        Self { pd, channels, address_map, timeout, leader: Mutex::default() }
    }

    /// Takes `count` ids of a table that follow one another: those behind the first number up to and with the
    /// second.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::DeadlineExceeded`] when there is no leader, or it does not answer
    /// within `bo`'s budget; [`ErrorKind::Refused`] when it has no more.
    pub async fn take(
        &self,
        bo: &mut Backoffer,
        table: AutoIdTable,
        count: u64,
    ) -> Result<(i64, i64)> {
        let ask = Ask::Take(AutoIdRequest {
            db_id: table.db_id,
            tbl_id: table.table_id,
            is_unsigned: table.is_unsigned,
            n: count,
            increment: 1,
            offset: 1,
            keyspace_id: NO_KEYSPACE,
        });
        let answer = self.call(bo, &ask).await?;
        Ok((answer.min, answer.max))
    }

    /// Sees to it that no id up to and with `base` is given afterwards.
    ///
    /// # Errors
    /// As [`AutoIdService::take`].
    pub async fn rebase(&self, bo: &mut Backoffer, table: AutoIdTable, base: i64) -> Result<()> {
        let ask = Ask::Rebase(RebaseRequest {
            db_id: table.db_id,
            tbl_id: table.table_id,
            is_unsigned: table.is_unsigned,
            base,
            force: false,
        });
        self.call(bo, &ask).await.map(|_| ())
    }

    /// Asks the leader until it answers.
    async fn call(&self, bo: &mut Backoffer, ask: &Ask) -> Result<Answer> {
        let channels = self.channels.as_ref().ok_or_else(|| {
            ClientError::new(
                ErrorKind::Refused,
                "this client has no way to TiDB's auto id service: it was made of parts",
            )
        })?;
        loop {
            bo.check_deadline()?;
            let Some(address) = self.leader(bo).await? else {
                bo.backoff(BackoffKind::PdRpc, nobody()).await?;
                continue;
            };
            let began = bo.clock().now();
            match self.ask(bo, channels, &address, ask).await {
                Ok(answer) if answer.error.is_empty() => return Ok(answer),
                Ok(answer) => return Err(refused(&address, &answer.error)),
                Err(error) => {
                    self.forget(&address);
                    bo.charge(bo.clock().now().saturating_duration_since(began));
                    let cause = unreachable(&address, &error);
                    if is_final(&error) {
                        return Err(cause);
                    }
                    bo.backoff(BackoffKind::PdRpc, cause).await?;
                }
            }
        }
    }

    async fn ask(
        &self,
        bo: &Backoffer,
        channels: &Channels,
        address: &str,
        ask: &Ask,
    ) -> Result<Answer, TransportError> {
        let clock = Arc::clone(bo.clock());
        let limit = Limit::new(&*clock, address, bo.bounded_timeout(self.timeout));
        let mut client = AutoIdAllocClient::new(channels.get(address)?);
        Ok(match ask {
            Ask::Take(request) => {
                let answer = client.alloc_auto_id(limit.request(*request));
                let answer = limit.run(answer).await?;
                Answer { min: answer.min, max: answer.max, error: answer.errmsg }
            }
            Ask::Rebase(request) => {
                let answer = limit.run(client.rebase(limit.request(*request))).await?;
                Answer { min: 0, max: 0, error: answer.errmsg }
            }
        })
    }

    /// Where the leader is, as reached from here; `None` while there is none.
    async fn leader(&self, bo: &mut Backoffer) -> Result<Option<Arc<str>>> {
        if let Some(known) = &*self.leader.lock() {
            return Ok(Some(Arc::clone(known)));
        }
        let told = self.pd.elected(bo, ELECTION).await.map_err(not_found)?;
        let Some(told) = told else { return Ok(None) };
        let told = String::from_utf8_lossy(&told).into_owned();
        let mapped = self.address_map.as_ref().and_then(|map| map.map(&told));
        let address: Arc<str> = mapped.unwrap_or(told).into();
        *self.leader.lock() = Some(Arc::clone(&address));
        Ok(Some(address))
    }

    /// Forgets a leader that did not answer, or does not lead.
    fn forget(&self, address: &str) {
        let mut leader = self.leader.lock();
        if leader.as_deref() == Some(address) {
            *leader = None;
        }
    }
}

impl fmt::Debug for AutoIdService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoIdService").field("leader", &self.leader.lock()).finish_non_exhaustive()
    }
}

/// Whether the same would come of another try.
fn is_final(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::Security { .. }
            | TransportError::Status {
                code: StatusCode::PermissionDenied | StatusCode::Unimplemented,
                ..
            }
    )
}

fn not_found(error: ClientError) -> ClientError {
    let message =
        format!("TiDB's auto id service can't be found in PD's etcd: {}", error.message());
    ClientError::new(error.kind(), message).with_context(error.context().clone()).with_source(error)
}

fn nobody() -> ClientError {
    ClientError::new(
        ErrorKind::Unavailable,
        "no TiDB server leads the auto id service, which gives the ids of tables with AUTO_ID_CACHE 1: is one \
         running?",
    )
}

fn unreachable(address: &str, error: &TransportError) -> ClientError {
    let kind = match error {
        TransportError::Security { .. }
        | TransportError::Status { code: StatusCode::PermissionDenied, .. } => ErrorKind::Security,
        TransportError::Status { code: StatusCode::Unimplemented, .. } => ErrorKind::Protocol,
        _ => ErrorKind::Unavailable,
    };
    ClientError::new(
        kind,
        format!("TiDB's auto id service, at the status port of one of its servers: {error}"),
    )
    .with_address(address)
    .with_source(error.clone())
}

fn refused(address: &str, why: &[u8]) -> ClientError {
    let why = String::from_utf8_lossy(why);
    ClientError::new(ErrorKind::Refused, format!("TiDB's auto id service: {why}"))
        .with_address(address)
}

#[cfg(test)]
#[path = "auto_id_tests.rs"]
mod tests;
