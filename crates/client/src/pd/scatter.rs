//! Spreading regions over the stores.

use tifusion_proto::pdpb;

use super::call::Call;
use super::failure::Failure;

/// How often PD tries a region that it cannot schedule at once (the figure of TiDB's client).
const RETRY_LIMIT: u64 = 3;

/// What PD calls the operator.
const OPERATOR: &[u8] = b"scatter-region";

/// Asks for regions to be spread; the share that was taken on, in percent.
pub(super) async fn scatter(call: &Call, ids: &[u64], group: &str) -> Result<u64, Failure> {
    let message = pdpb::ScatterRegionRequest {
        header: call.header(),
        regions_id: ids.to_vec(),
        group: group.to_owned(),
        retry_limit: RETRY_LIMIT,
        ..pdpb::ScatterRegionRequest::default()
    };
    let mut client = call.client()?;
    let answer = client.scatter_region(call.request(message));
    Ok(call.answer(answer, |answer| answer.header.as_ref()).await?.finished_percentage)
}

/// Whether a region is still on its way.
pub(super) async fn is_scattering(call: &Call, id: u64) -> Result<bool, Failure> {
    let message = pdpb::GetOperatorRequest { header: call.header(), region_id: id };
    let mut client = call.client()?;
    let answer = client.get_operator(call.request(message));
    let answer = call.headless(answer).await?;
    // An error in the header says that there is no operator for the region.
    let is_ok = answer.header.as_ref().is_some_and(|header| header.error.is_none());
    Ok(is_ok && answer.desc == OPERATOR && answer.status() == pdpb::OperatorStatus::Running)
}
