//! The quick start: a cluster inside this program, the tables of TPC-H in it, queries, a join with a Parquet file.
//!
//! ```sh
//! cargo run --example quickstart              # shows all of that, then ends
//! cargo run --example quickstart -- --keep    # stays, so that a second terminal can connect
//! ```
//!
//! Read [`run`] first: every step is one function, and they follow in its order.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Decimal128Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use clap::Parser;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::ParquetReadOptions;
use tifusion::TidbContext;
use tifusion_embedded::EmbeddedCluster;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow,
    SupplierArrow,
};

/// How much data: 1 would be a gigabyte.
const SCALE: f64 = 0.01;

/// A region is split into parts of this many bytes. TiKV's are of 96 MiB and more; small ones spread our little
/// data over several, as a large table is spread in production.
const REGION_BYTES: u64 = 1 << 20;

/// What is asked, and in which words. TPC-H's own queries are files of the repository.
const QUESTIONS: [(&str, &str); 4] = [
    ("How many line items are there?", "SELECT count(*) AS line_items FROM lineitem"),
    (
        "What would have come in without small discounts? (tests/tpch/q6.sql)",
        include_str!("../tests/tpch/q6.sql"),
    ),
    (
        "Which priorities had orders that came late? (tests/tpch/q4.sql)",
        include_str!("../tests/tpch/q4.sql"),
    ),
    (
        "What did suppliers in Asia sell in their own country, six tables joined? (tests/tpch/q5.sql)",
        include_str!("../tests/tpch/q5.sql"),
    ),
];

/// The query whose plan is shown.
const EXPLAINED: &str = "SELECT l_shipmode, count(*) AS lines FROM lineitem GROUP BY l_shipmode";

/// The join of tables of TiDB with a Parquet file. Files are registered in the session's own catalog, which
/// DataFusion calls `datafusion`; names without a catalog mean the cluster.
const JOINED: &str = "\
    SELECT t.nation, t.target, sum(o.o_totalprice) AS ordered, sum(o.o_totalprice) >= t.target AS reached
    FROM datafusion.public.targets t
    JOIN nation n ON n.n_name = t.nation
    JOIN customer c ON c.c_nationkey = n.n_nationkey
    JOIN orders o ON o.o_custkey = c.c_custkey
    GROUP BY t.nation, t.target
    ORDER BY t.nation";

/// Starts a cluster, fills it, and shows what can be done with it.
#[derive(Debug, Parser)]
#[command(name = "quickstart")]
struct Arguments {
    /// Let the cluster run until Ctrl-C, for a second terminal
    #[arg(long)]
    keep: bool,
}

type AnyResult<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All steps, in order.
async fn run(arguments: &Arguments) -> AnyResult<()> {
    let begun = Instant::now();
    let cluster = start_cluster().await?;
    create_tables(&cluster).await?;
    let context = connect(&cluster).await?;
    load_tables(&cluster, &context).await?;
    ask(&context).await?;
    explain(&context).await?;
    join_with_parquet(&context).await?;
    println!("\nThat took {:.1} s.", begun.elapsed().as_secs_f64());
    tell_what_next(&cluster, arguments.keep);
    if arguments.keep {
        tokio::signal::ctrl_c().await?;
    }
    cluster.shutdown().await;
    Ok(())
}

/// Starts PD and three stores in this process. They listen on loopback, and whatever speaks TiKV's protocol can
/// connect; with a cluster of your own, this step is not needed.
async fn start_cluster() -> AnyResult<EmbeddedCluster> {
    heading("A cluster in this process");
    let cluster = EmbeddedCluster::builder().stores(3).region_size(REGION_BYTES).start().await?;
    println!("PD listens on {}", cluster.pd_addresses().join(","));
    for store in cluster.stores() {
        println!("store {} on {}", store.id, store.address);
    }
    Ok(cluster)
}

/// Creates TPC-H's eight tables, by the statements that TiDB would be given.
async fn create_tables(cluster: &EmbeddedCluster) -> AnyResult<()> {
    let schema = include_str!("../tests/tpch/schema.sql");
    cluster.execute(&format!("CREATE DATABASE tpch; USE tpch; {schema}")).await?;
    Ok(())
}

/// Connects to the cluster, as to any other: by PD's address. `context` is a DataFusion session with the cluster
/// as its catalog `tidb`. Writing is off until `write.enable` is set.
async fn connect(cluster: &EmbeddedCluster) -> AnyResult<TidbContext> {
    let config = HashMap::from([
        ("pd.addresses".to_owned(), cluster.pd_addresses().join(",")),
        ("write.enable".to_owned(), "true".to_owned()),
    ]);
    let context = TidbContext::connect(config).await?;
    context.use_database("tpch").await?;
    Ok(context)
}

/// Makes the rows of all tables and writes them.
async fn load_tables(cluster: &EmbeddedCluster, context: &TidbContext) -> AnyResult<()> {
    heading("The tables of TPC-H, at scale factor 0.01");
    println!("(making the text that its comments are cut from)");
    load(context, "region", RegionArrow::new(RegionGenerator::new(SCALE, 1, 1))).await?;
    load(context, "nation", NationArrow::new(NationGenerator::new(SCALE, 1, 1))).await?;
    load(context, "part", PartArrow::new(PartGenerator::new(SCALE, 1, 1))).await?;
    load(context, "supplier", SupplierArrow::new(SupplierGenerator::new(SCALE, 1, 1))).await?;
    load(context, "partsupp", PartSuppArrow::new(PartSuppGenerator::new(SCALE, 1, 1))).await?;
    load(context, "customer", CustomerArrow::new(CustomerGenerator::new(SCALE, 1, 1))).await?;
    load(context, "orders", OrderArrow::new(OrderGenerator::new(SCALE, 1, 1))).await?;
    load(context, "lineitem", LineItemArrow::new(LineItemGenerator::new(SCALE, 1, 1))).await?;
    // Regions also split where they grow too large; this deals them out over the stores.
    cluster.scatter();
    println!("{} regions on {} stores", cluster.regions().len(), cluster.stores().len());
    Ok(())
}

/// Writes one table in one transaction: all of its rows are there, or none. Whatever gives a DataFrame can be
/// written like this: a query, a Parquet file, batches in memory.
async fn load(
    context: &TidbContext,
    table: &str,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
) -> AnyResult<()> {
    let begun = Instant::now();
    let batches = batches.collect::<Result<Vec<_>, _>>()?;
    let rows = context.session_context().read_batches(batches)?;
    // A large write splits regions before, so that all stores take part in it.
    let writer = context.table_writer(&format!("tpch.{table}"));
    let mut writer = writer.bytes_per_region(Some(REGION_BYTES));
    // On a terminal the line grows as rows are written; a file or a pipe gets it once.
    let is_live = io::stdout().is_terminal();
    if is_live {
        let table = table.to_owned();
        writer = writer.on_progress(move |progress| {
            print!("\r{table:<10}{:>7} rows", progress.rows_encoded);
            // A line that could not be shown is no reason to write nothing.
            let _shown = io::stdout().flush();
        });
    }
    let written = writer.write(rows).await?.rows;
    let start = if is_live { "\r" } else { "" };
    println!("{start}{table:<10}{written:>7} rows  {:>6.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Asks the questions, and says how long each answer took.
async fn ask(context: &TidbContext) -> AnyResult<()> {
    heading("Queries");
    for (question, sql) in QUESTIONS {
        println!("{question}");
        show(context, sql).await?;
    }
    Ok(())
}

/// Shows a query's plan, then the same with what happened.
async fn explain(context: &TidbContext) -> AnyResult<()> {
    heading("A plan");
    println!("EXPLAIN {EXPLAINED}\n\n{}", plan(context, "EXPLAIN").await?);
    println!(
        "Read it from the bottom: TikvScanExec asks the stores for one column of the table, each region a task\n\
         of its own and several at a time; what is above it is DataFusion's, in this process."
    );
    heading("What happened");
    let analyzed = plan(context, "EXPLAIN ANALYZE").await?;
    let scan = analyzed.lines().find(|line| line.contains("TikvScanExec")).unwrap_or(&analyzed);
    println!("EXPLAIN ANALYZE {EXPLAINED}\n\n{}\n", scan.trim());
    println!(
        "That is the plan's last line; the others have metrics of their own. tasks: the regions that were read;\n\
         bytes: what the stores sent; region_errors, locks: what was in the way and got out of it."
    );
    Ok(())
}

/// Writes a small Parquet file and joins it with tables of the cluster.
async fn join_with_parquet(context: &TidbContext) -> AnyResult<()> {
    heading("A join with a Parquet file");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("targets.parquet");
    let file = file.to_str().ok_or("the folder for temporary files has a name that is no text")?;
    let session = context.session_context();
    let targets = session.read_batch(targets()?)?;
    targets.write_parquet(file, DataFrameWriteOptions::new(), None).await?;
    let options = ParquetReadOptions::default();
    session.register_parquet("datafusion.public.targets", file, options).await?;
    println!("{file} has the targets, TiDB the orders:\n\n{JOINED}\n");
    show(context, JOINED).await
}

/// What somebody outside of the database wants some nations to order.
fn targets() -> AnyResult<RecordBatch> {
    let nations = StringArray::from(vec!["CHINA", "FRANCE", "PERU"]);
    let dollars = [60_000_000, 55_000_000, 60_000_000];
    let cents = Decimal128Array::from_iter_values(dollars.map(|dollars| dollars * 100));
    let targets = cents.with_precision_and_scale(15, 2)?;
    let columns = [("nation", Arc::new(nations) as _), ("target", Arc::new(targets) as _)];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// Runs a query and prints its rows.
async fn show(context: &TidbContext, sql: &str) -> AnyResult<()> {
    let begun = Instant::now();
    let frame = context.sql(sql).await?;
    frame.show().await?;
    println!("{} ms\n", begun.elapsed().as_millis());
    Ok(())
}

/// The physical plan out of the answer to an EXPLAIN: rows of a plan's kind and its text.
async fn plan(context: &TidbContext, explain: &str) -> AnyResult<String> {
    let batches = context.sql(&format!("{explain} {EXPLAINED}")).await?.collect().await?;
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let kind = array_value_to_string(batch.column(0), row)?;
            if kind == "physical_plan" || kind == "Plan with Metrics" {
                return Ok(array_value_to_string(batch.column(1), row)?);
            }
        }
    }
    Err("EXPLAIN gave no physical plan".into())
}

fn tell_what_next(cluster: &EmbeddedCluster, is_kept: bool) {
    let pd = cluster.pd_addresses().join(",");
    if is_kept {
        heading("The cluster stays until you press Ctrl-C; in a second terminal, type");
        println!("cargo run --example sql -- --pd {pd} --db tpch 'SHOW TABLES'");
        println!("cargo run --example join_parquet -- {pd}");
        println!("cargo run --bin tifusion -- --pd {pd} --db tpch");
    } else {
        heading("Next, type");
        println!("cargo run --example quickstart -- --keep   # this again, for a second terminal");
        println!("cargo run --bin tifusion -- --embedded  # a shell over an empty cluster");
        println!("cargo run --example sql -- --pd HOST:2379 'SHOW DATABASES'  # your own cluster");
        println!("cargo doc --open --no-deps -p tifusion     # how to use the library");
    }
}

fn heading(text: &str) {
    println!("\n== {text} ==");
}
