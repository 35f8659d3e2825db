//! A history that fails, with as few statements and rows as it takes.

use std::time::{Duration, Instant};

use super::lane::Lane;
use super::statement::{Insert, Source, Statement, Step};
use super::table::Table;

/// The longest that is tried.
const LONGEST: Duration = Duration::from_secs(120);

/// What failed, and how.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) first: Table,
    pub(super) steps: Vec<Step>,
    pub(super) why: String,
    /// As SQL.
    pub(super) log: Vec<String>,
}

/// Runs a history again, in a database of its own.
async fn again(first: &Table, steps: &[Step]) -> Option<Failure> {
    let mut lane = Lane::begin(first, "write_random_shrunk").await?;
    let mut why = None;
    for step in steps {
        if let Err(error) = lane.take(step).await {
            why = Some(error);
            break;
        }
    }
    if why.is_none() {
        why = lane.judge().await.err();
    }
    let (first, steps) = (first.clone(), steps.to_vec());
    why.map(|why| Failure { first, steps, why, log: lane.log })
}

/// The least of a history that still fails; itself if it does not fail again.
pub(super) async fn shrink(failure: Failure) -> Failure {
    let began = Instant::now();
    let Some(mut least) = again(&failure.first, &failure.steps).await else {
        return Failure { why: format!("{}\nit did not fail again", failure.why), ..failure };
    };
    let mut size = least.steps.len().div_ceil(2);
    while began.elapsed() < LONGEST {
        match smaller(&least, size, began).await {
            Some(found) => least = found,
            None if size > 1 => size = size.div_ceil(2),
            None => break,
        }
    }
    while began.elapsed() < LONGEST {
        match with_fewer_rows(&least, began).await {
            Some(found) => least = found,
            None => break,
        }
    }
    least
}

/// One without `size` of the statements, if one fails.
async fn smaller(failure: &Failure, size: usize, began: Instant) -> Option<Failure> {
    // What comes last matters most.
    let starts = (0..failure.steps.len()).step_by(size).rev();
    for start in starts.take_while(|_| began.elapsed() < LONGEST) {
        let mut steps = failure.steps.clone();
        steps.drain(start..steps.len().min(start + size));
        if let Some(found) = again(&failure.first, &steps).await {
            return Some(found);
        }
    }
    None
}

/// One without a row of a statement, if one fails.
async fn with_fewer_rows(failure: &Failure, began: Instant) -> Option<Failure> {
    for (at, step) in failure.steps.iter().enumerate() {
        let Statement::Insert(Insert { source: Source::Values(rows), .. }) = &step.statement else {
            continue;
        };
        for row in 0..rows.len() {
            if rows.len() < 2 || began.elapsed() > LONGEST {
                break;
            }
            let mut steps = failure.steps.clone();
            if let Statement::Insert(Insert { source: Source::Values(rows), .. }) =
                &mut steps[at].statement
            {
                rows.remove(row);
            }
            if let Some(found) = again(&failure.first, &steps).await {
                return Some(found);
            }
        }
    }
    None
}
