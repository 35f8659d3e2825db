//! `tifusion`: SQL over a TiDB cluster, by hand or from a script.
//!
//! | module | subject |
//! |---|---|
//! | [`args`] | the command line |
//! | [`doctor`] | what is wrong with a cluster, or with the way to it |
//! | [`session`] | connecting, and the cluster in the process |
//! | [`script`] | where statements end |
//! | [`mod@run`] | running one statement: route, watch, cancel, print |
//! | [`progress`] | how far it is, on standard error |
//! | [`output`] | results in their formats |
//! | [`mark`] | errors, with the SQL marked |
//! | [`stores`] | files in object stores |
//! | [`embedded`] | what goes to the cluster in the process |
//! | [`repl`], [`editor`], [`command`] | the prompt, its line editor, what begins with a backslash |

mod args;
mod command;
mod doctor;
mod editor;
mod embedded;
mod mark;
mod output;
mod progress;
mod repl;
mod run;
mod script;
mod session;
mod stores;

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::Duration;

use args::{Action, Arguments, Job};
use mark::Problem;
use run::{Ended, Origin};
use session::Shell;

/// What the shell's exit says when Ctrl-C ended a statement: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// How long work that nobody waits for any more may take to end.
const FAREWELL: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let arguments = Arguments::from_command_line();
    start_log();
    // The AWS SDK brings a second provider of cryptography along, so that one must be named. It is
    // there already only if somebody named one, which nobody did before us.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            mark::tell(&Problem::of(&error));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(arguments));
    runtime.shutdown_timeout(FAREWELL);
    code
}

/// Warnings go to standard error; `TIFUSION_LOG` may ask for more, or for none.
fn start_log() {
    let level = std::env::var("TIFUSION_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(tracing_subscriber::filter::LevelFilter::WARN))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .init();
}

async fn run(arguments: Arguments) -> ExitCode {
    if let Some(Action::Doctor) = arguments.action {
        return doctor::run(&arguments).await;
    }
    let mut shell = match Shell::open(&arguments).await {
        Ok(shell) => shell,
        Err(problem) => {
            mark::tell(&problem);
            return ExitCode::FAILURE;
        }
    };
    let ended = if arguments.jobs.is_empty() && std::io::stdin().is_terminal() {
        repl::run(&mut shell).await
    } else {
        jobs(&mut shell, arguments.jobs).await
    };
    shell.close().await;
    match ended {
        Ended::Done | Ended::Unread => ExitCode::SUCCESS,
        Ended::Failed => ExitCode::FAILURE,
        Ended::Cancelled => ExitCode::from(INTERRUPTED),
    }
}

/// Runs scripts in order, to the first statement that does not end well.
async fn jobs(shell: &mut Shell, jobs: Vec<Job>) -> Ended {
    let jobs = if jobs.is_empty() { vec![Job::StandardInput] } else { jobs };
    for job in jobs {
        let (text, origin) = match read(job) {
            Ok(read) => read,
            Err(problem) => {
                mark::tell(&problem);
                return Ended::Failed;
            }
        };
        let ended = shell.script(&text, &origin).await;
        if ended != Ended::Done {
            return ended;
        }
    }
    Ended::Done
}

fn read(job: Job) -> Result<(String, Origin), Problem> {
    match job {
        Job::Sql(text) => Ok((text, Origin::Line)),
        Job::File(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| Problem::of(&error).with("file", name.clone()))?;
            Ok((text, Origin::File(name)))
        }
        Job::StandardInput => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Problem::of(&error).with("file", "standard input"))?;
            Ok((text, Origin::Script))
        }
    }
}
