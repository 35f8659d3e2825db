//! One thing goes wrong at a time.

mod deaths;
mod odd;
mod region_errors;
mod transport;

use std::time::Duration;

use futures::{StreamExt as _, stream};
use tifusion::{Error, ErrorKind};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, FaultId, When};
use tifusion_testkit::connector::Answer;

use crate::tables::{Numbered, Read, Readers};

/// Longest that a read may take, whatever goes wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// Cases that run at once: most of them wait most of the time.
const AT_ONCE: usize = 48;

/// A way to read a table of its own while something goes wrong with it.
#[derive(Debug)]
struct Case {
    what: String,
    table: Numbered,
    way: Read,
    rule: FaultId,
}

/// How a case ended.
#[derive(Debug)]
struct Told {
    case: Case,
    answer: Result<Option<Answer>, Error>,
    /// The answer afterwards.
    after: Option<Answer>,
    /// How often the rule fired.
    fired: u64,
}

impl Told {
    /// The answer, which must be right, and must show what it met.
    fn must_be_right(&self) -> Option<&Answer> {
        let Case { what, way, .. } = &self.case;
        let answer = self.answer.as_ref();
        answer.unwrap_or_else(|error| panic!("{what} under {way:?}: {error}")).as_ref()
    }

    /// The error, which must be of that kind and say where it happened.
    fn must_fail(&self, kind: ErrorKind) -> &Error {
        let Case { what, way, table, .. } = &self.case;
        let error = self.answer.as_ref().expect_err(what);
        assert_eq!(error.kind(), kind, "{what} under {way:?}: {error}");
        let told = error.to_string();
        // The client alone does not know of tables.
        let table = if *way == Read::Get { String::new() } else { table.name() };
        for word in [table.as_str(), "region: ", "store: "] {
            assert!(told.contains(word), "{what} under {way:?}: no {word:?} in {error}");
        }
        error
    }
}

/// Runs each way of reading with each effect as often as `whens` say, all at once, each over a table of
/// its own, and reads again after that.
async fn run_all(
    cluster: &EmbeddedCluster,
    effects: impl IntoIterator<Item = Effect>,
    whens: impl Fn(&Effect, Read) -> Vec<When>,
) -> Vec<Told> {
    let mut planned = Vec::new();
    for effect in effects {
        for way in Read::ALL {
            let whens = whens(&effect, way);
            planned.extend(whens.into_iter().map(|when| (effect.clone(), way, when)));
        }
    }
    let tables = Numbered::make(cluster, planned.len() as i64).await;
    let readers = Readers::connect(cluster).await;
    // All rules before any of them fires: chance is drawn by their places.
    let cases = tables.into_iter().zip(planned).map(|(table, (effect, way, when))| {
        let what = format!("{effect:?} {when:?}");
        let (start, end) = table.keys();
        let fault = Fault::new(effect).on([way.rpc()]).for_keys(&start, &end).when(when);
        Case { what, table, way, rule: cluster.faults().add(fault) }
    });
    let cases: Vec<_> = cases.collect();
    let runs = cases.into_iter().map(|case| run(cluster.faults().clone(), readers.clone(), case));
    let runs = stream::iter(runs.collect::<Vec<_>>()).map(tokio::spawn);
    runs.buffered(AT_ONCE).map(Result::unwrap).collect().await
}

async fn run(faults: tifusion_embedded::Faults, readers: Readers, case: Case) -> Told {
    let read = async |which: &str| {
        let read = tokio::time::timeout(PATIENCE, readers.read(case.way, &case.table)).await;
        read.unwrap_or_else(|_| panic!("{} under {:?} hangs ({which})", case.what, case.way))
    };
    let answer = read("while it goes wrong").await;
    let fired = faults.fired(case.rule);
    faults.remove(case.rule);
    let after = read("afterwards").await;
    let after = after.unwrap_or_else(|error| panic!("after {}: {error}", case.what));
    Told { case, answer, after, fired }
}

/// The first request, one in the middle, every one for a while, and by chance. One row by SQL is one
/// request.
fn at_all_times(way: Read, chance: f64) -> Vec<When> {
    match way {
        Read::Select => vec![When::First(2), When::Probability(chance)],
        _ => vec![When::Nth(1), When::Nth(3), When::First(3), When::Probability(chance)],
    }
}
