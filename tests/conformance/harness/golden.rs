//! Recorded transcripts: what the playground answered, for machines that have none.

use std::fmt::Write as _;
use std::path::PathBuf;

use tifusion_testkit::cluster::repository;

use super::transcript::{Step, Transcript};

/// Set to record anew what the playground answers.
pub(crate) const COMPLETE: &str = "TIFUSION_COMPLETE_CONFORMANCE";

/// Whether this run is to record.
pub(crate) fn is_recording() -> bool {
    std::env::var_os(COMPLETE).is_some()
}

/// A file of the folder of recordings.
pub(crate) fn file(name: &str) -> PathBuf {
    repository().join("tests/conformance/golden").join(name)
}

/// What the playground answered to the cases of a group when it was recorded.
pub(crate) fn read(group: &str) -> Vec<Transcript> {
    let path = file(&format!("{group}.txt"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; record it with {COMPLETE}=1", path.display()));
    parse(&text)
}

/// Records what the playground answered.
pub(crate) fn write(group: &str, transcripts: &[Transcript]) {
    std::fs::write(file(&format!("{group}.txt")), print(transcripts)).expect("a file to record to");
}

fn print(transcripts: &[Transcript]) -> String {
    let mut text = String::new();
    for transcript in transcripts {
        let _ = writeln!(text, "== {}", transcript.case);
        for step in &transcript.steps {
            let _ = writeln!(text, "-- {}", step.label);
            for line in &step.lines {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

fn parse(text: &str) -> Vec<Transcript> {
    let mut transcripts: Vec<Transcript> = Vec::new();
    for line in text.lines() {
        if let Some(case) = line.strip_prefix("== ") {
            transcripts.push(Transcript { case: case.to_owned(), steps: Vec::new() });
            continue;
        }
        let transcript = transcripts.last_mut().expect("a recording begins with a case");
        if let Some(label) = line.strip_prefix("-- ") {
            transcript.steps.push(Step { label: label.to_owned(), lines: Vec::new() });
        } else {
            let step = transcript.steps.last_mut().expect("a case begins with a step");
            step.lines.push(line.to_owned());
        }
    }
    transcripts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let step = |label: &str, lines: &[&str]| Step {
            label: label.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let transcripts = [
            Transcript {
                case: "a".to_owned(),
                steps: vec![step("1 get", &["value: \"x\"", "b: 1"])],
            },
            Transcript {
                case: "b".to_owned(),
                steps: vec![step("1 get", &[]), step("2", &["c: 2"])],
            },
        ];
        assert_eq!(parse(&print(&transcripts)), transcripts);
    }
}
