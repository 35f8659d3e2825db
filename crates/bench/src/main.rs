//! TPC-H side by side on one cluster and one set of data: TiFusion, TiDB by its SQL port, DataFusion on Parquet, and
//! TiSpark where its jars are (`benches/README.md` says how to come by them).
//!
//! ```sh
//! cargo run --release -p tifusion-bench -- --scale 0.1 --rounds 5
//! cargo run --release -p tifusion-bench -- --scale 0.1 --rounds 5 --tispark FOLDER
//! ```
//!
//! The cluster is the one that the environment names (`TIFUSION_TEST_CLUSTER`, see `tifusion_testkit::cluster`), or a
//! playground that this starts. Each round gives a query to every side in turn, so that what else the machine does
//! troubles all of them; medians of the rounds are compared.
//!
//! Besides the time on the clock this takes the processor time of the programs apart, where they run on this machine:
//! work of the stores is the same for all who ask them the same, what is outside of them is the engines' own.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

mod data;
mod error;
mod growth;
mod measure;
mod options;
mod picture;
mod process;
mod report;
mod sides;
mod small;
mod start;

use std::process::ExitCode;

use clap::Parser as _;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::tpch;

use crate::error::Result;
use crate::measure::Measured;
use crate::options::Options;
use crate::sides::{Side, Sides};

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    if let (Some(pd), Some(cache)) = (&options.one_row, &options.cache_dir) {
        return start::one_row(pd, cache).await;
    }
    if options.growth {
        println!("{}", growth::measure(options.scale, options.rounds).await?);
        return Ok(());
    }
    let shape = Shape { region_size: options.region_size, ..Shape::default() };
    let Some(cluster) = Cluster::of(shape, "tifusion-bench") else {
        return Err(error::BenchError::NoCluster);
    };
    if let Some(tables) = options.tables {
        println!("{}", start::measure(&cluster, tables, options.rounds).await?);
        return Ok(());
    }
    let database = data::prepare(&cluster, options.scale).await?;
    let mut sides = Sides::connect(&cluster, &database, options).await?;
    if options.explain {
        return explain(&mut sides, options).await;
    }
    let mut queries = Vec::new();
    for number in options.queries() {
        let measured = measure::query(&mut sides, number, options.rounds).await?;
        eprintln!("{}", measured.line());
        queries.push(measured);
    }
    let small = small::measure(&cluster, &database, options.rounds, sides.tispark()).await?;
    println!("{}", report::markdown(options, &queries, &small)?);
    if let Some(path) = &options.picture {
        picture::draw(path, &queries)?;
    }
    verdict(&queries)
}

/// How both that read the stores answer each query, the second time that they are asked.
async fn explain(sides: &mut Sides, options: &Options) -> Result<()> {
    for number in options.queries() {
        let query = tpch::query(number);
        for side in [Side::Connector, Side::Tidb] {
            sides.answer(side, &query).await?;
            println!("-- query {number}, {}\n{}", side.name(), sides.explain(side, &query).await?);
        }
    }
    Ok(())
}

/// Answers of different lengths are no speeds to compare.
fn verdict(queries: &[Measured]) -> Result<()> {
    let wrong = queries.iter().find(|query| !query.answers_agree());
    wrong.map_or(Ok(()), |query| Err(error::BenchError::Answers { query: query.number }))
}
