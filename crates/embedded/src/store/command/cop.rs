//! Coprocessor requests: one region, and further ones of the same store that came along.

use tifusion_proto::{coprocessor, errorpb, kvrpcpb};

use super::super::check::{Access, Touched, View};
use super::{Command, damage};
use crate::cop::{self, CopContext};
use crate::fault::{Damage, Rpc};
use crate::mvcc::ReadOptions;
use crate::state::State;

impl Command for coprocessor::Request {
    type Answer = coprocessor::Response;
    const RPC: Rpc = Rpc::Coprocessor;

    fn context(&self) -> Option<&kvrpcpb::Context> {
        self.context.as_ref()
    }

    fn access(&self) -> Access {
        Access::Read(Some(self.start_ts))
    }

    fn touched(&self) -> Touched {
        touched(&self.ranges)
    }

    fn refused(error: errorpb::Error) -> coprocessor::Response {
        coprocessor::Response { region_error: Some(error), ..coprocessor::Response::default() }
    }

    fn run(self, state: &State, view: &View) -> coprocessor::Response {
        evaluate(&self, state, view)
    }

    fn damage(answer: &mut coprocessor::Response, damage: Damage) {
        damage::answer(answer, damage);
    }
}

/// The raw ranges of a request.
pub(crate) fn touched(ranges: &[coprocessor::KeyRange]) -> Touched {
    Touched::Ranges(ranges.iter().map(|it| (it.start.clone(), it.end.clone())).collect())
}

/// Runs the plan on a region that was found right.
pub(crate) fn evaluate(
    request: &coprocessor::Request,
    state: &State,
    view: &View,
) -> coprocessor::Response {
    let options = ReadOptions::of_request(request.context.as_ref(), request.start_ts);
    let context = CopContext {
        rows: &mut state.storage.reader(options),
        region: view.start.clone()..view.end.clone(),
        data_version: view.data_version,
        buckets_version: view.buckets_version,
    };
    cop::run(request, context)
}

/// Answers the further tasks of a request; `check` finds each one's region.
pub(crate) fn run_tasks(
    request: &coprocessor::Request,
    state: &State,
    mut check: impl FnMut(&coprocessor::Request) -> Result<View, Box<errorpb::Error>>,
) -> Vec<coprocessor::StoreBatchTaskResponse> {
    let answer = |task: &coprocessor::StoreBatchTask| {
        let alone = alone(request, task);
        let answer = match check(&alone) {
            Ok(view) => evaluate(&alone, state, &view),
            Err(error) => coprocessor::Request::refused(*error),
        };
        coprocessor::StoreBatchTaskResponse {
            data: answer.data,
            region_error: answer.region_error,
            locked: answer.locked,
            other_error: answer.other_error,
            task_id: task.task_id,
            exec_details_v2: answer.exec_details_v2,
            data_merged_into_response: false,
        }
    };
    request.tasks.iter().map(answer).collect()
}

/// The task as a request of its own.
fn alone(
    request: &coprocessor::Request,
    task: &coprocessor::StoreBatchTask,
) -> coprocessor::Request {
    let context = kvrpcpb::Context {
        region_id: task.region_id,
        region_epoch: task.region_epoch,
        peer: task.peer,
        buckets_version: task.buckets_version,
        ..request.context.clone().unwrap_or_default()
    };
    coprocessor::Request {
        context: Some(context),
        ranges: task.ranges.clone(),
        tasks: Vec::new(),
        is_cache_enabled: false,
        ..request.clone()
    }
}
