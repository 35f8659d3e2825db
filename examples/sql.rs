//! Runs SQL statements over a TiDB cluster and prints their results.

#![expect(clippy::print_stderr, reason = "a program that says what went wrong")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::json::LineDelimitedWriter;
use arrow::util::pretty::pretty_format_batches;
use clap::{Parser, ValueEnum};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use tifusion::display::printable;
use tifusion::{TidbContext, config};

const EXAMPLES: &str = "\
Examples:
  Count the rows of a table:
    sql --pd 127.0.0.1:2379 'SELECT COUNT(*) FROM tidb.shop.orders'

  Join a table of TiDB with a Parquet file. Tables of the session itself go into the catalog
  `datafusion`, schema `public`:
    sql --pd 127.0.0.1:2379 --db shop \\
      \"CREATE EXTERNAL TABLE datafusion.public.visits STORED AS PARQUET LOCATION 'visits.parquet'\" \\
      'SELECT c.name, count(*) AS visits
         FROM customers c JOIN datafusion.public.visits v ON v.customer_id = c.id
        GROUP BY c.name ORDER BY visits DESC'

  Look at a plan, with options:
    sql -o time_zone=Asia/Kolkata -o request.isolation.level=RC --db shop \\
      'EXPLAIN ANALYZE SELECT * FROM orders'

  Run a file:
    sql --config tifusion.toml --format csv < report.sql > report.csv

All options are in configs/tifusion.toml. The exit status is 1 when a statement fails; those before
it have run, those after it have not.";

/// Runs SQL statements over a TiDB cluster, in order, each on a snapshot of its own.
#[derive(Debug, Parser)]
#[command(name = "sql", after_help = EXAMPLES)]
struct Arguments {
    /// Endpoints of PD, separated by commas [default: 127.0.0.1:2379]
    #[arg(long, value_name = "ADDR")]
    pd: Option<String>,
    /// An option of the configuration; may be given several times
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// A file with options, in TOML; --pd and -o go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database of names without one
    #[arg(long, value_name = "DATABASE")]
    db: Option<String>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Statements, several in one argument separated by semicolons; standard input without any
    sql: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table drawn with lines
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object per row and line
    Json,
}

type AnyResult<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> AnyResult<()> {
    let scripts = match arguments.sql.is_empty() {
        false => arguments.sql.clone(),
        true => vec![standard_input()?],
    };
    let context = TidbContext::connect(options(&arguments)?).await?;
    if let Some(database) = &arguments.db {
        context.use_database(database).await?;
    }
    for script in scripts {
        for statement in context.parse(&script)? {
            print(context.execute(statement).await?, arguments.format).await?;
        }
    }
    Ok(())
}

fn standard_input() -> AnyResult<String> {
    if io::stdin().is_terminal() {
        return Err("give statements as arguments or on standard input; --help has examples".into());
    }
    let mut script = String::new();
    io::stdin().read_to_string(&mut script)?;
    Ok(script)
}

fn options(arguments: &Arguments) -> AnyResult<HashMap<String, String>> {
    let mut map = match &arguments.config {
        Some(file) => config::read_toml(file)?,
        None => HashMap::new(),
    };
    for option in &arguments.options {
        let Some((key, value)) = option.split_once('=') else {
            return Err(format!("-o {option}: expected KEY=VALUE").into());
        };
        map.insert(key.trim().to_owned(), value.to_owned());
    }
    if let Some(pd) = &arguments.pd {
        map.insert("pd.addresses".to_owned(), pd.clone());
    }
    Ok(map)
}

/// Prints the rows of a statement: as a table all at once, else as they come.
async fn print(mut rows: SendableRecordBatchStream, format: Format) -> AnyResult<()> {
    let schema = rows.schema();
    let is_shown = !schema.fields().is_empty();
    let mut table = vec![printable(&RecordBatch::new_empty(Arc::clone(&schema)))?];
    let mut csv = WriterBuilder::new().with_header(true).build(io::stdout());
    let mut json = LineDelimitedWriter::new(io::stdout());
    if is_shown && format == Format::Csv {
        csv.write(&printable(&RecordBatch::new_empty(schema))?)?;
    }
    while let Some(batch) = rows.next().await {
        let batch = printable(&batch.map_err(tifusion::Error::from)?)?;
        match format {
            _ if !is_shown => {}
            Format::Table => table.push(batch),
            Format::Csv => csv.write(&batch)?,
            Format::Json => json.write(&batch)?,
        }
    }
    json.finish()?;
    let mut out = io::stdout();
    if is_shown && format == Format::Table {
        writeln!(out, "{}", pretty_format_batches(&table)?)?;
    }
    Ok(out.flush()?)
}

/// Whether whoever reads our output has gone, as `head` does.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::BrokenPipe;
        }
        next = error.source();
    }
    false
}
