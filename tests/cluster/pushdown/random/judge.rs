//! Whether all sides say the same.

use datafusion::physical_plan::displayable;
use tifusion_testkit::arrow_cells::Clock;
use tifusion_testkit::cell::Rows;
use tifusion_testkit::compare::Rules;
use tifusion_testkit::differences::to_tidb;
use tifusion_testkit::generator::{Expectation, Query, stranger};
use tifusion_testkit::tidb::Tidb;

use super::super::answer;
use super::sides::Sides;

/// A query about which the sides agree.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    /// How many rows it has; `None` if it is an error, on all sides.
    pub(super) rows: Option<usize>,
    /// Whether TiDB was asked.
    pub(super) is_judged: bool,
    /// The plan with everything on.
    pub(super) plan: String,
}

/// A query about which they don't.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) query: Query,
    pub(super) why: String,
}

/// A query as text, with what is needed to judge it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// DataFusion's SQL.
    pub(super) sql: String,
    /// The same without its limit.
    pub(super) unlimited: String,
    /// How answers are compared.
    pub(super) expectation: Expectation,
    /// Whether TiDB is asked.
    pub(super) is_portable: bool,
    /// In which of the ways to ask the stores.
    pub(super) way: usize,
}

impl Question {
    pub(super) fn new(query: &Query, way: usize) -> Self {
        let expectation = query.expectation();
        let (sql, unlimited) = (query.sql(), query.unlimited_sql());
        Self { sql, unlimited, expectation, is_portable: query.is_portable(), way }
    }
}

impl Question {
    /// How many rows are skipped, and how many wanted behind them.
    fn window(&self) -> (usize, usize) {
        let limits = self.sql.strip_prefix(&self.unlimited).expect("a query and its limits");
        let words: Vec<&str> = limits.split_whitespace().collect();
        let behind = |what: &str| {
            let place = words.iter().position(|word| *word == what)?;
            words.get(place + 1)?.parse().ok()
        };
        (behind("OFFSET").unwrap_or(0), behind("LIMIT").unwrap_or(usize::MAX))
    }
}

impl Sides {
    /// Asks all sides.
    pub(super) async fn judge(&self, query: &Query, way: usize) -> Result<Verdict, Failure> {
        let judged = self.ask(&Question::new(query, way)).await;
        judged.map_err(|why| Failure { query: query.clone(), why })
    }

    /// Asks all sides.
    pub(super) async fn ask(&self, question: &Question) -> Result<Verdict, String> {
        let Question { sql, expectation, .. } = question;
        let (on, off) = (answer(self.way(question.way), sql).await, answer(&self.off, sql).await);
        let whole = match expectation.is_cut {
            true => Some(answer(&self.off, &question.unlimited).await),
            false => None,
        };
        let refused = Verdict { rows: None, is_judged: false, plan: String::new() };
        let (on, off) = match (on, off) {
            (Ok(on), Ok(off)) => (on, off),
            // What the engine refuses, it refuses either way.
            (Err(_), Err(_)) => return Ok(refused),
            // But a limit may be reached before the row or the group that all of it fails at.
            _ if matches!(whole, Some(Err(_))) => return Ok(refused),
            (on, off) => return Err(format!("on: {:?}, off: {:?}", on.err(), off.err())),
        };
        let plan = displayable(on.plan.as_ref()).indent(false).to_string();
        let [on, off] = [on, off].map(|answer| answer.rows(Clock::Wall));
        let rules = Rules::default();
        let why = if expectation.is_cut {
            expectation.difference_of_parts(&on, &off, rules)
        } else {
            expectation.difference(&on, &off, rules)
        };
        if let Some(why) = why {
            return Err(format!("on and off: {why}"));
        }
        // Parts of an answer may differ: each is compared with the whole, and that with TiDB's.
        let whole = match whole {
            None => on.clone(),
            Some(Ok(whole)) => {
                let whole = whole.rows(Clock::Wall);
                check_parts(question, [&on, &off], &whole)?;
                whole
            }
            Some(Err(_)) => return Ok(refused),
        };
        let mut is_judged = false;
        if let Some(connections) = self.tidb().filter(|_| question.is_portable) {
            is_judged = true;
            let free = connections.iter().find_map(|it| it.try_lock().ok());
            let mut tidb = match free {
                Some(tidb) => tidb,
                None => connections[sql.len() % connections.len()].lock().await,
            };
            judge_by_tidb(&mut tidb, question, &whole).await?;
        }
        Ok(Verdict { rows: Some(on.rows.len()), is_judged, plan })
    }
}

/// That both `parts` are of the answer without its limit.
fn check_parts(question: &Question, parts: [&Rows; 2], whole: &Rows) -> Result<(), String> {
    if question.expectation.magnitude == 0.0 {
        for part in parts {
            if let Some(why) = stranger(part, whole) {
                return Err(why);
            }
        }
    }
    Ok(())
}

/// TiDB is asked without a limit: below one, the playground's store orders text otherwise than `COLLATE`
/// says, and TiDB takes the rows that it gives.
async fn judge_by_tidb(tidb: &mut Tidb, question: &Question, ours: &Rows) -> Result<(), String> {
    let expectation = &question.expectation;
    let theirs = to_tidb(&question.unlimited);
    let rules = Rules { exact_numbers: true, rounded: true, wrapped: true, ..Rules::default() };
    let mut rows = match tidb.try_query(&theirs).await {
        Err(error) => return Err(format!("TiDB: {error}\n{theirs}")),
        Ok(rows) => rows,
    };
    if !expectation.is_cut {
        let (offset, limit) = question.window();
        rows.rows = rows.rows.into_iter().skip(offset).take(limit).collect();
    }
    match expectation.difference(ours, &rows, rules) {
        Some(why) => Err(format!("TiDB: {why}\n{theirs}")),
        None => Ok(()),
    }
}
