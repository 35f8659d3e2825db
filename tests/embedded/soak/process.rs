//! What this process holds.

use std::fs;
use std::time::{Duration, Instant};

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

    /// What is held once as few files and tasks are left as there were, or what is too much after `patience`.
    pub(crate) async fn back_to(before: Self, patience: Duration) -> Self {
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
