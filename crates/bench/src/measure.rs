//! Rounds of a query on all sides.

use std::time::{Duration, Instant};

use tifusion_testkit::tpch;

use crate::error::Result;
use crate::sides::{Answer, Side, Sides};

/// What a side took for a query: medians of the rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// From the question to the last row.
    pub(crate) time: Duration,
    /// Processor time of the side's program, which is not the store's; `None` if it is not on this machine.
    pub(crate) work: Option<Duration>,
    /// The most memory of the side's program while it answered.
    pub(crate) memory: Option<u64>,
    /// The answer.
    pub(crate) answer: Answer,
}

/// A query on all sides.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Its number in TPC-H.
    pub(crate) number: usize,
    /// What each side took that is there, in the order of [`Side::ALL`].
    pub(crate) figures: Vec<(Side, Figures)>,
}

impl Measured {
    /// What `side` took, if it is there.
    pub(crate) fn of(&self, side: Side) -> Option<&Figures> {
        self.figures.iter().find(|(of, _)| *of == side).map(|(_, figures)| figures)
    }

    /// Whether all sides gave as many rows.
    pub(crate) fn answers_agree(&self) -> bool {
        let mut rows = self.figures.iter().map(|(_, figures)| figures.answer.rows);
        let first = rows.next();
        rows.all(|rows| Some(rows) == first)
    }

    /// What is said while the others still run.
    pub(crate) fn line(&self) -> String {
        let time = |(side, figures): &(Side, Figures)| {
            format!("{} {:.0} ms", side.name(), millis(figures.time))
        };
        let times: Vec<_> = self.figures.iter().map(time).collect();
        format!("query {}: {}", self.number, times.join(", "))
    }
}

/// The median of some times.
pub(crate) fn middle(mut taken: Vec<Duration>) -> Duration {
    taken.sort_unstable();
    taken.get(taken.len() / 2).copied().unwrap_or_default()
}

/// Milliseconds, with fractions.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Gives query `number` to all sides `rounds` times and once before, each round beginning with another side.
pub(crate) async fn query(sides: &mut Sides, number: usize, rounds: usize) -> Result<Measured> {
    let text = tpch::query(number);
    let mut taken: Vec<_> = sides.present().into_iter().map(|side| (side, Vec::new())).collect();
    for round in 0..=rounds {
        for turn in 0..taken.len() {
            let at = (round + turn) % taken.len();
            let Some((side, taken)) = taken.get_mut(at) else { continue };
            let figures = once(sides, *side, &text).await?;
            if round > 0 || rounds == 0 {
                taken.push(figures);
            }
        }
    }
    let figures = taken.into_iter().map(|(side, taken)| (side, median(taken))).collect();
    Ok(Measured { number, figures })
}

async fn once(sides: &mut Sides, side: Side, query: &str) -> Result<Figures> {
    let work =
        |sides: &Sides| sides.program(side).map(|program| program.processor_time()).transpose();
    // Of another program this one may not reset the peak.
    let own = matches!(side, Side::Connector | Side::Parquet);
    if own {
        sides.own.forget_peak()?;
    }
    let worked = work(sides)?;
    let begun = Instant::now();
    let answer = sides.answer(side, query).await?;
    let time = begun.elapsed();
    let work = work(sides)?.zip(worked).map(|(after, before)| after.saturating_sub(before));
    let memory = own.then(|| sides.own.peak_memory()).transpose()?;
    Ok(Figures { time, work, memory, answer })
}

/// The median of each figure by itself.
fn median(mut rounds: Vec<Figures>) -> Figures {
    let works = rounds.iter().map(|figures| figures.work).collect();
    let memory = rounds.iter().filter_map(|figures| figures.memory).max();
    rounds.sort_unstable_by_key(|figures| figures.time);
    let middle = rounds.get(rounds.len() / 2).copied();
    let none =
        Figures { time: Duration::ZERO, work: None, memory: None, answer: Answer::default() };
    Figures { work: middle_of(works), memory, ..middle.unwrap_or(none) }
}

fn middle_of(mut values: Vec<Option<Duration>>) -> Option<Duration> {
    values.sort_unstable();
    values.get(values.len() / 2).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sides_that_are_there_must_agree() {
        let of = |side, rows| {
            let answer = Answer { rows, received: None };
            (side, Figures { time: Duration::ZERO, work: None, memory: None, answer })
        };
        let measured = |figures| Measured { number: 1, figures };
        let three = vec![of(Side::Connector, 4), of(Side::Tidb, 4), of(Side::Parquet, 4)];
        assert!(measured(three.clone()).answers_agree());
        let four = [three, vec![of(Side::TiSpark, 5)]].concat();
        assert!(!measured(four).answers_agree());
    }

    #[test]
    fn medians_are_those_of_each_figure() {
        let figures = |time, work, memory| Figures {
            time: Duration::from_millis(time),
            work: Some(Duration::from_millis(work)),
            memory: Some(memory),
            answer: Answer { rows: 1, received: None },
        };
        let median = median(vec![figures(30, 1, 7), figures(10, 3, 9), figures(20, 2, 8)]);
        assert_eq!(median.time, Duration::from_millis(20));
        assert_eq!(median.work, Some(Duration::from_millis(2)));
        assert_eq!(median.memory, Some(9), "memory is the most of all rounds");
    }
}
