//! Statements that take their time: a store that is slow on request.

use std::time::{Duration, Instant};

use tifusion_embedded::{Effect, Fault, Rpc};

use crate::cluster::{pd, with_rows};
use crate::terminal::{INTERRUPT, Terminal};

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(3000);

fn slow(delay: Duration) -> Fault {
    Fault::new(Effect::Delay(delay)).on([Rpc::Coprocessor])
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_shown_while_a_statement_runs_and_gone_before_its_result() {
    let cluster = with_rows().await;
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&["--pd", &pd(&cluster)], &folder.path().join("history"));
    terminal.prompt("test");
    cluster.faults().add(slow(Duration::from_secs(2)));
    let screen = terminal.enter("test", "SELECT count(*) AS n FROM t;");
    assert!(screen.contains("| 4 |") && !screen.contains("regions"), "{screen}");
    assert!(terminal.saw("/4 regions, ").contains("| 4 |"), "{}", terminal.written());
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_statement_and_the_prompt_goes_on() {
    let cluster = with_rows().await;
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&["--pd", &pd(&cluster)], &folder.path().join("history"));
    terminal.prompt("test");
    let before = cluster.faults().calls(Rpc::Coprocessor);
    let fault = cluster.faults().add(slow(FOR_EVER));
    terminal.keys("SELECT * FROM t; SELECT 'not this one';\r");
    terminal.see("/4 regions");
    // The line may be there before the first request is.
    let begin = Instant::now();
    while cluster.faults().calls(Rpc::Coprocessor) == before {
        assert!(begin.elapsed() < Duration::from_secs(30), "no request in {:?}", begin.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begin = Instant::now();
    terminal.keys(INTERRUPT);
    let screen = terminal.see("cancelled");
    terminal.prompt("test");
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    assert!(!screen.contains("/4 regions") && !screen.contains("| not this one"), "{screen}");
    // Nothing goes on behind the scenes.
    let calls = cluster.faults().calls(Rpc::Coprocessor);
    cluster.faults().remove(fault);
    let screen = terminal.enter("test", "SELECT 3 + 4 AS n;");
    assert!(screen.contains("| 7 |"), "{screen}");
    assert_eq!(cluster.faults().calls(Rpc::Coprocessor), calls);
    let screen = terminal.enter("test", "SELECT count(*) AS rows FROM t;");
    assert!(screen.contains("| 4    |"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_script_with_its_own_status() {
    let cluster = with_rows().await;
    let folder = tempfile::tempdir().unwrap();
    let pd = pd(&cluster);
    // Connecting reads another table, and is not slow.
    for region in cluster.regions().iter().rev().take(4) {
        cluster.faults().add(slow(FOR_EVER).in_region(region.id));
    }
    let arguments = ["--pd", &pd, "-c", "SELECT * FROM t", "-c", "SELECT 'not this one'"];
    let mut terminal = Terminal::start(&arguments, &folder.path().join("history"));
    terminal.see("/4 regions");
    terminal.keys(INTERRUPT);
    assert_eq!(terminal.end(), 130);
    assert!(!terminal.written().contains("not this one"), "{}", terminal.written());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_an_error_that_names_the_limit() {
    let cluster = with_rows().await;
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&["--pd", &pd(&cluster)], &folder.path().join("history"));
    terminal.enter("test", "SET tidb.statement.timeout = '2s';");
    cluster.faults().add(slow(FOR_EVER));
    let screen = terminal.enter("test", "SELECT * FROM t;");
    assert!(screen.contains("error (DeadlineExceeded)"), "{screen}");
    assert!(screen.contains("statement.timeout: 2s"), "{screen}");
    let screen = terminal.enter("test", "SELECT 3 + 4 AS n;");
    assert!(screen.contains("| 7 |"), "{screen}");
}
