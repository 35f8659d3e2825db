//! Random writes: the connector and TiDB write to the same tables in turn, beside a model of what they say.
//!
//! Each table has a database and a chain of statements of its own: each statement, by whichever side, must
//! end as the model says (how many rows it changed, which key was there already, that a value was refused), and
//! leave the rows that the model has. `TIFUSION_WRITES` says how many statements there are of all tables,
//! `TIFUSION_SEED` which, `TIFUSION_TABLE` asks those of one table alone. What fails is made smaller and
//! printed as SQL.

mod ddl;
mod generate;
mod lane;
mod model;
mod model_tests;
mod shapes;
mod shrink;
mod statement;
mod table;
mod value;
mod variety;

use futures::StreamExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tifusion_testkit::cluster::{Cluster, Shape};

use generate::Generator;
use lane::Lane;
use shrink::{Failure, shrink};
use table::Table;
use variety::Variety;

/// Statements of a run in CI, and of any other, unless `TIFUSION_WRITES` says otherwise.
const WRITES: [usize; 2] = [2400, 320];
/// Tables that are written to at once.
const AT_ONCE: usize = 4;
/// After how many statements a table is looked at from all sides.
const ROUND: usize = 30;
/// Failures that are made smaller; the others are only told.
const SHRUNK: usize = 2;

pub(super) fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

pub(super) fn seed() -> u64 {
    variable("TIFUSION_SEED").unwrap_or_else(rand::random)
}

fn writes() -> usize {
    let is_ci = std::env::var_os("CI").is_some();
    let wanted = variable("TIFUSION_WRITES").map(|count| usize::try_from(count).unwrap());
    wanted.unwrap_or(WRITES[usize::from(!is_ci)])
}

/// `count` statements of a table.
async fn play(first: &Table, seed: u64, count: usize) -> (Variety, Option<Failure>) {
    let mut variety = Variety::default();
    let database = format!("write_random_{}", first.name);
    let Some(mut lane) = Lane::begin(first, &database).await else { return (variety, None) };
    let mut generator = Generator::new(seed);
    let mut steps = Vec::new();
    let mut why = None;
    while steps.len() < count && why.is_none() {
        let step = generator.step(&lane.table);
        let taken = lane.take(&step).await;
        steps.push(step.clone());
        match taken {
            Ok(Some(outcome)) => variety.count(&step, &outcome),
            Ok(None) => drop(steps.pop()),
            Err(error) => why = Some(error),
        }
        let is_round = steps.len() % ROUND == 0 || steps.len() == count;
        if is_round && why.is_none() {
            why = lane.judge().await.err();
        }
    }
    let failure = |why| Failure { first: first.clone(), steps, why, log: lane.log };
    (variety, why.map(failure))
}

#[tokio::test(flavor = "multi_thread")]
async fn random_writes_of_both_sides_are_what_the_model_says() {
    if Cluster::of(Shape::default(), "write_random").is_none() {
        return;
    }
    let (seed, count) = (seed(), writes());
    let only = std::env::var("TIFUSION_TABLE").ok();
    let tables = shapes::all(&mut StdRng::seed_from_u64(seed));
    let each = count.div_ceil(tables.len());
    eprintln!("TIFUSION_SEED={seed} TIFUSION_WRITES={count}: {} tables", tables.len());
    let began = std::time::Instant::now();
    let wanted = tables.into_iter().zip(seed..);
    let wanted = wanted.filter(|(table, _)| only.as_ref().is_none_or(|only| *only == table.name));
    let played = futures::stream::iter(wanted).map(|(table, seed)| async move {
        tokio::spawn(async move { play(&table, seed, each).await }).await.unwrap()
    });
    let played: Vec<_> = played.buffer_unordered(AT_ONCE).collect().await;
    let (mut variety, mut failures) = (Variety::default(), Vec::new());
    for (of_table, failure) in played {
        variety.add(&of_table);
        failures.extend(failure);
    }
    eprintln!("{variety}\nin {:.0?}", began.elapsed());
    for failure in &failures {
        eprintln!(
            "table {}, statement {}: {}",
            failure.first.name,
            failure.steps.len(),
            failure.why
        );
    }
    for failure in failures.iter().take(SHRUNK) {
        let least = shrink(failure.clone()).await;
        let log = least.log.join("\n");
        eprintln!("table {}: {}\nsmaller: {}\n{log}\n", failure.first.name, failure.why, least.why);
    }
    let told: Vec<_> = failures.iter().map(|it| format!("{}: {}", it.first.name, it.why)).collect();
    assert!(
        told.is_empty(),
        "TIFUSION_SEED={seed} TIFUSION_WRITES={count}: {} tables fail\n{}",
        told.len(),
        told.join("\n\n")
    );
    if only.is_none() {
        variety.check();
    }
}
