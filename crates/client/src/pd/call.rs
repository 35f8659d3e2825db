//! One request to PD's leader.

use std::sync::Arc;
use std::time::Duration;

use tifusion_proto::pdpb;
use tifusion_proto::pdpb::pd_client::PdClient as GrpcPd;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::failure::{Failure, check_header};
use super::members::{Leader, Members};
use crate::clock::Clock;
use crate::metrics;
use crate::transport::Limit;

/// One try at one leader.
pub(super) struct Call {
    pub(super) members: Arc<Members>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) leader: Leader,
    /// For one round-trip.
    pub(super) timeout: Duration,
    /// For a place in line behind another's round-trip, and one's own.
    pub(super) patience: Duration,
}

impl Call {
    /// A client of the leader.
    pub(super) fn client(&self) -> Result<GrpcPd<Channel>, Failure> {
        self.members.client(&self.leader.address)
    }

    /// A connection to the leader, for other services on the same port.
    pub(super) fn channel(&self) -> Result<Channel, Failure> {
        self.members.channel(&self.leader.address)
    }

    /// What every request carries.
    #[expect(clippy::unnecessary_wraps, reason = "the form of the messages' field")]
    pub(super) fn header(&self) -> Option<pdpb::RequestHeader> {
        Some(self.members.header())
    }

    fn limit(&self) -> Limit<'_> {
        Limit::new(&*self.clock, &self.leader.address, self.timeout)
    }

    /// The message with its time limit.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        self.limit().request(message)
    }

    /// Waits for the answer and checks its header.
    pub(super) async fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
        header: impl Fn(&T) -> Option<&pdpb::ResponseHeader>,
    ) -> Result<T, Failure> {
        let answer = self.headless(call).await?;
        check_header(header(&answer), Some(self.members.cluster_id()))
            .map_err(|failure| failure.at(&self.leader.address))?;
        Ok(answer)
    }

    /// Waits for the answer of a service whose answers have no header of PD.
    pub(super) async fn headless<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        let began = self.clock.now();
        let answer = self.limit().run(call).await;
        metrics::pd(self.clock.now().saturating_duration_since(began), answer.is_ok());
        answer.map_err(Failure::from_transport)
    }
}

/// `BatchScanRegions`, which tells buckets too.
pub(super) async fn batch_scan(
    call: &Call,
    range: pdpb::KeyRange,
    limit: i32,
) -> Result<Vec<pdpb::Region>, Failure> {
    let message = pdpb::BatchScanRegionsRequest {
        header: call.header(),
        need_buckets: true,
        ranges: vec![range],
        limit,
        contain_all_key_range: false,
    };
    let mut client = call.client()?;
    let answer = client.batch_scan_regions(call.request(message));
    Ok(call.answer(answer, |answer| answer.header.as_ref()).await?.regions)
}

/// `ScanRegions` of older PDs.
pub(super) async fn scan(
    call: &Call,
    range: pdpb::KeyRange,
    limit: i32,
) -> Result<Vec<pdpb::Region>, Failure> {
    let pdpb::KeyRange { start_key, end_key } = range;
    let message = pdpb::ScanRegionsRequest { header: call.header(), start_key, limit, end_key };
    let mut client = call.client()?;
    let answer = client.scan_regions(call.request(message));
    Ok(call.answer(answer, |answer| answer.header.as_ref()).await?.regions)
}
