//! Elections among TiDB's servers, which are held in PD's etcd: each candidate has a key, and the oldest wins.

use tifusion_proto::etcdserverpb::RangeRequest;
use tifusion_proto::etcdserverpb::kv_client::KvClient;
use tifusion_proto::etcdserverpb::range_request::{SortOrder, SortTarget};

use super::call::Call;
use super::failure::Failure;

/// The value of the oldest key with this prefix.
pub(super) async fn elected(call: &Call, prefix: &str) -> Result<Option<Vec<u8>>, Failure> {
    let message = RangeRequest {
        key: prefix.as_bytes().to_vec(),
        range_end: end_of(prefix.as_bytes()),
        limit: 1,
        sort_order: SortOrder::Ascend.into(),
        sort_target: SortTarget::Create.into(),
        serializable: false,
    };
    let mut client = KvClient::new(call.channel()?);
    let answer = call.headless(client.range(call.request(message))).await?;
    Ok(answer.kvs.into_iter().next().map(|pair| pair.value))
}

/// The first key behind all that begin with `prefix`; etcd's sign for no end where there is none.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_behind_all_keys_of_its_prefix() {
        assert_eq!(end_of(b"a/"), b"a0");
        assert_eq!(end_of(b"a\xff"), b"b");
        assert_eq!(end_of(b"\xff\xff"), b"\0");
    }
}
