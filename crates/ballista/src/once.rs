//! Whether what was read of a stage's output would be read once more.
//!
//! Ballista 55 tells the stages behind one where its output is as each of its tasks ends. When the stage is put back, as what it reads
//! was lost with an executor, it forgets its tasks, and all of them run again; but what those that had ended on other
//! executors have given stays with the stages behind it, and for the last stage with the answer (`add_partition` and `output_locations`
//! in `state/execution_graph.rs` only add). Rows would come twice then, and sums be too large, without a word. A job is
//! looked at before tasks of it are given out, and fails instead.

use std::collections::HashMap;

use ballista_core::serde::protobuf::SuccessfulTask;
use ballista_core::serde::protobuf::task_status::Status;
use ballista_core::serde::scheduler::PartitionLocation;
use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use ballista_scheduler::state::execution_stage::{ExecutionStage, StageOutput};

/// What the statement of such a job is told.
pub(crate) const GIVEN_TWICE: &str = "an executor was lost while others had given rows that would have been given again: run the statement again";

/// Whether there is output of tasks that their stages do not know, or that run again.
pub(crate) fn gives_twice(job: &ExecutionGraphBox) -> bool {
    let stages = job.stages();
    // Most jobs lose nobody.
    if !stages.values().any(was_disturbed) {
        return false;
    }
    let answer = job.output_locations();
    stages.iter().any(|(id, stage)| {
        let to_others = stage.output_links().iter().filter_map(|link| inputs(stages.get(link)?));
        let to_others = to_others.filter_map(|inputs| inputs.get(id));
        let to_others = to_others.flat_map(|output| output.partition_locations.values().flatten());
        let to_all = answer.iter().filter(|_| stage.output_links().is_empty());
        let to_all = to_all.filter(|location| location.partition_id.stage_id == *id);
        to_others.chain(to_all).any(|location| !is_of(stage, location))
    })
}

fn was_disturbed(stage: &ExecutionStage) -> bool {
    let attempts = match stage {
        ExecutionStage::UnResolved(stage) => stage.stage_attempt_num,
        ExecutionStage::Resolved(stage) => stage.stage_attempt_num,
        ExecutionStage::Running(stage) => stage.stage_attempt_num,
        ExecutionStage::Successful(stage) => stage.stage_attempt_num,
        ExecutionStage::Failed(stage) => stage.stage_attempt_num,
    };
    let tasks = stage.task_infos().unwrap_or_default();
    attempts > 0 || tasks.iter().any(|task| matches!(task.task_status, Status::Failed(_)))
}

/// Where a stage that is still to read, or reads, finds what it reads.
fn inputs(stage: &ExecutionStage) -> Option<&HashMap<usize, StageOutput>> {
    match stage {
        ExecutionStage::UnResolved(stage) => Some(&stage.inputs),
        ExecutionStage::Resolved(stage) => Some(&stage.inputs),
        ExecutionStage::Running(stage) => Some(&stage.inputs),
        ExecutionStage::Successful(_) | ExecutionStage::Failed(_) => None,
    }
}

/// Whether the task that has written there is one that its stage takes for done.
fn is_of(stage: &ExecutionStage, location: &PartitionLocation) -> bool {
    let task = stage.task_infos().and_then(|tasks| tasks.get(location.map_partition_id));
    task.is_some_and(|task| {
        matches!(&task.task_status, Status::Successful(SuccessfulTask { executor_id, .. })
            if *executor_id == location.executor_meta.id)
    })
}
