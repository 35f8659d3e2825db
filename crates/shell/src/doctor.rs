//! `tifusion doctor`: what is wrong with a cluster, or with the way to it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use tifusion::config::Config;
use tifusion::doctor::{self, Health, Report};

use crate::args::Arguments;
use crate::mark::{self, Problem};
use crate::session::{options, start};

/// Looks the cluster of the arguments over, and prints what was found. Fails if something does not work.
pub(crate) async fn run(arguments: &Arguments) -> ExitCode {
    let report = match examine(arguments).await {
        Ok(report) => report,
        Err(problem) => {
            mark::tell(&problem);
            return ExitCode::FAILURE;
        }
    };
    let printed = io::stdout().write_all(shown(&report, arguments.quiet).as_bytes());
    match (printed, report.health()) {
        (Ok(()), Health::Good | Health::Note | Health::Warning) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

async fn examine(arguments: &Arguments) -> Result<Report, Problem> {
    let mut options = options(arguments)?;
    let cluster = match &arguments.embedded {
        None => None,
        Some(folder) => Some(start(folder.as_deref()).await?),
    };
    if let Some(cluster) = &cluster {
        options.insert("pd.addresses".to_owned(), cluster.pd_addresses().join(","));
    }
    let report = doctor::examine(&Config::from_map(&options)?).await;
    if let Some(cluster) = cluster {
        cluster.shutdown().await;
    }
    Ok(report)
}

/// A line for each finding, and one for what to do about it; `quiet` leaves out what is as it should be.
fn shown(report: &Report, quiet: bool) -> String {
    let mut text = String::new();
    for finding in report.findings() {
        if quiet && finding.health() < Health::Warning {
            continue;
        }
        let word = match finding.health() {
            Health::Good => "ok",
            Health::Note => "note",
            Health::Warning => "warning",
            Health::Bad => "BAD",
        };
        let (check, subject, message) = (finding.check(), finding.subject(), finding.message());
        // Writing to a text can't fail.
        let _ = writeln!(text, "{word:<8}{check:<10} {subject}: {message}");
        if let Some(mend) = finding.what_to_mend() {
            let _ = writeln!(text, "{:<19}to mend: {mend}", "");
        }
    }
    let count = |health| report.findings().iter().filter(|it| it.health() == health).count();
    let (bad, warnings) = (count(Health::Bad), count(Health::Warning));
    let _ =
        writeln!(text, "{bad} bad, {warnings} warning(s), of {} findings", report.findings().len());
    text
}
