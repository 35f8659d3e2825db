//! One plan over many regions of a store, as TiFlash answers it.

use tifusion_proto::{coprocessor, kvrpcpb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::StoreService;
use super::check::{Access, Touched, View};
use super::command::{evaluate, touched};
use crate::fault::Rpc;
use crate::net;

impl StoreService {
    /// One answer per region, then one with the regions that are to be asked for anew. A lock or an error
    /// ends it.
    pub(super) async fn batch(
        &self,
        request: Request<coprocessor::BatchRequest>,
    ) -> Result<Response<BoxStream<coprocessor::BatchResponse>>, Status> {
        let connection = net::connection(&request);
        let request = request.into_inner();
        let context = request.context.clone().unwrap_or_default();
        let told =
            self.effects(Rpc::BatchCoprocessor, &context, &Touched::Region, connection.as_ref());
        let told = told.await?;
        if let Some(error) = told.refusal {
            return Ok(stream(vec![other_error(error.message)]));
        }
        let service = self.clone();
        let answers =
            tokio::task::spawn_blocking(move || service.batch_answers(&request, &context));
        let answers = answers.await.map_err(|error| Status::internal(error.to_string()))?;
        if told.lose {
            return Err(net::reset(connection.as_ref()));
        }
        Ok(stream(answers))
    }

    fn batch_answers(
        &self,
        request: &coprocessor::BatchRequest,
        context: &kvrpcpb::Context,
    ) -> Vec<coprocessor::BatchResponse> {
        let in_tables = request.table_regions.iter().flat_map(|table| &table.regions);
        let mut answers = Vec::new();
        let mut again = coprocessor::BatchResponse::default();
        for region in request.regions.iter().chain(in_tables) {
            let keys = touched(&region.ranges);
            let view = match self.check_one(region, context, &keys) {
                Some(view) => view,
                None => {
                    again.retry_regions.push(tifusion_proto::metapb::Region {
                        id: region.region_id,
                        region_epoch: region.region_epoch,
                        ..tifusion_proto::metapb::Region::default()
                    });
                    continue;
                }
            };
            let alone = coprocessor::Request {
                context: Some(context.clone()),
                tp: request.tp,
                data: request.data.clone().into(),
                ranges: region.ranges.clone(),
                start_ts: request.start_ts,
                schema_ver: request.schema_ver,
                ..coprocessor::Request::default()
            };
            let answer = evaluate(&alone, &self.state, &view);
            if let Some(lock) = answer.locked {
                let key = tifusion_codec::key::display_key(&lock.key).to_string();
                answers.push(other_error(format!("key {key} is locked")));
                return answers;
            }
            if !answer.other_error.is_empty() {
                answers.push(other_error(answer.other_error));
                return answers;
            }
            let data = answer.data;
            answers.push(coprocessor::BatchResponse { data, ..Default::default() });
        }
        if !again.retry_regions.is_empty() {
            answers.push(again);
        }
        answers
    }

    /// TiFlash's own replicas have no leader; those of a TiKV store are asked as followers.
    fn check_one(
        &self,
        region: &coprocessor::RegionInfo,
        context: &kvrpcpb::Context,
        keys: &Touched,
    ) -> Option<View> {
        let peer = self.state.topology.lock().region(region.region_id)?.peer_on(self.id)?;
        let context = kvrpcpb::Context {
            region_id: region.region_id,
            region_epoch: region.region_epoch,
            peer: Some(peer),
            replica_read: true,
            ..context.clone()
        };
        self.check(&context, Access::Read(None), keys).ok()
    }
}

fn other_error(message: String) -> coprocessor::BatchResponse {
    coprocessor::BatchResponse { other_error: message, ..coprocessor::BatchResponse::default() }
}

fn stream<T: Send + 'static>(answers: Vec<T>) -> Response<BoxStream<T>> {
    Response::new(Box::pin(futures::stream::iter(answers.into_iter().map(Ok))))
}
