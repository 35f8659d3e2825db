//! Looks a cluster over, part by part, and says what to mend. Nothing in the cluster is changed by it.
//!
//! ```no_run
//! # async fn example() {
//! let report = tifusion::doctor::examine(&tifusion::config::Config::default()).await;
//! for finding in report.findings() {
//!     println!("{:?} {}: {}", finding.health(), finding.subject(), finding.message());
//! }
//! # }
//! ```
//!
//! `CHECKS` is the list of all checks: a new one is a line there, and a function from the `Patient` to
//! findings.

mod cluster;
mod local;
mod patient;
mod pd;
mod privileges;
mod sql_port;
mod stores;

use std::time::Duration;

use futures::future::BoxFuture;

use crate::config::Config;
use patient::Patient;

/// All checks, in their order.
const CHECKS: &[Check] = &[
    Check { name: "tls", run: |patient| Box::pin(async { local::tls(patient) }) },
    Check { name: "pd", run: |patient| Box::pin(async { pd::endpoints(patient) }) },
    Check { name: "clock", run: |patient| Box::pin(pd::clock(patient)) },
    Check { name: "gc", run: |patient| Box::pin(pd::gc(patient)) },
    Check { name: "stores", run: |patient| Box::pin(stores::stores(patient)) },
    Check { name: "versions", run: |patient| Box::pin(stores::versions(patient)) },
    Check { name: "metadata", run: |patient| Box::pin(cluster::metadata(patient)) },
    Check { name: "collation", run: |patient| Box::pin(async { cluster::collation(patient) }) },
    Check { name: "privileges", run: |patient| Box::pin(privileges::privileges(patient)) },
    Check { name: "sql port", run: |patient| Box::pin(sql_port::sql_port(patient)) },
    Check { name: "names", run: |patient| Box::pin(async { local::names(patient) }) },
    Check { name: "writing", run: |patient| Box::pin(async { local::writing(patient) }) },
];

/// Longest that a check takes.
const CHECK_TIME: Duration = Duration::from_secs(20);

/// One check.
struct Check {
    name: &'static str,
    run: for<'a> fn(&'a Patient) -> BoxFuture<'a, Vec<Finding>>,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Works, and may not for long.
    Warning,
    /// Does not work.
    Bad,
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    check: &'static str,
    subject: String,
    health: Health,
    message: String,
    mend: Option<String>,
}

impl Finding {
    fn new(health: Health, subject: impl Into<String>, message: impl Into<String>) -> Self {
        let (subject, message) = (subject.into(), message.into());
        Self { check: "", subject, health, message, mend: None }
    }

    fn mend(mut self, how: impl Into<String>) -> Self {
        self.mend = Some(how.into());
        self
    }

    /// The check that found it.
    #[must_use]
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// What it is about: an address, a store, a file.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How grave it is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// What was found.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn what_to_mend(&self) -> Option<&str> {
        self.mend.as_deref()
    }
}

/// All that was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// In the order of the checks.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The gravest of all.
    #[must_use]
    pub fn health(&self) -> Health {
        self.findings.iter().map(Finding::health).max().unwrap_or(Health::Good)
    }
}

/// Makes all checks of the cluster that `config` names; what cannot be reached is a finding.
pub async fn examine(config: &Config) -> Report {
    let patient = Patient::meet(config).await;
    let mut report = Report::default();
    for check in CHECKS {
        let findings = tokio::time::timeout(CHECK_TIME, (check.run)(&patient)).await;
        let findings = findings.unwrap_or_else(|_| {
            let message = format!("it did not come to an end within {CHECK_TIME:?}");
            vec![
                Finding::new(Health::Bad, check.name, message)
                    .mend("see whether the stores are busy"),
            ]
        });
        let named = findings.into_iter().map(|finding| Finding { check: check.name, ..finding });
        report.findings.extend(named);
    }
    report
}

/// What a check says that could not be made.
fn unchecked(why: &str) -> Vec<Finding> {
    vec![Finding::new(Health::Note, "not checked", why)]
}

#[cfg(test)]
mod tests;
