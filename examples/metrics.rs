//! What is measured, for Prometheus: an embedded cluster, some statements, and an address to scrape.
//!
//! ```sh
//! cargo run --example metrics              # prints what Prometheus would read, then ends
//! cargo run --example metrics -- --keep    # stays, and goes on asking
//! ```
//!
//! `docs/metrics.md` says what each measurement means. Spans and the log of slow tasks go through `tracing`,
//! to whatever subscriber a program installs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tifusion::TidbContext;
use tifusion_embedded::EmbeddedCluster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Bounds of the buckets for times, in seconds: from a read by its key to a region that is scanned.
const SECONDS: [f64; 9] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Runs some statements and shows what was measured.
#[derive(Debug, Parser)]
struct Arguments {
    /// Goes on until Ctrl-C, so that a Prometheus can scrape it
    #[arg(long)]
    keep: bool,
    /// Port of the loopback interface to scrape; any free one by default
    #[arg(long, default_value_t = 0)]
    port: u16,
}

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

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // The recorder first: what happens before it is there is measured by nobody.
    let address = install(arguments.port)?;
    tifusion::metrics::describe();
    println!("scrape http://{address}/metrics");

    let cluster = EmbeddedCluster::builder().stores(3).start().await?;
    let table =
        "CREATE TABLE test.visits (id BIGINT PRIMARY KEY, page VARCHAR(20), KEY by_page (page))";
    cluster.execute(table).await?;
    let config = HashMap::from([
        ("pd.addresses".to_owned(), cluster.pd_addresses().join(",")),
        ("write.enable".to_owned(), "true".to_owned()),
    ]);
    let context = TidbContext::connect(config).await?;
    context
        .sql("INSERT INTO visits VALUES (1, 'home'), (2, 'shop'), (3, 'home')")
        .await?
        .collect()
        .await?;
    loop {
        context.sql("SELECT count(*) FROM visits WHERE page = 'home'").await?.collect().await?;
        if !arguments.keep {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
        }
    }
    println!("{}", scrape(address).await?);
    Ok(())
}

/// Installs the recorder, and a task that answers Prometheus on the loopback interface.
fn install(port: u16) -> Result<SocketAddr, Box<dyn Error>> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr()?;
    PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install()?;
    Ok(address)
}

/// What Prometheus would read.
async fn scrape(address: SocketAddr) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer of HTTP")?;
    if !head.contains(" 200 ") {
        return Err(format!("unexpected answer: {head}").into());
    }
    Ok(body.to_owned())
}
