//! Queries that failed once, each in a file with its tables and rows.
//!
//! A file has statements, each ended by a semicolon at the end of a line; the last is the query, in
//! DataFusion's SQL. The comment `-- compare:` above it says how answers are compared, `-- way:` in which
//! session it is asked, `-- TiDB` that TiDB judges it too.

use std::path::PathBuf;

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::{Cluster, Shape, repository};
use tifusion_testkit::edges::odd_rows;
use tifusion_testkit::generator::{Query, table_named};
use tifusion_testkit::tidb::Tidb;

use super::judge::Question;
use super::sides::{ROWS, Sides};

/// A query and the rows with which it fails.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    question: Question,
    seed: u64,
    /// The tables, and of each the numbers of the rows that are left.
    tables: Vec<(String, Vec<usize>)>,
    has_odd_rows: bool,
}

/// The folder of the files.
fn folder() -> PathBuf {
    repository().join("tests/cluster/pushdown/random/kept")
}

/// What stands before the query in its file.
const COMPARE: &str = "-- compare: ";
const WAY: &str = "-- way: ";
const TIDB: &str = "-- TiDB judges it";

impl Kept {
    /// With all rows that are made of `seed`; `has_odd_rows` if the cluster takes them.
    pub(super) fn new(question: Question, query: &Query, seed: u64, has_odd_rows: bool) -> Self {
        let others = query.join.iter().map(|join| &join.table).chain(&query.union);
        let mut names: Vec<String> = std::iter::once(&query.table).chain(others).cloned().collect();
        names.sort_unstable();
        names.dedup();
        let tables = names.into_iter().map(|name| (name, (1..=ROWS).collect())).collect();
        Self { question, seed, tables, has_odd_rows }
    }

    /// The same without `count` of the rows of one table, one for each place where they are.
    pub(super) fn with_fewer(&self, count: usize) -> Vec<Self> {
        let mut all = Vec::new();
        for (table, (_, rows)) in self.tables.iter().enumerate() {
            for start in (0..rows.len()).step_by(count) {
                let mut less = self.clone();
                let end = rows.len().min(start + count);
                less.tables[table].1.drain(start..end);
                all.push(less);
            }
        }
        all
    }

    fn statements(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for (name, numbers) in &self.tables {
            let table = table_named(name).unwrap();
            statements.push(table.create(""));
            if !numbers.is_empty() {
                statements.push(table.insert("", &table.rows(self.seed, numbers.iter().copied())));
            }
            if table.is_odd && self.has_odd_rows {
                statements.extend(odd_rows(name));
            }
            if table.is_analyzed {
                statements.push(format!("ANALYZE TABLE {name} ALL COLUMNS"));
            }
        }
        statements
    }

    /// Whether all sides agree, over a cluster that has nothing yet.
    pub(super) async fn judge_embedded(&self, cluster: EmbeddedCluster) -> Result<(), String> {
        judge_embedded(cluster, &self.statements(), &self.question).await
    }

    /// Whether all sides agree, in a database of the playground.
    pub(super) async fn judge_playground(
        &self,
        cluster: &Cluster,
        database: &str,
    ) -> Result<(), String> {
        judge_playground(cluster, database, &self.statements(), &self.question).await
    }

    /// Writes it to the file of this name.
    pub(super) fn write(&self, name: &str, why: &str) -> PathBuf {
        let path = folder().join(format!("{name}.sql"));
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, self.text(why)).unwrap();
        path
    }

    fn text(&self, why: &str) -> String {
        let Question { sql, unlimited, expectation, is_portable, way } = &self.question;
        let mut text = String::new();
        for line in why.lines().take(3) {
            text += &format!("-- {line}\n");
        }
        for statement in self.statements() {
            text += &format!("{statement};\n");
        }
        text += &format!("{WAY}{way}\n{COMPARE}{expectation}\n");
        if *is_portable {
            text += &format!("{TIDB}\n");
        }
        if sql != unlimited {
            text += &format!("{unlimited};\n");
        }
        text += &format!("{sql};\n");
        text
    }
}

/// Reads a file: its statements, and the query.
fn read(text: &str) -> (Vec<String>, Question) {
    let told = |what| text.lines().find_map(|line| line.strip_prefix(what)).expect(what);
    let compare = told(COMPARE);
    let (before, behind) = text.split_once(COMPARE).unwrap();
    let statements = |text: &str| -> Vec<String> {
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("--")).collect();
        let lines = lines.join("\n");
        lines
            .split(";\n")
            .map(|it| it.trim_end_matches(';').trim().to_owned())
            .filter(|it| !it.is_empty())
            .collect()
    };
    let queries = statements(behind.split_once('\n').unwrap().1);
    let (first, last) = (queries.first().unwrap().clone(), queries.last().unwrap().clone());
    let question = Question {
        sql: last,
        unlimited: first,
        expectation: compare.parse().unwrap(),
        is_portable: text.contains(TIDB),
        way: told(WAY).parse().unwrap(),
    };
    (statements(before), question)
}

async fn judge_embedded(
    cluster: EmbeddedCluster,
    statements: &[String],
    question: &Question,
) -> Result<(), String> {
    cluster.execute("USE test").await.unwrap();
    // The embedded cluster has no statistics, and takes no dates that no calendar has.
    let known = |it: &&String| {
        it.starts_with("CREATE") || (it.starts_with("INSERT") && !it.contains("(id, "))
    };
    let script: Vec<_> = statements.iter().filter(known).cloned().collect();
    cluster.execute(&format!("USE test; {}", script.join("; "))).await.unwrap();
    let sides = Sides::over_embedded(cluster, 0).await;
    sides.ask(question).await.map(|_| ())
}

async fn judge_playground(
    cluster: &Cluster,
    database: &str,
    statements: &[String],
    question: &Question,
) -> Result<(), String> {
    let mut tidb = Tidb::in_database(&cluster.tidb, database).await;
    tidb.run(statements).await;
    let sides = Sides::over_tidb(cluster, database, 0).await;
    sides.ask(question).await.map(|_| ())
}

/// The files' names and contents.
fn files() -> Vec<(String, String)> {
    let Ok(files) = std::fs::read_dir(folder()) else { return Vec::new() };
    let mut files: Vec<_> = files
        .map(|file| file.unwrap())
        .filter(|file| file.path().extension().is_some_and(|end| end == "sql"))
        .map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_files_have_one_answer_in_the_embedded_cluster() {
    for (name, text) in files() {
        let (statements, question) = read(&text);
        let cluster = EmbeddedCluster::builder().start().await.unwrap();
        let judged = judge_embedded(cluster, &statements, &question).await;
        assert_eq!(judged, Ok(()), "{name}: {}", question.sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_files_have_one_answer_in_tidbs_own_store() {
    let test = "pushdown_kept";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    for (name, text) in files() {
        let (statements, question) = read(&text);
        let judged = judge_playground(&cluster, test, &statements, &question).await;
        assert_eq!(judged, Ok(()), "{name}: {}", question.sql);
    }
}

#[test]
fn what_is_kept_is_read_as_it_was_written() {
    let mut generator = tifusion_testkit::generator::Generator::new(5);
    for _ in 0..50 {
        let query = generator.query();
        let kept = Kept::new(Question::new(&query, 1), &query, 5, true);
        let kept = kept.with_fewer(ROWS - 3).remove(0);
        let (statements, question) = read(&kept.text("why"));
        assert_eq!(statements, kept.statements());
        assert_eq!(question.way, 1);
        assert_eq!(question.sql, kept.question.sql);
        assert_eq!(question.unlimited, kept.question.unlimited);
        assert_eq!(question.expectation, kept.question.expectation);
        assert_eq!(question.is_portable, kept.question.is_portable);
    }
}
