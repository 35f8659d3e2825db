//! TiDB's auto id service, which gives the ids of tables with `AUTO_ID_CACHE 1`. No TiDB server is here, so PD's
//! address has it, and PD's etcd says that it leads.
//!
//! TiDB's service takes ids from the metadata by the thousand and keeps them in its memory. Here each call moves the
//! metadata's number, by which the cluster's own statements count too.

use std::sync::Arc;

use tifusion_codec::key::meta;
use tifusion_proto::autoid::auto_id_alloc_server::AutoIdAlloc;
use tifusion_proto::autoid::{AutoIdRequest, AutoIdResponse, RebaseRequest, RebaseResponse};
use tonic::{Request, Response, Status};

use super::{Answer, PdService};
use crate::catalog::{Catalog, LoadError};
use crate::fault::Rpc;
use crate::net::{connection, reset};

/// The keyspace of clusters without keyspaces.
const NO_KEYSPACE: u32 = u32::MAX;

/// The service, on PD's address.
#[derive(Debug)]
pub(crate) struct AutoIds {
    pd: Arc<PdService>,
    catalog: Arc<Catalog>,
}

/// What is asked of a number.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// To go so many ids ahead, which have their distance from one another and from 0.
    Take { count: u64, increment: i64, offset: i64 },
    /// Not to be less than this.
    Raise(i64),
    /// To be this.
    Set(i64),
}

impl Move {
    /// The number before the ids that are taken, and behind them; `None` when there are not so many.
    fn of(self, last: i64, is_unsigned: bool) -> Option<(i64, i64)> {
        let number =
            |bits: i64| if is_unsigned { bits.cast_unsigned().into() } else { i128::from(bits) };
        let most = if is_unsigned { u64::MAX.into() } else { i128::from(i64::MAX) };
        let (base, end) = match self {
            Self::Set(to) => return Some((to, to)),
            Self::Raise(to) => (number(last).max(number(to)), number(last).max(number(to))),
            Self::Take { count: 0, .. } => (number(last), number(last)),
            Self::Take { count, increment, offset } => {
                let (step, offset) = (i128::from(increment.max(1)), i128::from(offset.max(1)));
                let base = number(last).max(offset - 1);
                let first = match step {
                    1 => base + 1,
                    _ => (base + step - offset).div_euclid(step) * step + offset,
                };
                (base, first + (i128::from(count) - 1) * step)
            }
        };
        let is_taken = matches!(self, Self::Take { count: 1.., .. });
        if is_taken && end >= most {
            return None;
        }
        let bits = |number: i128| match is_unsigned {
            true => u64::try_from(number).map(u64::cast_signed),
            false => i64::try_from(number),
        };
        Some((bits(base).ok()?, bits(end).ok()?))
    }
}

impl AutoIds {
    pub(crate) fn new(pd: Arc<PdService>, catalog: Arc<Catalog>) -> Self {
        Self { pd, catalog }
    }

    /// Moves a table's number; what [`Move::of`] says of it comes back.
    async fn advance(
        &self,
        (db_id, table_id): (i64, i64),
        is_unsigned: bool,
        step: Move,
    ) -> Result<Option<(i64, i64)>, Status> {
        let key = meta::auto_increment_id_key(db_id, table_id);
        let (state, catalog) = (Arc::clone(&self.pd.state), Arc::clone(&self.catalog));
        let advance = move || {
            let next = |last| step.of(last, is_unsigned).map(|(_, end)| end);
            catalog.advance(&state, &key, next)
        };
        let advanced = tokio::task::spawn_blocking(advance).await;
        let advanced = advanced.map_err(|error| Status::internal(error.to_string()))?;
        match advanced {
            Ok(last) => Ok(step.of(last, is_unsigned)),
            // It may be out of the way the next time.
            Err(error @ LoadError::Conflict(_)) => Err(Status::unavailable(error.to_string())),
            Err(error) => Err(Status::internal(error.to_string())),
        }
    }
}

#[tonic::async_trait]
impl AutoIdAlloc for AutoIds {
    async fn alloc_auto_id(&self, request: Request<AutoIdRequest>) -> Answer<AutoIdResponse> {
        let told = self.pd.faults(Rpc::AutoId, &request).await?;
        let connection = connection(&request);
        let request = request.into_inner();
        if request.keyspace_id != NO_KEYSPACE {
            return Err(Status::unknown("not leader"));
        }
        let AutoIdRequest { n: count, increment, offset, .. } = request;
        let step = Move::Take { count, increment, offset };
        let taken =
            self.advance((request.db_id, request.tbl_id), request.is_unsigned, step).await?;
        if told.lose {
            return Err(reset(connection.as_ref()));
        }
        Ok(Response::new(match taken {
            Some((min, max)) => AutoIdResponse { min, max, errmsg: Vec::new() },
            None => AutoIdResponse { errmsg: none_left(), ..AutoIdResponse::default() },
        }))
    }

    async fn rebase(&self, request: Request<RebaseRequest>) -> Answer<RebaseResponse> {
        let told = self.pd.faults(Rpc::AutoId, &request).await?;
        let connection = connection(&request);
        let request = request.into_inner();
        let step = if request.force { Move::Set(request.base) } else { Move::Raise(request.base) };
        self.advance((request.db_id, request.tbl_id), request.is_unsigned, step).await?;
        if told.lose {
            return Err(reset(connection.as_ref()));
        }
        Ok(Response::new(RebaseResponse::default()))
    }
}

fn none_left() -> Vec<u8> {
    b"auto increment action failed: there are not so many ids left".to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(count: u64, increment: i64, offset: i64) -> Move {
        Move::Take { count, increment, offset }
    }

    #[test]
    fn ids_follow_one_another_by_their_distance() {
        for (step, last, expected) in [
            (take(3, 1, 1), 0, (0, 3)),
            (take(1, 1, 1), 7, (7, 8)),
            (take(0, 1, 1), 7, (7, 7)),
            // 5, 15 and 25; then 35.
            (take(3, 10, 5), 0, (4, 25)),
            (take(1, 10, 5), 25, (25, 35)),
            (take(2, 10, 5), 30, (30, 45)),
            (take(1, 1, 100), 7, (99, 100)),
            (Move::Raise(5), 7, (7, 7)),
            (Move::Raise(9), 7, (9, 9)),
            (Move::Raise(-9), 0, (0, 0)),
            (Move::Set(5), 7, (5, 5)),
        ] {
            assert_eq!(step.of(last, false), Some(expected), "{step:?} {last}");
        }
    }

    #[test]
    fn ids_end_before_the_last_number_of_their_type() {
        assert_eq!(take(1, 1, 1).of(i64::MAX - 2, false), Some((i64::MAX - 2, i64::MAX - 1)));
        assert_eq!(take(1, 1, 1).of(i64::MAX - 1, false), None);
        assert_eq!(take(u64::MAX, 1, 1).of(0, false), None);
        assert_eq!(take(u64::MAX, i64::MAX, i64::MAX).of(i64::MAX, true), None);
        // An unsigned one goes on, and ends later.
        assert_eq!(take(1, 1, 1).of(i64::MAX, true), Some((i64::MAX, i64::MIN)));
        assert_eq!(take(2, 1, 1).of(-4, true), Some((-4, -2)));
        assert_eq!(take(3, 1, 1).of(-4, true), None);
        assert_eq!(Move::Raise(-1).of(5, true), Some((-1, -1)));
    }
}
