//! From TiDB into a Parquet file, and that file joined with TiDB.
//!
//! ```sh
//! cargo run --example quickstart -- --keep              # a cluster with TPC-H's tables; prints PD's address
//! cargo run --example join_parquet -- 127.0.0.1:2379    # in a second terminal, with that address
//! ```

#![expect(clippy::print_stderr, reason = "a program that says what went wrong")]

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::ParquetReadOptions;
use tifusion::TidbContext;

type AnyResult<T> = Result<T, Box<dyn Error>>;

/// What goes into the file.
const EXTRACT: &str = "\
    SELECT o_custkey AS customer, count(*) AS orders, sum(o_totalprice) AS total
    FROM tpch.orders GROUP BY o_custkey";

/// The file with tables of TiDB. Files are in the session's own catalog, which DataFusion calls `datafusion`.
const JOINED: &str = "\
    SELECT c.c_name AS customer, n.n_name AS nation, t.orders, t.total
    FROM datafusion.public.totals t
    JOIN tpch.customer c ON c.c_custkey = t.customer
    JOIN tpch.nation n ON n.n_nationkey = c.c_nationkey
    ORDER BY t.total DESC LIMIT 5";

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
    let pd = std::env::args().nth(1).ok_or("give the address of PD, such as 127.0.0.1:2379")?;
    let context = TidbContext::connect(HashMap::from([("pd.addresses".to_owned(), pd)])).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("totals.parquet");
    let file = file.to_str().ok_or("the folder for temporary files has a name that is no text")?;

    let extract = context.sql(EXTRACT).await?;
    extract.write_parquet(file, DataFrameWriteOptions::new(), None).await?;

    let session = context.session_context();
    let options = ParquetReadOptions::default();
    session.register_parquet("datafusion.public.totals", file, options).await?;
    context.sql(JOINED).await?.show().await?;
    Ok(())
}
