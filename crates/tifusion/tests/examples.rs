//! The examples, as their reader runs them: as programs, with what they print.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long the quick start may take: under a minute is promised, and this machine has other work.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program of an example. Plain `cargo test` has built it; `cargo test --test examples` does not.
fn program(name: &str) -> PathBuf {
    let source = PathBuf::from(format!("../../examples/{name}.rs"));
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().unwrap().with_file_name("examples").join(name);
    let time = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
    assert!(
        time(&built).is_some_and(|built| built >= time(&source).unwrap()),
        "{} is not built, or older than its source: run `cargo build --examples`",
        built.display()
    );
    built
}

fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(program(name)).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What a program that succeeded printed.
fn printed(output: &Output) -> String {
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "{}\n{out}\n{errors}", output.status);
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A program that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The quick start with `--keep`, from its first line to Ctrl-C, and meanwhile what it says to type.
#[test]
fn the_quick_start_shows_everything_and_keeps_its_cluster() {
    let begun = Instant::now();
    let mut quickstart = Command::new(program("quickstart"));
    quickstart.arg("--keep").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut quickstart = Running(quickstart.spawn().unwrap());
    let mut lines = BufReader::new(quickstart.0.stdout.take().unwrap()).lines();
    let mut shown = String::new();
    let until = |stop: &str, shown: &mut String, lines: &mut dyn Iterator<Item = _>| {
        for line in lines {
            let line: String = Result::<_, std::io::Error>::unwrap(line);
            shown.push_str(&line);
            shown.push('\n');
            if line.contains(stop) {
                return line;
            }
        }
        panic!("it ended before {stop:?}:\n{shown}");
    };
    until("Ctrl-C", &mut shown, &mut lines);
    assert!(begun.elapsed() < PATIENCE, "{:?}\n{shown}", begun.elapsed());
    let last = until("join_parquet", &mut shown, &mut lines);
    let pd = last.rsplit(' ').next().unwrap();

    let tables = printed(&run("sql", &["--pd", pd, "--db", "tpch", "SHOW TABLES"]));
    assert!(tables.contains("lineitem") && tables.contains("partsupp"), "{tables}");
    let joined = printed(&run("join_parquet", &[pd]));
    assert_eq!(joined.matches("Customer#").count(), 5, "{joined}");

    let id = quickstart.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(quickstart.0.wait().unwrap().success(), "{shown}");
    let mut errors = String::new();
    quickstart.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "");
    check(&shown);
}

/// What the quick start shows of TPC-H at scale factor 0.01; the answers are those that TiDB is asked for in
/// `tests/cluster/tpch.rs`.
fn check(shown: &str) {
    for expected in [
        "lineitem    60175 rows",
        "| 60175      |",
        "| 1193053.2253 |",
        "| 5-LOW           | 128         |",
        "| VIETNAM   | 1000926.6999 |",
        "TikvScanExec: table=tpch.lineitem, columns=[l_shipmode], regions=",
        "aggregates=[count(*)], groups=[l_shipmode]",
        "| CHINA  | 60000000.00 | 65163845.89 | true    |",
        "| FRANCE | 55000000.00 | 53688941.76 | false   |",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in\n{shown}");
    }
    let regions = shown.split("columns=[l_shipmode], regions=").nth(1).unwrap();
    let regions: usize = regions.split(',').next().unwrap().parse().unwrap();
    assert!(regions > 4, "{regions}");
    // Lines that grow are for terminals.
    assert!(!shown.contains('\r'), "{shown}");
}

#[test]
fn what_goes_wrong_is_told_on_one_line() {
    let mut quickstart = Command::new(program("join_parquet"));
    let output = quickstart.arg("nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.starts_with("error: ") && errors.contains("pd.addresses"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn faults_of_the_embedded_cluster_change_no_answer() {
    let shown = printed(&run("embedded", &[]));
    for expected in [
        "| Ada      | 2      | 20.45  |",
        "busy 2 times, and the same answer",
        "split 1 times, and the same answer",
        "an answer lost 1 times, and the same answer",
        "store 1 dead, and the same answer",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in\n{shown}");
    }
}

#[test]
fn prometheus_reads_what_was_measured() {
    let shown = printed(&run("metrics", &[]));
    let value = |series: &str| {
        let line = shown.lines().find(|line| line.starts_with(series));
        let line = line.unwrap_or_else(|| panic!("no {series:?} in\n{shown}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("tifusion_statements_total{kind=\"insert\"}"), 1.0, "{shown}");
    assert_eq!(value("tifusion_statements_total{kind=\"select\"}"), 1.0, "{shown}");
    assert_eq!(value("tifusion_transactions_total{outcome=\"committed\"}"), 1.0, "{shown}");
    assert!(value("tifusion_regions_cached") >= 1.0, "{shown}");
    assert!(value("tifusion_tso_duration_seconds_count{outcome=\"ok\"}") >= 2.0, "{shown}");
    assert!(
        value("tifusion_rpc_duration_seconds_count{method=\"coprocessor\",store=\"127.0.0.1:")
            >= 1.0
    );
    assert!(
        value("tifusion_rpc_received_bytes_total{method=\"coprocessor\",store=\"127.0.0.1:") > 0.0
    );
    assert!(
        shown.contains("# HELP tifusion_retries_total ")
            || !shown.contains("tifusion_retries_total{")
    );
}

/// The table of docs/scale.md: its counts, not its times.
#[test]
fn the_simulation_counts_what_a_terabyte_asks_of_each_process() {
    let output = printed(&run("scale", &["96", "10", "1"]));
    assert!(output.contains("| 1 TB | 10922 | 11 |"), "{output}");
    assert!(output.contains("| 1093 | 2 |"), "{output}");
}
