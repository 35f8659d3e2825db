//! What the programs of a cluster have in common.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use tifusion::TidbContext;
use tifusion::config::read_toml;
use tracing_subscriber::filter::LevelFilter;

use crate::error::Error;

/// The environment variable that says how much is logged: `error`, `warn`, `info`, `debug` or `trace`.
pub const LOG: &str = "TIFUSION_LOG";

/// Runs a program: logs go to standard error, and so does the reason if it fails.
pub fn run<F>(program: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = Result<(), Error>>,
{
    let program = program();
    // Another part of the process may have chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let level = std::env::var(LOG).ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(program).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to hear that nobody hears.
            drop(writeln!(std::io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Connects to the cluster of a configuration file.
///
/// # Errors
/// When the file can't be read or is wrong, or the cluster can't be reached.
pub async fn connect(config: &Path) -> Result<TidbContext, Error> {
    Ok(TidbContext::connect(read_toml(config)?).await?)
}
