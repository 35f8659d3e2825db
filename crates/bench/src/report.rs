//! The figures as a table in Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::error::Result;
use crate::measure::{Figures, Measured, millis};
use crate::options::Options;
use crate::sides::Side;
use crate::small::Small;

/// The report.
pub(crate) fn markdown(options: &Options, queries: &[Measured], small: &[Small]) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "TPC-H at scale factor {}, medians of {} rounds.\n",
        options.scale, options.rounds
    )?;
    writeln!(
        text,
        "| query | TiFusion | TiDB | Parquet | of TiDB | work | TiDB's work | of it | rows | rows received | MB received | peak MB |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
    for query in queries {
        writeln!(text, "| {} |{}", query.number, cells(query))?;
    }
    writeln!(text, "| all |{}\n", total(queries))?;
    writeln!(text, "| small queries | TiFusion | TiDB | the request alone |")?;
    writeln!(text, "|---|---|---|---|")?;
    for query in small {
        writeln!(
            text,
            "| {} | {} | {} | {} |",
            query.what,
            fine(Some(query.connector)),
            fine(query.tidb),
            fine(query.bare)
        )?;
    }
    Ok(text)
}

fn cells(query: &Measured) -> String {
    let (ours, theirs, parquet) =
        (query.of(Side::Connector), query.of(Side::Tidb), query.of(Side::Parquet));
    let received = ours.answer.received;
    let rows = received.map_or_else(String::new, |(rows, _)| rows.to_string());
    let bytes = received.map_or_else(String::new, |(_, bytes)| megabytes(bytes as u64));
    format!(
        "{} {} | {rows} | {bytes} | {} |",
        times(ours, theirs, parquet),
        ours.answer.rows,
        ours.memory.map_or_else(String::new, megabytes)
    )
}

fn total(queries: &[Measured]) -> String {
    let sum = |side| {
        let all = queries.iter().map(|query| query.of(side));
        let mut sum = Figures {
            time: Duration::ZERO,
            work: Some(Duration::ZERO),
            memory: None,
            answer: crate::sides::Answer::default(),
        };
        for figures in all {
            sum.time += figures.time;
            sum.work = sum.work.zip(figures.work).map(|(sum, work)| sum + work);
            sum.memory = sum.memory.max(figures.memory);
        }
        sum
    };
    let ours = sum(Side::Connector);
    let times = times(&ours, &sum(Side::Tidb), &sum(Side::Parquet));
    format!("{times} | | | {} |", ours.memory.map_or_else(String::new, megabytes))
}

fn times(ours: &Figures, theirs: &Figures, parquet: &Figures) -> String {
    format!(
        " {} | {} | {} | {} | {} | {} | {} |",
        coarse(Some(ours.time)),
        coarse(Some(theirs.time)),
        coarse(Some(parquet.time)),
        ratio(Some(ours.time), Some(theirs.time)),
        coarse(ours.work),
        coarse(theirs.work),
        ratio(ours.work, theirs.work)
    )
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

    #[test]
    fn shares_of_nothing_are_not_told() {
        let second = Duration::from_secs(1);
        assert_eq!(ratio(Some(second), Some(2 * second)), "0.50");
        assert_eq!(ratio(Some(second), Some(Duration::ZERO)), "");
        assert_eq!(ratio(None, Some(second)), "");
    }
}
