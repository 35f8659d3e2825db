//! A table, its model, and both sides that write to it in turn.

use std::collections::HashSet;
use std::time::Duration;

use tifusion::ErrorKind;
use tifusion_testkit::cell::{Cell, Rows};
use tifusion_testkit::cluster::Shape;
use tifusion_testkit::compare::{Rules, difference};

use super::super::Scene;
use super::model::{Outcome, Verdict, verdicts};
use super::statement::{SIDE, Side, Step};
use super::table::{TAG, Table};
use super::value::UNKNOWN;

/// TiDB's code for a key that is there already.
const DUPLICATE: u16 = 1062;

/// Its codes for values that columns do not take, columns without a value, and rows without a partition.
#[rustfmt::skip]
const REFUSED: [u16; 14] = [
    1048, // Column can't be null
    1054, // Unknown column
    1136, // Column count doesn't match value count
    1264, // Out of range value
    1265, // Data truncated
    1292, // Incorrect value of a time
    1364, // Field doesn't have a default value
    1366, // Incorrect value
    1367, // Illegal value found during parsing
    1406, // Data too long
    1526, // Table has no partition for value
    1690, // Out of range in an expression
    3140, // Invalid JSON text
    8141, // Assertion failed
];

/// The longest that a statement may take.
const LONGEST: Duration = Duration::from_secs(120);

/// What a side said of a statement.
#[expect(dead_code, reason = "shown where a statement ends otherwise than it must")]
#[derive(Debug)]
enum Said {
    Done(u64),
    Duplicate(String),
    Refused(String),
    Other(String),
}

/// A table that both sides write to.
pub(super) struct Lane {
    scene: Scene,
    pub(super) table: Table,
    /// Ids that were given since the table was empty.
    given: HashSet<i128>,
    /// What has been run, as SQL.
    pub(super) log: Vec<String>,
}

impl Lane {
    /// The table in a database of its own; `None` where there is no TiDB.
    pub(super) async fn begin(table: &Table, database: &str) -> Option<Self> {
        let mut scene = Scene::of(Shape::default(), database).await?;
        let side: Vec<_> = SIDE.iter().map(|number| format!("({number})")).collect();
        let side = format!("INSERT INTO side VALUES (NULL), {}", side.join(", "));
        let statements = ["CREATE TABLE side (x INT)".to_owned(), side, table.create()];
        scene.tidb.run(&statements).await;
        let log = statements.iter().map(|it| format!("{it};")).collect();
        Some(Self { scene, table: table.clone(), given: HashSet::new(), log })
    }

    /// Runs a statement and looks at what became of it. `None` if it makes no sense for the table as it is.
    ///
    /// # Errors
    /// When that is not what the model says, in words.
    pub(super) async fn take(&mut self, step: &Step) -> Result<Option<Outcome>, String> {
        if !step.statement.fits(&self.table) {
            return Ok(None);
        }
        let sql = step.statement.sql(&self.table);
        let said = tokio::time::timeout(LONGEST, self.run(step.side, &sql)).await;
        let said = said.unwrap_or_else(|_| Said::Other(format!("nothing in {LONGEST:?}")));
        self.log.push(format!("{sql}; -- {:?}: {}", step.side, short(&format!("{said:?}"))));
        let expected = verdicts(step.side, &step.statement, &self.table);
        let Some(verdict) = expected.iter().find(|it| self.is_said(&said, &it.outcome)) else {
            let outcomes: Vec<_> = expected.iter().map(|it| &it.outcome).collect();
            return Err(format!("{:?} says {said:?}, not {outcomes:?}\n{sql}", step.side));
        };
        let Verdict { outcome, after } = verdict.clone();
        self.table = after;
        if self.table.rows.is_empty() {
            self.given.clear();
        }
        self.learn().await?;
        self.compare().await.map_err(|why| format!("after {outcome:?}: {why}\n{sql}"))?;
        Ok(Some(outcome))
    }

    async fn run(&mut self, side: Side, sql: &str) -> Said {
        match side {
            Side::Connector => match self.scene.try_write(sql).await {
                Ok(rows) => Said::Done(rows),
                Err(error) => match error.kind() {
                    ErrorKind::Duplicate => Said::Duplicate(error.to_string()),
                    ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::NotFound => {
                        Said::Refused(error.to_string())
                    }
                    kind => Said::Other(format!("{kind:?}: {error}")),
                },
            },
            Side::Tidb => match self.scene.tidb.try_write(sql).await {
                Ok(rows) => Said::Done(rows),
                Err(mysql_async::Error::Server(error)) if error.code == DUPLICATE => {
                    Said::Duplicate(error.message)
                }
                Err(mysql_async::Error::Server(error)) if REFUSED.contains(&error.code) => {
                    Said::Refused(error.message)
                }
                Err(error) => Said::Other(error.to_string()),
            },
        }
    }

    fn is_said(&self, said: &Said, outcome: &Outcome) -> bool {
        match (said, outcome) {
            (Said::Done(said), Outcome::Done(rows)) => said == rows,
            (Said::Refused(_), Outcome::Refused) => true,
            (Said::Duplicate(said), Outcome::Duplicate(keys)) => {
                keys.iter().any(|key| said.contains(&format!("'{}.{key}'", self.table.name)))
            }
            _ => false,
        }
    }

    /// Looks up the ids that were given to new rows.
    async fn learn(&mut self) -> Result<(), String> {
        let Some(tag) = self.table.place(TAG) else { return Ok(()) };
        let new: Vec<_> = self.table.rows.iter_mut().filter(|row| row[0] == UNKNOWN).collect();
        if new.is_empty() {
            return Ok(());
        }
        let tags: Vec<_> = new.iter().map(|row| row[tag].to_string()).collect();
        let query = format!(
            "SELECT {TAG}, id FROM {} WHERE {TAG} IN ({})",
            self.table.name,
            tags.join(", ")
        );
        let found = self.scene.tidb.query(&query).await.rows;
        for row in new {
            let id = found.iter().find(|found| found[0] == row[tag]).map(|found| found[1].clone());
            let Some(Cell::Int(id)) = id else { return Err(format!("no id: {row:?}")) };
            if !self.given.insert(id) {
                return Err(format!("id {id} was given before"));
            }
            row[0] = Cell::Int(id);
        }
        Ok(())
    }

    /// TiDB has the rows of the model.
    async fn compare(&mut self) -> Result<(), String> {
        let query = format!("SELECT * FROM {}", self.table.name);
        let theirs = self.scene.tidb.try_query(&query).await.map_err(|it| it.to_string())?;
        let model = Rows { columns: theirs.columns.clone(), rows: self.table.rows.clone() };
        match difference(&model, &theirs, Rules::default()) {
            None => Ok(()),
            Some(why) => Err(format!("model and TiDB: {why}\n{}", only_in(&model, &theirs))),
        }
    }

    /// The connector reads these rows too, TiDB finds no fault with the table, nor with an index.
    ///
    /// # Errors
    /// Where that is not so.
    pub(super) async fn judge(&mut self) -> Result<(), String> {
        self.compare().await?;
        match self.scene.fault(&self.table.name).await {
            None => Ok(()),
            Some(fault) => Err(fault),
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(160).collect()
}

/// Rows that only one of two results has.
fn only_in(model: &Rows, theirs: &Rows) -> String {
    let lines = |a: &Rows, b: &Rows, whose: &str| {
        let only = a.rows.iter().filter(|row| !b.rows.contains(row)).take(5);
        only.map(|row| {
            let cells: Vec<_> = row.iter().map(ToString::to_string).collect();
            format!("only {whose}: {}\n", cells.join(", "))
        })
        .collect::<String>()
    };
    lines(model, theirs, "the model") + &lines(theirs, model, "TiDB")
}
