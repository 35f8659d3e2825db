//! A scheduler and executors as processes of their own.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tifusion_testkit::connector::Connector;

/// How long processes may take to come up, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// A scheduler and executors; they end with it.
pub(crate) struct Processes {
    config: HashMap<String, String>,
    folder: TempDir,
    scheduler: Process,
    port: u16,
    pub(crate) executors: Vec<Process>,
}

/// One process, and what it logs.
pub(crate) struct Process {
    child: Child,
    lines: Arc<std::sync::Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
}

impl Processes {
    /// Starts a scheduler and so many executors over the cluster of this configuration, which are there when this
    /// returns.
    pub(crate) async fn start(config: HashMap<String, String>, executors: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let lines = config.iter().map(|(key, value)| format!("{key:?} = {value:?}\n"));
        std::fs::write(folder.path().join("tifusion.toml"), lines.collect::<String>()).unwrap();
        let port = free_port();
        let scheduler = Process::start(
            env!("CARGO_BIN_EXE_tifusion-scheduler"),
            &folder,
            &["--port", &port.to_string(), "--executor-timeout-seconds", "6"],
        );
        let mut all = Self { config, folder, scheduler, port, executors: Vec::new() };
        for _ in 0..executors {
            all.start_executor().await;
        }
        all
    }

    /// One more executor.
    pub(crate) async fn start_executor(&mut self) {
        let (port, scheduler) = (self.port.to_string(), self.scheduler.registered());
        let [flight, grpc] = [free_port(), free_port()].map(|port| port.to_string());
        let executor = Process::start(
            env!("CARGO_BIN_EXE_tifusion-executor"),
            &self.folder,
            &[
                "--scheduler-port",
                &port,
                "--port",
                &flight,
                "--grpc-port",
                &grpc,
                "--vcores",
                "2",
                "--heartbeat-seconds",
                "1",
            ],
        );
        self.executors.push(executor);
        let began = Instant::now();
        while self.scheduler.registered() == scheduler {
            assert!(began.elapsed() < PATIENCE, "no executor: {}", self.told());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where the scheduler is.
    pub(crate) fn url(&self) -> String {
        format!("df://127.0.0.1:{}", self.port)
    }

    /// A session whose queries run here.
    pub(crate) async fn session(&self) -> Connector {
        let context = tifusion_ballista::connect(self.config.clone(), &self.url()).await;
        Connector::of(context.unwrap_or_else(|error| panic!("{error}")))
    }

    /// All that was logged.
    pub(crate) fn told(&self) -> String {
        let processes = self.executors.iter().chain([&self.scheduler]);
        processes.map(|process| process.lines().join("\n") + "\n--\n").collect()
    }
}

impl Process {
    fn start(program: &str, folder: &TempDir, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .arg("--config")
            .arg(folder.path().join("tifusion.toml"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (lines, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let process = Self { child, lines: Arc::clone(&lines), ended: Arc::clone(&ended) };
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
            ended.store(true, Ordering::Release);
        });
        process
    }

    /// What it has logged so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// How many executors have registered with it.
    fn registered(&self) -> usize {
        assert!(!self.ended.load(Ordering::Acquire), "the scheduler has ended: {:?}", self.lines());
        let lines = self.lines();
        lines.iter().filter(|line| line.contains("register executor request")).count()
    }

    /// The rows and bytes that its tasks have read of tables, as it tells them.
    pub(crate) fn read(&self) -> (u64, u64) {
        let number = |line: &str, name: &str| {
            let value = line.split_once(&format!("{name}=")).unwrap().1;
            value.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        let lines = self.lines();
        let tasks = lines.iter().filter(|line| line.contains("a task of a scan is done"));
        let tasks = tasks.map(|line| (number(line, "rows"), number(line, "bytes")));
        tasks.fold((0, 0), |(rows, bytes), (r, b)| (rows + r, bytes + b))
    }

    /// How many tasks of scans it has done, as it tells them.
    pub(crate) fn scans(&self) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.contains("a task of a scan is done")).count()
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whoever was killed is dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens at. The system gives none of this range to connections, which could take it before whoever it
/// is for listens.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 13_000 + u16::try_from(std::process::id() % 150).unwrap() * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
