//! Writers that are killed, at any point.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion::TidbContext;

use super::{ROWS, SETTINGS, batches, insert, settled, start};

/// Names the address of PD to the process that is killed.
const PD: &str = "TIFUSION_KILLED_WRITER_PD";
/// Its first batch.
const FIRST: &str = "TIFUSION_KILLED_WRITER_FIRST";

/// How long a lock of a dead writer stands.
const LOCK_TTL: Duration = Duration::from_secs(20);

/// Not a test of its own: the process that [`a_writer_that_is_killed_leaves_all_or_nothing`] kills.
#[tokio::test]
async fn the_writer_that_is_killed() {
    let (Ok(pd), Ok(first)) = (std::env::var(PD), std::env::var(FIRST)) else { return };
    let settings = [("pd.addresses", pd.as_str())].into_iter().chain(SETTINGS);
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let context = TidbContext::connect(settings.collect()).await.unwrap();
    context.use_database("test").await.unwrap();
    for batch in first.parse::<i64>().unwrap().. {
        say(&format!("begun {batch}"));
        context.sql(&insert(batch)).await.unwrap().collect().await.unwrap();
        say(&format!("done {batch}"));
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{text}").unwrap();
    out.flush().unwrap();
}

fn spawn(pd: &str, first: i64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "write::kill::the_writer_that_is_killed", "--nocapture"])
        .envs([(PD, pd), (FIRST, &first.to_string())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// Kills one writer in the middle of a statement; what it said it had done goes to `done`. The last batch that
/// it began comes back.
fn kill_one(
    pd: &str,
    first: i64,
    chance: &mut StdRng,
    longest: &mut Duration,
    done: &mut Vec<i64>,
) -> i64 {
    let (mut child, mut out) = spawn(pd, first);
    let whole = chance.random_range(0..3);
    let (mut last, mut finished) = (first, 0);
    let mut line = String::new();
    let mut began = Instant::now();
    while finished < whole || last < first || line != "begun" {
        line.clear();
        let mut text = String::new();
        assert!(out.read_line(&mut text).unwrap() > 0, "the writer ended by itself");
        let Some((word, batch)) = text.trim().split_once(' ') else { continue };
        let Ok(batch) = batch.parse::<i64>() else { continue };
        match word {
            "begun" => {
                last = batch;
                began = Instant::now();
            }
            "done" => {
                // The first statement of a process has more to find out.
                *longest = if finished > 0 { began.elapsed() } else { *longest };
                done.push(batch);
                finished += 1;
            }
            _ => continue,
        }
        word.clone_into(&mut line);
    }
    // At any moment of the statement, as long as the last one took.
    std::thread::sleep(longest.mul_f64(chance.random_range(0.0..1.2)));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it died.
    for text in out.lines().map_while(Result::ok) {
        match text.trim().split_once(' ') {
            Some(("done", batch)) => done.push(batch.parse().unwrap()),
            Some(("begun", batch)) => last = batch.parse().unwrap(),
            _ => {}
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_killed_leaves_all_or_nothing() {
    let default = if std::env::var_os("CI").is_some() { 200 } else { 20 };
    let kills = std::env::var("TIFUSION_KILLS").map_or(default, |text| text.parse().unwrap());
    let seed = std::env::var("TIFUSION_SEED").map_or(7, |text| text.parse().unwrap());
    let cluster = start(seed).await;
    let pd = cluster.pd_addresses().join(",");
    let (last, done) = tokio::task::spawn_blocking(move || {
        let (mut chance, mut done, mut last) = (StdRng::seed_from_u64(seed), Vec::new(), 0);
        let mut longest = Duration::from_millis(100);
        for _ in 0..kills {
            last = kill_one(&pd, last + 1, &mut chance, &mut longest, &mut done);
        }
        (last, done)
    })
    .await
    .unwrap();
    tokio::time::sleep(LOCK_TTL + Duration::from_secs(1)).await;
    let batches = batches(&cluster).await;
    for (batch, rows) in &batches {
        assert_eq!(*rows, ROWS, "batch {batch} is there in part");
    }
    let there: Vec<i64> = batches.iter().map(|(batch, _)| *batch).collect();
    for batch in &done {
        assert!(there.contains(batch), "batch {batch} was done, and is not there");
    }
    settled(&cluster).await;
    let lost = last as usize - there.len();
    eprintln!(
        "{kills} writers killed (TIFUSION_SEED={seed}, TIFUSION_KILLS={kills}): {last} batches begun, {} \
         said to be done, {} there, {lost} gone",
        done.len(),
        there.len()
    );
    assert!(lost > kills / 10, "hardly a writer was killed in its work");
}
