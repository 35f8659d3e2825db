//! A cluster for your own tests: inside the process, nothing to install, and it fails on request as production does
//! by itself.
//!
//! ```sh
//! cargo run --example embedded
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::util::pretty::pretty_format_batches;
use tifusion::TidbContext;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, RegionErrorKind, Rpc, When};

type AnyResult<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> AnyResult<()> {
    // Its data is in memory and gone with it; `folder` would keep it. Chance in it follows from the seed.
    let cluster = EmbeddedCluster::builder().stores(3).seed(7).start().await?;
    fill(&cluster).await?;
    let config = HashMap::from([("pd.addresses".to_owned(), cluster.pd_addresses().join(","))]);
    let context = TidbContext::connect(config).await?;
    let expected = totals(&context).await?;
    println!("{expected}");

    // The first two coprocessor requests meet a store that has too much to do.
    let busy = Effect::RegionError(RegionErrorKind::ServerIsBusy);
    let busy = Fault::new(busy).on([Rpc::Coprocessor]).when(When::First(2));
    let busy = cluster.faults().add(busy);
    same(&expected, &totals(&context).await?)?;
    println!("busy {} times, and the same answer", cluster.faults().fired(busy));

    // The region is split under the next request, which then names one that no longer is.
    let split = Fault::new(Effect::SplitRegion).on([Rpc::Coprocessor]).when(When::Nth(1));
    let split = cluster.faults().add(split);
    same(&expected, &totals(&context).await?)?;
    println!("split {} times, and the same answer", cluster.faults().fired(split));

    // The connection breaks before the answer comes.
    let lost = Fault::new(Effect::DropAfter).on([Rpc::Coprocessor]).when(When::Nth(1));
    let lost = cluster.faults().add(lost);
    same(&expected, &totals(&context).await?)?;
    println!("an answer lost {} times, and the same answer", cluster.faults().fired(lost));

    // A store dies, and others take over what it led.
    cluster.kill_store(1).await?;
    same(&expected, &totals(&context).await?)?;
    println!("store 1 dead, and the same answer");
    cluster.shutdown().await;
    Ok(())
}

/// A table by MySQL's statement, rows by statement and from Arrow.
async fn fill(cluster: &EmbeddedCluster) -> AnyResult<()> {
    let table = "CREATE TABLE test.orders (id BIGINT PRIMARY KEY, customer VARCHAR(20) NOT NULL,
        amount DECIMAL(10, 2), KEY (customer))";
    cluster.execute(table).await?;
    cluster.execute("INSERT INTO test.orders VALUES (1, 'Ada', 10.50), (2, 'Bo', NULL)").await?;
    let amounts = Decimal128Array::from(vec![Some(995), None]).with_precision_and_scale(10, 2)?;
    let rows = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from(vec![3, 4])) as _, false),
        ("customer", Arc::new(StringArray::from(vec!["Ada", "Cy"])) as _, false),
        ("amount", Arc::new(amounts) as _, true),
    ])?;
    cluster.load("test", "orders", &rows).await?;
    Ok(())
}

async fn totals(context: &TidbContext) -> AnyResult<String> {
    let sql = "SELECT customer, count(*) AS orders, sum(amount) AS amount FROM test.orders
        GROUP BY customer ORDER BY customer";
    let rows = context.sql(sql).await?.collect().await?;
    Ok(pretty_format_batches(&rows)?.to_string())
}

/// What a test of your own would assert.
fn same(expected: &str, found: &str) -> AnyResult<()> {
    if expected == found { Ok(()) } else { Err(format!("another answer:\n{found}").into()) }
}
