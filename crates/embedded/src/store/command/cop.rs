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
    let mut rows = state.storage.reader(options);
    let context = CopContext {
        rows: &mut rows,
        region: view.start.clone()..view.end.clone(),
        data_version: stable_version(state, view),
        buckets_version: view.buckets_version,
    };
    cop::run(request, context)
}

/// The version of the region's data, if it is what it was when the region was looked at. A transaction that
/// committed in between, before the reader was on record, may have a commit timestamp below the reader's: an
/// answer that the client has from before lacks it.
fn stable_version(state: &State, view: &View) -> Option<u64> {
    let now = state.topology.lock().data_version(view.region.id);
    view.data_version.filter(|version| Some(*version) == now)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mvcc::Storage;
    use crate::state::{Saved, Settings, Write};
    use crate::topology::Topology;

    #[test]
    fn a_write_since_the_region_was_looked_at_is_no_hit() {
        let store = tifusion_proto::metapb::Store { id: 1, ..Default::default() };
        let settings = Settings { region_size: 0, bucket_size: 0, safe_ts_lag_ms: 0, seed: 1 };
        let (storage, saved) = (Storage::memory(), Saved::default());
        let state = State::new(settings, storage, Topology::bootstrap([store]), &saved, None);
        let region = state.topology.lock().regions().next().unwrap().meta.clone();
        let version = state.topology.lock().data_version(region.id).unwrap();
        let (start, end) = (Vec::new(), Vec::new());
        let view = View { region, start, end, data_version: Some(version), buckets_version: 0 };
        let request = coprocessor::Request {
            is_cache_enabled: true,
            cache_if_match_version: version,
            start_ts: 10,
            ..coprocessor::Request::default()
        };
        assert!(evaluate(&request, &state, &view).is_cache_hit);
        let under_way = Write::begin(&state, Vec::new(), Vec::new(), 1);
        assert!(!evaluate(&request, &state, &view).is_cache_hit);
        drop(under_way);
        assert!(!evaluate(&request, &state, &view).is_cache_hit);
    }
}
