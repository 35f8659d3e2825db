//! The cluster that a test runs on.
//!
//! The tests here have TiDB as their judge (those that need only Rust start an embedded cluster
//! themselves). `TIFUSION_TEST_CLUSTER` says where it is:
//!
//! | value | the cluster |
//! |---|---|
//! | unset, `playground` | a real TiDB, started by its script, once per [`Shape`] and process; its own watcher stops it when this process has ended, however it ended. Without Go there is none, and the tests pass by |
//! | `playground`, `external` with `TIFUSION_PD_ADDRS` and `TIFUSION_TIDB_ADDR` | the one at these addresses, for tests that need nothing special; the playground for the others |
//! | `embedded` | none: the tests pass by |

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
        Self { region_size: Some(64 * 1024), ..Self::default() }
    }

    /// A cluster of the time before new collations.
    #[must_use]
    pub fn old_collation() -> Self {
        Self { new_collation: false, ..Self::default() }
    }

    /// A cluster of TiDB of 2021.
    #[must_use]
    pub fn old_generation() -> Self {
        Self { old: true, new_collation: false, ..Self::default() }
    }

    fn name(self) -> String {
        let size = self.region_size.map(|size| format!("-{size}")).unwrap_or_default();
        let collation = if self.new_collation { "" } else { "-oldcollation" };
        let tls = if self.tls { "-tls" } else { "" };
        let old = if self.old { "-old" } else { "" };
        format!("test{size}{collation}{tls}{old}-{}", std::process::id())
    }

    fn arguments(self) -> Vec<String> {
        let mut arguments = vec!["up".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        let on_or_off = |on| if on { "on" } else { "off" }.to_owned();
        option("--name", self.name());
        option("--owner-pid", std::process::id().to_string());
        option("--new-collation", on_or_off(self.new_collation));
        option("--tls", on_or_off(self.tls));
        option("--generation", if self.old { "old" } else { "modern" }.to_owned());
        if let Some(size) = self.region_size {
            option("--region-size", size.to_string());
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

/// A cluster found or started, `None` where there is no way to one, or why starting failed.
type Start = Result<Option<Arc<Cluster>>, String>;

impl Cluster {
    /// The cluster of `shape`, or `None` when there is no way to one on this machine or none is
    /// wanted: then the test called `test` says so and passes by.
    ///
    /// Tests that need the same shape share it; shapes start side by side.
    ///
    /// # Panics
    /// If the cluster cannot be started, or CI lacks what it needs.
    #[must_use]
    pub fn of(shape: Shape, test: &str) -> Option<Arc<Self>> {
        static RUNNING: OnceLock<Mutex<HashMap<Shape, Arc<OnceLock<Start>>>>> = OnceLock::new();
        let slot = {
            let running = RUNNING.get_or_init(Mutex::default);
            let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(running.entry(shape).or_default())
        };
        match slot.get_or_init(|| find_or_start(shape)) {
            Ok(Some(cluster)) => Some(Arc::clone(cluster)),
            Ok(None) => {
                let must = std::env::var_os("CI").is_some() && !no_tidb_is_wanted();
                assert!(!must, "{test}: CI must have Go for the playground");
                eprintln!("skipped: {test}: it needs TiDB, from Go or TIFUSION_TEST_CLUSTER");
                None
            }
            Err(reason) => panic!("{test}: the playground did not start: {reason}"),
        }
    }
}

fn no_tidb_is_wanted() -> bool {
    std::env::var("TIFUSION_TEST_CLUSTER").is_ok_and(|cluster| cluster == "embedded")
}

fn find_or_start(shape: Shape) -> Start {
    match std::env::var("TIFUSION_TEST_CLUSTER").as_deref() {
        Ok("embedded") => return Ok(None),
        Ok("playground" | "external") | Err(_) => {}
        Ok(other) => {
            return Err(format!(
                "TIFUSION_TEST_CLUSTER is embedded, playground or external, not {other:?}"
            ));
        }
    }
    if std::env::var_os("TIFUSION_PD_ADDRS").is_some() && shape == Shape::default() {
        let is_ours = |(name, _): &(String, String)| name.starts_with("TIFUSION_");
        return from_variables(std::env::vars().filter(is_ours).collect()).map(Some);
    }
    start(shape)
}

fn from_variables(variables: HashMap<String, String>) -> Result<Arc<Cluster>, String> {
    let get =
        |name: &str| variables.get(name).cloned().ok_or_else(|| format!("there is no {name}"));
    let (pd, tidb) = (get("TIFUSION_PD_ADDRS")?, get("TIFUSION_TIDB_ADDR")?);
    Ok(Arc::new(Cluster { pd, tidb, variables }))
}

fn start(shape: Shape) -> Start {
    /// What the script answers when there is no Go.
    const NO_GO: i32 = 3;
    let script = repository().join("tests/playground/run");
    let output = Command::new(script)
        .args(shape.arguments())
        .output()
        .map_err(|error| format!("the script cannot be run: {error}"))?;
    if output.status.code() == Some(NO_GO) {
        return Ok(None);
    }
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let variables = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    from_variables(variables).map(Some)
}

/// Takes down what [`Cluster::of`] started for `shape`: for tests of what happens then.
///
/// # Panics
/// If the script fails.
pub fn stop(shape: Shape) {
    let script = repository().join("tests/playground/run");
    let status = Command::new(script).args(["down", "--name", &shape.name()]).status();
    assert!(status.expect("the script runs").success(), "the playground was not taken down");
}

/// The repository's root, which this program runs in: a path that was compiled in may be another checkout's.
///
/// # Panics
/// If it runs elsewhere.
#[must_use]
pub fn repository() -> PathBuf {
    let here = std::env::current_dir().expect("a working directory");
    let root = here.ancestors().find(|folder| folder.join("ARCHITECTURE.md").is_file());
    root.expect("tests run inside the repository").to_path_buf()
}

/// How much heavier than the least the tests run: `TIFUSION_TEST_SCALE`, 1 without it.
#[must_use]
pub fn scale() -> usize {
    std::env::var("TIFUSION_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
