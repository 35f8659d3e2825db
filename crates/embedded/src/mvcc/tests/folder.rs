use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};

use tifusion_proto::kvrpcpb::ResolveLockRequest;

use super::*;

/// Tells a child process in which folder to work, and with which transaction to begin.
const FOLDER: &str = "TIFUSION_TEST_FOLDER";
const FIRST: &str = "TIFUSION_TEST_FIRST";
const NAME: &str = "mvcc::tests::folder::what_was_answered_survives_a_kill";

/// Transaction `n` begins at `10 * n` and commits by two phases or one. It puts a short and a long value to keys of
/// its own, and its number to a common one.
fn mutations(n: u64) -> Vec<Mutation> {
    let own = [put(&format!("a{n:06}"), &n.to_string()), put(&format!("b{n:06}"), &long('b'))];
    own.into_iter().chain([put("newest", &n.to_string())]).collect()
}

fn run(storage: &Storage, n: u64) {
    if n.is_multiple_of(3) {
        let response = storage.prewrite(&one_pc_request(10 * n, &mutations(n)));
        assert!(response.one_pc_commit_ts > 0, "{response:?}");
    } else {
        must_prewrite(storage, 10 * n, &mutations(n));
        let keys =
            mutations(n).into_iter().map(|mutation| String::from_utf8(mutation.key).unwrap());
        let keys: Vec<String> = keys.collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        must_commit(storage, &keys, 10 * n, 10 * n + 5);
    }
}

fn child(folder: &str, first: u64) {
    let storage = Storage::open(folder).unwrap();
    for n in first.. {
        run(&storage, n);
        println!("\ndone {n}");
        std::io::stdout().flush().unwrap();
    }
}

/// Runs a child until it has answered some transactions, kills it, and returns the last one that it answered.
fn run_and_kill(folder: &std::path::Path, first: u64, answers: u64) -> u64 {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut done = 0;
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let answered = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("done ").and_then(|n| n.parse::<u64>().ok()));
    let mut killed = false;
    for n in answered {
        done = n;
        if n >= first + answers && !killed {
            // What it had still answered until then is read too.
            process.kill().unwrap();
            killed = true;
        }
    }
    process.wait().unwrap();
    assert!(killed, "the child ended by itself after {done}");
    done
}

#[test]
fn what_was_answered_survives_a_kill() {
    if let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) {
        return child(&folder, first.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut first = 1;
    let mut committed = Vec::new();
    for answers in [0, 7, 23] {
        let done = run_and_kill(folder.path(), first, answers);
        committed.extend(first..=done);
        let storage = Storage::open(folder.path()).unwrap();
        storage.update_max_ts(10 * done + 9);
        assert_eq!(storage.check_invariants().unwrap(), []);
        // The transaction that was under way may have left its locks; whoever meets them rolls them back.
        let cut = done + 1;
        let request =
            ResolveLockRequest { start_version: 10 * cut, ..ResolveLockRequest::default() };
        assert_eq!(storage.resolve_lock(&request).error, None);
        let primary = outline(&storage, &format!("a{cut:06}"));
        if primary.first().is_some_and(|(kind, ..)| *kind == WriteKind::Put) {
            committed.push(cut);
        }
        for n in &committed {
            must_get(&storage, &format!("a{n:06}"), u64::MAX, &n.to_string());
            must_get(&storage, &format!("b{n:06}"), u64::MAX, &long('b'));
        }
        let newest = committed.last().unwrap();
        must_get(&storage, "newest", u64::MAX, &newest.to_string());
        assert_eq!(storage.check_invariants().unwrap(), []);
        first = cut + 1;
    }
}

#[test]
fn an_opened_folder_is_as_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    for n in 1..=4 {
        run(&storage, n);
    }
    must_prewrite(&storage, 100, &[put("held", "1")]);
    let lock = lock_of(&storage, "held");
    drop(storage);
    let storage = Storage::open(folder.path()).unwrap();
    assert_eq!(lock_of(&storage, "held"), lock);
    must_get(&storage, "newest", 99, "4");
    must_commit(&storage, &["held"], 100, 101);
    assert_eq!(storage.gc(200).unwrap(), 3);
    must_get(&storage, "newest", 200, "4");
}
