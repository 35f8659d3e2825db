//! PD's etcd: of all that TiDB keeps there, who leads the auto id service.

use tifusion_proto::etcdserverpb::kv_server::Kv;
use tifusion_proto::etcdserverpb::{RangeRequest, RangeResponse};
use tifusion_proto::mvccpb::KeyValue;
use tonic::{Request, Response};

use super::{Answer, PdService};
use crate::fault::Rpc;
use crate::net::{connection, reset};

/// The key of the one candidate.
const LEADER: &[u8] = b"tidb/autoid/leader/1";

/// The end of a range that has none.
const NO_END: &[u8] = b"\0";

#[tonic::async_trait]
impl Kv for PdService {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let told = self.faults(Rpc::PdOther, &request).await?;
        let connection = connection(&request);
        let leads = is_asked_for(&request.into_inner(), LEADER).then(|| KeyValue {
            key: LEADER.to_vec(),
            create_revision: 1,
            mod_revision: 1,
            version: 1,
            value: self.address().into(),
        });
        if told.lose {
            return Err(reset(connection.as_ref()));
        }
        let count = leads.iter().len().try_into().unwrap_or_default();
        Ok(Response::new(RangeResponse { kvs: leads.into_iter().collect(), more: false, count }))
    }
}

fn is_asked_for(request: &RangeRequest, key: &[u8]) -> bool {
    match request.range_end.as_slice() {
        [] => request.key == key,
        NO_END => request.key.as_slice() <= key,
        end => request.key.as_slice() <= key && key < end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_keys_from_its_start_up_to_its_end() {
        let asked = |key: &str, end: &[u8]| {
            let (key, range_end) = (key.into(), end.to_vec());
            is_asked_for(&RangeRequest { key, range_end, ..RangeRequest::default() }, b"b/1")
        };
        assert!(
            asked("b/1", b"") && asked("b/", b"b0") && asked("b/1", b"b/10") && asked("a", b"\0")
        );
        assert!(
            !asked("b/", b"") && !asked("b/", b"b/1") && !asked("b/2", b"c") && !asked("c", b"\0")
        );
    }
}
