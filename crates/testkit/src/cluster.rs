//! The cluster that a test runs on.
//!
//! `TIFUSION_TEST_CLUSTER` with `TIFUSION_PD_ADDRS` and `TIFUSION_TIDB_ADDR` names a running one (a
//! playground or an external cluster); without it the playground is started by its script, once per
//! [`Shape`] and process, and stopped when this process ends.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

/// What kind of cluster a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Bytes above one and a half times which a region is split; `None` for the default.
    pub region_size: Option<u64>,
    /// New collations on.
    pub new_collation: bool,
    /// TLS on.
    pub tls: bool,
    /// The old generation of TiDB (2021).
    pub old: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { region_size: None, new_collation: true, tls: false, old: false }
    }
}

impl Shape {
    /// A cluster whose small tables have many regions.
    #[must_use]
    pub fn many_regions() -> Self {
        Self { region_size: Some(16 * 1024), ..Self::default() }
    }

    fn name(self) -> String {
        let size = self.region_size.map(|size| format!("-{size}")).unwrap_or_default();
        let collation = if self.new_collation { "" } else { "-oldcollation" };
        let tls = if self.tls { "-tls" } else { "" };
        let old = if self.old { "-old" } else { "" };
        format!("test{size}{collation}{tls}{old}-{}", std::process::id())
    }

    fn arguments(self) -> Vec<String> {
        let mut arguments = vec!["up".to_owned(), "--name".to_owned(), self.name()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--owner-pid", std::process::id().to_string());
        if let Some(size) = self.region_size {
            option("--region-size", size.to_string());
        }
        if !self.new_collation {
            option("--new-collation", "off".to_owned());
        }
        if self.tls {
            option("--tls", "on".to_owned());
        }
        if self.old {
            option("--generation", "old".to_owned());
        }
        arguments
    }
}

/// A running cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// PD's addresses, comma-separated.
    pub pd: String,
    /// TiDB's SQL port, `host:port`.
    pub tidb: String,
    /// All that the playground's script printed, or the environment.
    pub variables: HashMap<String, String>,
}

impl Cluster {
    /// The cluster of `shape`, or `None` when there is no way to one on this machine: then the test
    /// called `test` says so and passes by.
    ///
    /// # Panics
    /// If the cluster cannot be started, or CI lacks what it needs.
    #[must_use]
    pub fn of(shape: Shape, test: &str) -> Option<Arc<Self>> {
        static RUNNING: OnceLock<Mutex<HashMap<Shape, Option<Arc<Cluster>>>>> = OnceLock::new();
        let mut running = RUNNING.get_or_init(Mutex::default).lock().expect("no panic while held");
        let cluster = running.entry(shape).or_insert_with(|| find_or_start(shape)).clone();
        if cluster.is_none() {
            assert!(std::env::var_os("CI").is_none(), "{test}: CI must have Go for the playground");
            eprintln!("skipped: {test}: no Go on this machine and no TIFUSION_TEST_CLUSTER");
        }
        cluster
    }
}

fn find_or_start(shape: Shape) -> Option<Arc<Cluster>> {
    let kind = std::env::var("TIFUSION_TEST_CLUSTER").ok();
    if kind.is_some() && shape == Shape::default() {
        let variables: HashMap<String, String> =
            std::env::vars().filter(|(name, _)| name.starts_with("TIFUSION_")).collect();
        return Some(Arc::new(from_variables(variables)));
    }
    start(shape).map(Arc::new)
}

fn from_variables(variables: HashMap<String, String>) -> Cluster {
    let get = |name: &str| {
        variables.get(name).cloned().unwrap_or_else(|| panic!("{name} is not set"))
    };
    Cluster { pd: get("TIFUSION_PD_ADDRS"), tidb: get("TIFUSION_TIDB_ADDR"), variables }
}

fn start(shape: Shape) -> Option<Cluster> {
    /// What the script answers when there is no Go.
    const NO_GO: i32 = 3;
    let output = Command::new(script()).args(shape.arguments()).output().expect("bash is there");
    if output.status.code() == Some(NO_GO) {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "the playground did not start: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let variables = text
        .lines()
        .filter_map(|line| line.trim_start_matches("export ").split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect();
    Some(from_variables(variables))
}

/// The repository's root.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn script() -> PathBuf {
    repository().join("tests/playground/run")
}

/// How much heavier than the least the tests run: `TIFUSION_TEST_SCALE`, 1 without it.
#[must_use]
pub fn scale() -> usize {
    std::env::var("TIFUSION_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
