//! One request and its answer: faults first, then the checks, then the work.

use std::time::Duration;

use tifusion_codec::key::region_key;
use tifusion_proto::{errorpb, kvrpcpb};
use tonic::{Request, Response, Status};

use super::StoreService;
use super::check::{Access, Checker, Touched, View};
use super::command::Command;
use super::region_error;
use crate::net::{self, Connection};
use crate::state::{State, Write};

impl StoreService {
    /// Answers a unary call.
    pub(super) async fn unary<C: Command>(
        &self,
        request: Request<C>,
    ) -> Result<Response<C::Answer>, Status> {
        let connection = net::connection(&request);
        let store = self.addressee(request.metadata())?;
        store.exchange(connection.as_ref(), request.into_inner()).await.map(Response::new)
    }

    /// Answers a command that came by this connection.
    pub(super) async fn exchange<C: Command>(
        &self,
        connection: Option<&Connection>,
        command: C,
    ) -> Result<C::Answer, Status> {
        if self.tiflash && C::RPC != crate::fault::Rpc::Coprocessor {
            return Err(Status::unimplemented("TiFlash serves the coprocessor only"));
        }
        let _under_way = self.state.faults.begin(C::RPC);
        let context = command.context().cloned().unwrap_or_default();
        let touched = command.touched();
        let told = self.effects(C::RPC, &context, &touched, connection).await?;
        if let Some(error) = told.refusal {
            return Ok(C::refused(*error));
        }
        if is_late(&context, told.delayed) {
            return Ok(C::refused(*region_error::deadline_exceeded()));
        }
        if told.twice {
            self.serve(context.clone(), touched.clone(), command.clone()).await?;
        }
        let mut answer = self.serve(context, touched, command).await?;
        if told.lose {
            return Err(net::reset(connection));
        }
        if let Some(damage) = told.damage {
            C::damage(&mut answer, damage);
        }
        Ok(answer)
    }

    /// The checks, then the work.
    pub(super) async fn serve<C: Command>(
        &self,
        context: kvrpcpb::Context,
        touched: Touched,
        command: C,
    ) -> Result<C::Answer, Status> {
        let access = command.access();
        let view = match self.check(&context, access, &touched) {
            Ok(view) => view,
            Err(error) => return Ok(C::refused(*error)),
        };
        if !C::LONG {
            return Ok(work(&self.state, command, access, &touched, &view));
        }
        let state = std::sync::Arc::clone(&self.state);
        let task = move || work(&state, command, access, &touched, &view);
        tokio::task::spawn_blocking(task)
            .await
            .map_err(|error| Status::internal(format!("the command did not end: {error}")))
    }

    /// Whether this store may serve the request.
    pub(super) fn check(
        &self,
        context: &kvrpcpb::Context,
        access: Access,
        touched: &Touched,
    ) -> Result<View, Box<errorpb::Error>> {
        let (safe_ts, newest_ts) = (self.state.safe_ts(), self.state.newest_timestamp());
        let topology = self.state.topology.lock();
        let checker = Checker { topology: &topology, store: self.id, safe_ts, newest_ts };
        if self.tiflash {
            let peer = context.peer.unwrap_or_default();
            if peer.store_id != self.id {
                return Err(region_error::store_not_match(peer.store_id, self.id));
            }
            let epoch = context.region_epoch.as_ref();
            return checker.check_replica(context.region_id, epoch, touched);
        }
        checker.check(context, access, touched)
    }
}

fn is_late(context: &kvrpcpb::Context, delayed: Duration) -> bool {
    let limit = context.max_execution_duration_ms;
    limit > 0 && delayed >= Duration::from_millis(limit)
}

/// Carries the command out; a write is on record while it lasts.
fn work<C: Command>(
    state: &State,
    command: C,
    access: Access,
    touched: &Touched,
    view: &View,
) -> C::Answer {
    if access != Access::Write {
        return command.run(state, view);
    }
    let region = &view.region;
    let (start, end) = match touched {
        Touched::Region => (region.start_key.clone(), region.end_key.clone()),
        touched => {
            let (start, end) = touched.span();
            (region_key(&start), region_key(&end))
        }
    };
    let _write = Write::begin(state, start, end, command.encoded_len());
    command.run(state, view)
}
