//! TiSpark: Spark on the same stores, in a JVM that stays up for the whole run.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;
use tifusion_testkit::cluster::{Cluster, repository};
use tokio::task::block_in_place;

use crate::error::{BenchError, Result};
use crate::process::Program;
use crate::sides::Answer;

/// The threads that Spark works with, as many as `DataFusion` has partitions.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Spark with TiSpark, which `benches/tispark/Run.java` runs.
pub(crate) struct TiSpark {
    jvm: Child,
    program: Program,
    statements: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Spark's own files, which go with it.
    _folder: TempDir,
}

impl TiSpark {
    /// Starts it, and waits until it has found `database`. `jars` is a folder with jars or a class path.
    pub(super) fn start(jars: &OsStr, cluster: &Cluster, database: &str) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(BenchError::Jvm)?;
        let files = repository().join("benches/tispark");
        let mut jvm = Command::new("java")
            .arg(joined("@", &files.join("java.options")))
            .arg(joined("-Djava.io.tmpdir=", folder.path()))
            .arg(joined("-Dlog4j2.configurationFile=", &files.join("log4j2.properties")))
            .arg("-cp")
            .arg(class_path(jars))
            .arg(files.join("Run.java"))
            .args([cluster.pd.as_str(), database, threads().to_string().as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(BenchError::Jvm)?;
        let (statements, answers) = (jvm.stdin.take(), jvm.stdout.take());
        let (statements, answers) = statements.zip(answers).ok_or(BenchError::JvmEnded)?;
        let answers = BufReader::new(answers);
        let program = Program::of(jvm.id())?;
        let mut tispark = Self { jvm, program, statements, answers, _folder: folder };
        block_in_place(|| tispark.next_answer())?;
        Ok(tispark)
    }

    /// The JVM.
    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Has it answer a statement, and waits for all rows.
    pub(crate) fn answer(&mut self, statement: &str) -> Result<Answer> {
        // Its statements are lines, TPC-H's are several.
        let line = statement.replace(['\r', '\n'], " ");
        block_in_place(|| {
            writeln!(self.statements, "{line}").map_err(BenchError::Jvm)?;
            self.statements.flush().map_err(BenchError::Jvm)?;
            self.next_answer()
        })
    }

    fn next_answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        match self.answers.read_line(&mut line).map_err(BenchError::Jvm)? {
            0 => Err(BenchError::JvmEnded),
            _ => parse(line.trim_end()),
        }
    }
}

impl Drop for TiSpark {
    fn drop(&mut self) {
        // It has nothing to finish. What fails here is that it has ended already.
        let _ended = self.jvm.kill().and_then(|()| self.jvm.wait());
    }
}

/// An answer's line: `ok`, a tab and the number of rows, or `error`, a tab and why.
fn parse(line: &str) -> Result<Answer> {
    let wrong = |reason: &str| BenchError::TiSpark { reason: reason.to_owned() };
    match line.split_once('\t') {
        Some(("ok", rows)) => {
            let rows = rows.parse().map_err(|_| wrong(line))?;
            Ok(Answer { rows, received: None })
        }
        Some(("error", reason)) => Err(wrong(reason)),
        _ => Err(wrong(line)),
    }
}

/// A folder stands for all jars in it.
fn class_path(jars: &OsStr) -> OsString {
    let path = Path::new(jars);
    if path.is_dir() { path.join("*").into_os_string() } else { jars.to_owned() }
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut text = OsString::from(option);
    text.push(path);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_rows_or_reasons() {
        assert_eq!(parse("ok\t12").unwrap(), Answer { rows: 12, received: None });
        assert!(parse("error\tno such table").unwrap_err().to_string().contains("no such table"));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        assert!(parse("ok\tmany").is_err());
        assert!(parse("Exception in thread main").unwrap_err().to_string().contains("Exception"));
    }

    #[test]
    fn a_folder_is_all_jars_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(class_path(folder.path().as_os_str()), folder.path().join("*").into_os_string());
        assert_eq!(class_path(OsStr::new("a.jar:b.jar")), "a.jar:b.jar");
    }
}
