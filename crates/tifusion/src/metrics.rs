//! What is measured, by the `metrics` facade: whoever installs a recorder of it has all of it, whoever does not
//! pays next to nothing.
//!
//! `docs/metrics.md` lists names, units and labels; `examples/metrics.rs` gives them to Prometheus.

use metrics::{Unit, counter};
use tifusion_client::metrics::{Metric, MetricKind, TABLE as OF_CLIENT};

const STATEMENTS: &str = "tifusion_statements_total";

/// What this crate measures itself.
const OWN: &[Metric] = &[Metric::new(
    STATEMENTS,
    MetricKind::Counter,
    Unit::Count,
    &["kind"],
    "Runs of statements over tables of TiDB, by kind: `select`, `insert`, `replace`, `update`, `delete`, `explain`.",
)];

/// Tells the recorder that is installed what each measurement means and counts in. To be called once, after it
/// was installed.
pub fn describe() {
    all().for_each(Metric::describe);
}

fn all() -> impl Iterator<Item = &'static Metric> {
    OWN.iter().chain(OF_CLIENT)
}

/// A statement begins to run.
pub(crate) fn statement(kind: &'static str) {
    counter!(STATEMENTS, "kind" => kind).increment(1);
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The page of the documentation.
    fn page() -> String {
        let mut page = String::from(
            "# What is measured\n\n\
             Generated from the tables in `crates/client/src/metrics.rs` and `crates/tifusion/src/metrics.rs`: \
             `TIFUSION_WRITE_DOCS=1 cargo test --workspace --lib metrics` writes it again.\n\n\
             Measurements go through the `metrics` facade to whatever recorder the program installs; \
             `cargo run --example metrics` shows it with Prometheus. Labels have few values: the query id, tables and \
             regions are in the spans and in the log of slow tasks (`slow_task.threshold`).\n\n\
             | name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n",
        );
        for metric in all() {
            let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let kind = format!("{:?}", metric.kind).to_lowercase();
            let (name, unit, labels) = (metric.name, metric.unit.as_str(), labels.join(", "));
            writeln!(page, "| `{name}` | {kind} | {unit} | {labels} | {} |", metric.help).unwrap();
        }
        page
    }

    #[test]
    fn the_page_in_the_documentation_is_current() {
        let path = "../../docs/metrics.md";
        let page = page();
        if std::env::var_os("TIFUSION_WRITE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page, "docs/metrics.md is not what the table says: see its first lines");
    }
}
