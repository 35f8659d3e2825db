//! One plan over many regions of a store, as TiFlash answers it.

mod elsewhere;

use tifusion_proto::{coprocessor, kvrpcpb, metapb};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Code, Request, Response, Status};

use super::StoreService;
use super::check::{Access, View};
use super::command::{Command as _, evaluate, touched};
use super::effects::{BatchEnd, Told};
use crate::fault::{Rpc, UnderWay};
use crate::net::{self, Connection};

type Answer = Result<coprocessor::BatchResponse, Status>;

impl StoreService {
    /// First the regions that are not here as they are asked for, then the rows of all, those included: the store reads
    /// them elsewhere, and gets past locks.
    pub(super) async fn batch(
        &self,
        request: Request<coprocessor::BatchRequest>,
    ) -> Result<Response<BoxStream<coprocessor::BatchResponse>>, Status> {
        if !self.tiflash {
            return Err(Status::unimplemented("only TiFlash answers for several regions"));
        }
        let connection = net::connection(&request);
        let request = request.into_inner();
        let under_way = self.state.faults.begin(Rpc::BatchCoprocessor);
        let context = context_of(&request);
        let regions = regions_of(&request);
        let ranges: Vec<_> = regions.iter().flat_map(|region| region.ranges.clone()).collect();
        let (rpc, keys) = (Rpc::BatchCoprocessor, touched(&ranges));
        let told = self.effects(rpc, &context, &keys, connection.as_ref()).await?;
        let (sender, answers) = mpsc::channel(1);
        let batch = Batch {
            store: self.clone(),
            regions,
            request,
            context,
            told,
            connection,
            sender,
            _under_way: under_way,
        };
        tokio::spawn(batch.answer());
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    /// Whether the store has the region as it is asked for: its replicas have no leader.
    fn has(&self, region: &coprocessor::RegionInfo, context: &kvrpcpb::Context) -> Option<View> {
        let peer = self.state.topology.lock().region(region.region_id)?.peer_on(self.id)?;
        let context = kvrpcpb::Context {
            region_id: region.region_id,
            region_epoch: region.region_epoch,
            peer: Some(peer),
            ..context.clone()
        };
        self.check(&context, Access::Read(None), &touched(&region.ranges)).ok()
    }
}

/// The context, with the region that rules know the call by: the first one.
fn context_of(request: &coprocessor::BatchRequest) -> kvrpcpb::Context {
    let context = request.context.clone().unwrap_or_default();
    let first = regions_of(request).into_iter().next();
    kvrpcpb::Context { region_id: first.map_or(0, |region| region.region_id), ..context }
}

fn regions_of(request: &coprocessor::BatchRequest) -> Vec<coprocessor::RegionInfo> {
    let in_tables = request.table_regions.iter().flat_map(|table| &table.regions);
    request.regions.iter().chain(in_tables).cloned().collect()
}

/// A batch that is answered.
struct Batch {
    store: StoreService,
    request: coprocessor::BatchRequest,
    regions: Vec<coprocessor::RegionInfo>,
    context: kvrpcpb::Context,
    told: Told,
    connection: Option<Connection>,
    sender: mpsc::Sender<Answer>,
    _under_way: UnderWay,
}

/// Where a region's rows are read.
#[derive(Debug, Clone)]
enum Place {
    Here(View),
    Elsewhere,
}

impl Batch {
    /// Answers until all is said, or nobody listens any more.
    async fn answer(self) {
        if self.told.lose {
            let lost = net::reset(self.connection.as_ref());
            let _ = self.sender.send(Err(lost)).await;
            return;
        }
        let places = self.places();
        let is_stale = |place: &Place| matches!(place, Place::Elsewhere);
        let stale: Vec<_> = self
            .regions
            .iter()
            .zip(&places)
            .filter(|(_, place)| is_stale(place))
            .map(|(region, _)| metapb::Region {
                id: region.region_id,
                region_epoch: region.region_epoch,
                ..metapb::Region::default()
            })
            .collect();
        if !stale.is_empty() {
            let answer = coprocessor::BatchResponse { retry_regions: stale, ..Default::default() };
            if self.sender.send(Ok(answer)).await.is_err() {
                return;
            }
        }
        for (at, place) in places.into_iter().enumerate() {
            if self.has_ended(at).await {
                return;
            }
            let said = match self.one(at, place).await {
                Ok(answer) => self.sender.send(Ok(answer)).await,
                Err(error) => return self.fail(error).await,
            };
            if said.is_err() {
                return;
            }
        }
        self.has_ended(usize::MAX).await;
    }

    /// A region error that rules ask for is one of the first region.
    fn places(&self) -> Vec<Place> {
        let refused = self.told.refusal.is_some();
        let place = |(at, region): (usize, &coprocessor::RegionInfo)| {
            let view = self.store.has(region, &self.context).filter(|_| at > 0 || !refused);
            view.map_or(Place::Elsewhere, Place::Here)
        };
        self.regions.iter().enumerate().map(place).collect()
    }

    /// Whether rules end it after so many regions.
    async fn has_ended(&self, regions: usize) -> bool {
        match &self.told.batch_end {
            Some(BatchEnd::Break(after)) if *after <= regions => {
                let broken = net::reset(self.connection.as_ref());
                let _ = self.sender.send(Err(broken)).await;
                true
            }
            Some(BatchEnd::Error(after, text)) if *after <= regions => {
                self.fail(text.clone()).await;
                true
            }
            _ => false,
        }
    }

    /// TiFlash says it twice.
    async fn fail(&self, text: String) {
        let answer = coprocessor::BatchResponse { other_error: text.clone(), ..Default::default() };
        if self.sender.send(Ok(answer)).await.is_ok() {
            let _ = self.sender.send(Err(Status::new(Code::Internal, text))).await;
        }
    }

    /// The rows of the region at this place among those asked for.
    async fn one(&self, at: usize, place: Place) -> Result<coprocessor::BatchResponse, String> {
        let region = self.regions.get(at).cloned().unwrap_or_default();
        let alone = coprocessor::Request {
            context: Some(self.context.clone()),
            tp: self.request.tp,
            data: self.request.data.clone().into(),
            ranges: region.ranges,
            start_ts: self.request.start_ts,
            schema_ver: self.request.schema_ver,
            ..coprocessor::Request::default()
        };
        let damage = self.told.damage.filter(|_| at == 0);
        let state = std::sync::Arc::clone(&self.store.state);
        let work = move || {
            let here = match place {
                Place::Here(view) => Some(evaluate(&alone, &state, &view)),
                Place::Elsewhere => None,
            };
            let mut answer = match here.filter(|answer| answer.locked.is_none()) {
                Some(answer) => answer,
                None => elsewhere::read(alone, &state)?,
            };
            if let Some(damage) = damage {
                coprocessor::Request::damage(&mut answer, damage);
            }
            match answer.other_error.is_empty() {
                true => Ok(coprocessor::BatchResponse { data: answer.data, ..Default::default() }),
                false => Err(answer.other_error),
            }
        };
        let worked = tokio::task::spawn_blocking(work).await;
        worked.unwrap_or_else(|error| Err(format!("the region was not read: {error}")))
    }
}
