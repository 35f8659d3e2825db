//! The figures as a table in Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::error::Result;
use crate::measure::{Figures, Measured, millis};
use crate::options::Options;
use crate::sides::{Answer, Side};
use crate::small::Small;

/// A column's title, and whether it is there only where TiSpark was measured.
type Column = (&'static str, bool);

/// Of the queries of TPC-H.
const QUERIES: [Column; 16] = [
    ("query", false),
    ("TiFusion", false),
    ("TiDB", false),
    ("TiSpark", true),
    ("Parquet", false),
    ("of TiDB", false),
    ("of TiSpark", true),
    ("work", false),
    ("TiDB's work", false),
    ("of it", false),
    ("TiSpark's work", true),
    ("of it", true),
    ("rows", false),
    ("rows received", false),
    ("MB received", false),
    ("peak MB", false),
];

/// Of the small ones.
const SMALL: [Column; 5] = [
    ("small queries", false),
    ("TiFusion", false),
    ("TiDB", false),
    ("TiSpark", true),
    ("the request alone", false),
];

/// The report.
pub(crate) fn markdown(options: &Options, queries: &[Measured], small: &[Small]) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "TPC-H at scale factor {}, medians of {} rounds.\n",
        options.scale, options.rounds
    )?;
    let tispark = queries.iter().any(|query| query.of(Side::TiSpark).is_some());
    let mut rows: Vec<_> = queries.iter().map(cells).collect();
    rows.push(total(queries));
    table(&mut text, &QUERIES, tispark, &rows)?;
    writeln!(text)?;
    let small_cells = |query: &Small| -> Vec<String> {
        let times = [Some(query.connector), query.tidb, query.tispark, query.bare].map(fine);
        [query.what.to_owned()].into_iter().chain(times).collect()
    };
    let rows: Vec<_> = small.iter().map(small_cells).collect();
    table(&mut text, &SMALL, tispark, &rows)?;
    Ok(text)
}

/// Adds a table whose rows have a cell for each of `columns`.
fn table(
    text: &mut String,
    columns: &[Column],
    tispark: bool,
    rows: &[Vec<String>],
) -> std::fmt::Result {
    let mut line = |cells: Vec<&str>| {
        let cells = columns.iter().zip(cells).filter(|((_, only), _)| tispark || !only);
        let shown: Vec<_> = cells.map(|(_, cell)| cell).collect();
        writeln!(text, "| {} |", shown.join(" | "))
    };
    line(columns.iter().map(|(title, _)| *title).collect())?;
    line(vec!["---"; columns.len()])?;
    rows.iter().try_for_each(|cells| line(cells.iter().map(String::as_str).collect()))
}

fn cells(query: &Measured) -> Vec<String> {
    let answer = query.of(Side::Connector).map(|ours| ours.answer).unwrap_or_default();
    let (rows, bytes) = answer.received.unzip();
    let mut cells = vec![query.number.to_string()];
    cells.extend(times(|side| query.of(side).copied()));
    cells.push(answer.rows.to_string());
    cells.push(rows.map_or_else(String::new, |rows| rows.to_string()));
    cells.push(bytes.map_or_else(String::new, |bytes| megabytes(bytes as u64)));
    cells.push(peak(query.of(Side::Connector).copied()));
    cells
}

fn total(queries: &[Measured]) -> Vec<String> {
    let sum = |side| {
        let all = queries.iter().filter_map(|query| query.of(side)).copied();
        all.reduce(|sum, figures| Figures {
            time: sum.time + figures.time,
            work: sum.work.zip(figures.work).map(|(sum, work)| sum + work),
            memory: sum.memory.max(figures.memory),
            answer: Answer::default(),
        })
    };
    let mut cells = vec!["all".to_owned()];
    cells.extend(times(sum));
    cells.extend(["", "", ""].map(str::to_owned));
    cells.push(peak(sum(Side::Connector)));
    cells
}

/// The cells of all sides' times and work.
fn times(of: impl Fn(Side) -> Option<Figures>) -> Vec<String> {
    let time = |side| of(side).map(|figures| figures.time);
    let work = |side| of(side).and_then(|figures| figures.work);
    let (ours, tidb, tispark) = (Side::Connector, Side::Tidb, Side::TiSpark);
    vec![
        coarse(time(ours)),
        coarse(time(tidb)),
        coarse(time(tispark)),
        coarse(time(Side::Parquet)),
        ratio(time(ours), time(tidb)),
        ratio(time(ours), time(tispark)),
        coarse(work(ours)),
        coarse(work(tidb)),
        ratio(work(ours), work(tidb)),
        coarse(work(tispark)),
        ratio(work(ours), work(tispark)),
    ]
}

fn peak(figures: Option<Figures>) -> String {
    figures.and_then(|figures| figures.memory).map_or_else(String::new, megabytes)
}

/// One time as a share of another.
fn ratio(ours: Option<Duration>, theirs: Option<Duration>) -> String {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if theirs > Duration::ZERO => {
            format!("{:.2}", ours.as_secs_f64() / theirs.as_secs_f64())
        }
        _ => String::new(),
    }
}

fn coarse(time: Option<Duration>) -> String {
    time.map_or_else(String::new, |time| format!("{:.0} ms", millis(time)))
}

fn fine(time: Option<Duration>) -> String {
    time.map_or_else(String::new, |time| format!("{:.2} ms", millis(time)))
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The report's table of one query, with each side's milliseconds.
    fn reported(sides: &[(Side, u64)]) -> Vec<String> {
        let figures = |time| Figures {
            time: Duration::from_millis(time),
            work: Some(Duration::from_millis(time / 10)),
            memory: None,
            answer: Answer { rows: 4, received: Some((36, 2_000_000)) },
        };
        let figures = sides.iter().map(|(side, time)| (*side, figures(*time))).collect();
        let queries = [Measured { number: 6, figures }];
        let tispark = sides.iter().any(|(side, _)| *side == Side::TiSpark);
        let mut text = String::new();
        let rows = [cells(&queries[0]), total(&queries)];
        table(&mut text, &QUERIES, tispark, &rows).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let sides =
            [(Side::Connector, 100), (Side::Tidb, 200), (Side::TiSpark, 400), (Side::Parquet, 50)];
        assert_eq!(
            reported(&sides)[2..],
            [
                "| 6 | 100 ms | 200 ms | 400 ms | 50 ms | 0.50 | 0.25 | 10 ms | 20 ms | 0.50 | 40 ms | 0.25 | 4 | 36 | 2.0 |  |",
                "| all | 100 ms | 200 ms | 400 ms | 50 ms | 0.50 | 0.25 | 10 ms | 20 ms | 0.50 | 40 ms | 0.25 |  |  |  |  |",
            ]
        );
    }

    #[test]
    fn nothing_is_said_of_tispark_where_it_is_not_there() {
        let lines = reported(&[(Side::Connector, 100), (Side::Tidb, 200), (Side::Parquet, 50)]);
        assert_eq!(
            lines,
            [
                "| query | TiFusion | TiDB | Parquet | of TiDB | work | TiDB's work | of it | rows | rows received | MB received | peak MB |",
                "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
                "| 6 | 100 ms | 200 ms | 50 ms | 0.50 | 10 ms | 20 ms | 0.50 | 4 | 36 | 2.0 |  |",
                "| all | 100 ms | 200 ms | 50 ms | 0.50 | 10 ms | 20 ms | 0.50 |  |  |  |  |",
            ]
        );
    }

    #[test]
    fn shares_of_nothing_are_not_told() {
        let second = Duration::from_secs(1);
        assert_eq!(ratio(Some(second), Some(2 * second)), "0.50");
        assert_eq!(ratio(Some(second), Some(Duration::ZERO)), "");
        assert_eq!(ratio(None, Some(second)), "");
    }
}
