//! Checks of the house that no compiler makes. `cargo xtask check` fails on
//!
//! - module cycles inside a crate ([`cycles`]),
//! - crates that know one above them ([`layers`]),
//! - proto, prost or tonic types in the public API of the `tifusion` crate ([`leaks`]),
//! - files and functions past their limits ([`sizes`]), whose figures it also prints.
//!
//! `cargo xtask guard` fails on micro-benches that take more instructions than are written down ([`mod@guard`]), and
//! `cargo xtask guard --renew` writes down what they take now.

mod cycles;
mod guard;
mod layers;
mod leaks;
mod sizes;
mod sources;

use std::path::PathBuf;
use std::process::ExitCode;

use sources::SourceError;

/// One broken rule, for people.
#[derive(Debug)]
struct Finding(String);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next().as_deref()) {
        (Some("guard"), None) => guarded(),
        (Some("guard"), Some("--renew")) => match guard::renew(&repository()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report(&error.to_string());
                ExitCode::FAILURE
            }
        },
        (Some("check"), None) => match check() {
            Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
            Ok(findings) => {
                for Finding(text) in &findings {
                    report(text);
                }
                report(&format!("{} findings", findings.len()));
                ExitCode::FAILURE
            }
            Err(error) => {
                report(&error.to_string());
                ExitCode::FAILURE
            }
        },
        _ => {
            report("usage: cargo xtask check | guard [--renew]");
            ExitCode::from(2)
        }
    }
}

/// Compares the micro-benches with the figures that are written down.
fn guarded() -> ExitCode {
    let guard::Comparison { lines, worse } = match guard::compare(&repository()) {
        Ok(comparison) => comparison,
        Err(error) => {
            report(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    lines.iter().chain(&worse).for_each(|line| report(line));
    if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stderr, reason = "a command-line program speaks on stderr")]
fn report(text: &str) {
    eprintln!("xtask: {text}");
}

/// The checkout that cargo runs this in: a path that was compiled in may be another one's.
fn repository() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| "xtask".into());
    PathBuf::from(package).join("..")
}

fn check() -> Result<Vec<Finding>, SourceError> {
    let root = repository();
    let crates = sources::load_crates(&root.join("crates"))?;
    let mut findings = Vec::new();
    findings.extend(cycles::check(&crates));
    findings.extend(layers::check(&root.join("crates"))?);
    findings.extend(leaks::check(&crates));
    let (figures, size_findings) = sizes::check(&crates);
    findings.extend(size_findings);
    for line in figures {
        report(&line);
    }
    Ok(findings)
}
