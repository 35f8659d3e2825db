//! A process of its own for a soak, and what it holds.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tells the process of a soak from others: its seed.
const CHILD: &str = "TIFUSION_SOAK_CHILD";

/// Plans of writes are deep, and frames large without optimization.
const STACK: usize = 8 << 20;

/// A number from the environment.
pub(crate) fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|told| told.parse().ok())
}

/// Runs this test of this binary alone in a process, so that what it holds can be counted; `again` says how to
/// repeat that when it fails.
pub(crate) fn alone(test: &str, seed: u64, again: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]);
    child.env(CHILD, seed.to_string()).stdin(Stdio::null());
    let output = child.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{again}");
    eprintln!("{told}");
}

/// In a process that [`alone`] started: a soak by its seed.
pub(crate) fn in_child<F: Future<Output = ()>>(soak: impl FnOnce(u64) -> F + Send) {
    let Some(seed) = variable(CHILD) else { return };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).thread_stack_size(STACK).enable_all();
    let runtime = runtime.build().unwrap();
    // The soak itself reads and writes between its rounds.
    std::thread::scope(|threads| {
        let main = std::thread::Builder::new().stack_size(STACK);
        let main = main.spawn_scoped(threads, || runtime.block_on(soak(seed)));
        main.unwrap().join().unwrap();
    });
}

/// Memory that may be held more after the last round than after the first, KiB. The data and all caches are as large
/// as they were (accounts change in place, versions are collected, regions are as many as rows at most); what
/// is left is the allocator's: free room in its arenas, of which each thread fills its own at its own time.
const SLACK: u64 = 64 << 10;

/// Memory, files and tasks; 0 where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// Resident memory, KiB.
    pub(crate) memory: u64,
    /// Open file descriptors.
    pub(crate) files: usize,
    /// Living tasks of the runtime.
    pub(crate) tasks: usize,
}

impl Held {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            memory: resident(&status).unwrap_or(0),
            files: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        }
    }

    /// Panics if memory has grown from the first to the last of these.
    pub(crate) fn assert_no_growth(all: &[Self]) {
        let (first, last) = (all[0].memory, all[all.len() - 1].memory);
        assert!(last <= first + SLACK, "memory grew from {first} to {last} KiB");
    }

    /// Waits until as few files and tasks are left as there were, and panics if that takes too long.
    pub(crate) async fn assert_back_to(before: Self) {
        let after = Self::back_to(before, Duration::from_secs(60)).await;
        eprintln!("soak: {before:?} before, {after:?} after");
        assert!(after.files <= before.files, "files: {before:?} before, {after:?} after");
        assert!(after.tasks <= before.tasks, "tasks: {before:?} before, {after:?} after");
    }

    /// What is held once as few files and tasks are left as there were, or what is too much after `patience`.
    async fn back_to(before: Self, patience: Duration) -> Self {
        let began = Instant::now();
        loop {
            let now = Self::now();
            let back = now.files <= before.files && now.tasks <= before.tasks;
            if back || began.elapsed() > patience {
                return now;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// `VmRSS` of `/proc/self/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn the_resident_memory_is_read() {
    assert_eq!(resident("VmPeak:\t 9 kB\nVmRSS:\t  123456 kB\nThreads: 3\n"), Some(123_456));
    assert_eq!(resident(""), None);
}
