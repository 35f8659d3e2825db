//! How much of SQL, and of what the stores can do, the queries had.

use std::collections::BTreeMap;
use std::fmt;

use tifusion_testkit::generator::{JoinKind, Query};

use super::judge::Verdict;

/// What queries had, and how many.
#[derive(Debug, Default)]
pub(super) struct Variety {
    queries: usize,
    of_queries: BTreeMap<&'static str, usize>,
    /// Nodes of plans, and what those that read say of themselves.
    of_plans: BTreeMap<String, usize>,
}

/// What queries must have, in hundredths of them.
const LEAST: &[(&str, usize)] = &[
    ("with rows", 50),
    ("group", 15),
    ("aggregate without groups", 5),
    ("having", 5),
    ("filter of an aggregate", 5),
    ("distinct", 4),
    ("join", 6),
    ("semi-join", 5),
    ("union", 1),
    ("order", 25),
    ("limit", 15),
    ("offset", 5),
];

/// What plans must show of their scans, in hundredths of them.
const PUSHED: &[(&str, usize)] = &[
    ("pushed=", 40),
    ("aggregates=", 6),
    ("groups=", 5),
    ("top_n=", 2),
    ("access=", 4),
    ("dynamic_filters=", 10),
];

impl Variety {
    pub(super) fn count(&mut self, query: &Query, verdict: &Verdict) {
        self.queries += 1;
        let groups = query.grouping.as_ref();
        let is_join = |join: &tifusion_testkit::generator::Join| join.has_columns();
        for (what, has) in [
            ("with rows", verdict.rows.is_some_and(|rows| rows > 0)),
            ("refused", verdict.rows.is_none()),
            ("judged by TiDB", verdict.is_judged),
            ("group", groups.is_some() && !query.outputs.is_empty()),
            ("aggregate without groups", groups.is_some() && query.outputs.is_empty()),
            ("having", groups.is_some_and(|it| !it.having.is_empty())),
            (
                "filter of an aggregate",
                groups.is_some_and(|it| it.aggregates.iter().any(|a| a.filter.is_some())),
            ),
            ("distinct", query.distinct),
            ("join", query.join.as_ref().is_some_and(is_join)),
            ("left join", query.join.as_ref().is_some_and(|join| join.kind == JoinKind::Left)),
            ("semi-join", query.join.as_ref().is_some_and(|join| !is_join(join))),
            ("union", query.union.is_some()),
            ("order", !query.order.is_empty()),
            ("limit", query.limit.is_some()),
            ("offset", query.offset > 0),
        ] {
            *self.of_queries.entry(what).or_default() += usize::from(has);
        }
        let mut words: Vec<&str> = verdict.plan.lines().flat_map(words_of).collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            *self.of_plans.entry(word.to_owned()).or_default() += 1;
        }
    }

    /// That the queries are not all of one kind, and that the stores do something.
    pub(super) fn check(&self, has_tidb: bool) {
        // A few queries may well be all of one kind.
        if self.queries < 200 {
            return;
        }
        let share = |count: usize| count * 100 / self.queries.max(1);
        let of = |what: &str| share(self.of_queries.get(what).copied().unwrap_or(0));
        for &(what, least) in LEAST {
            assert!(
                of(what) >= least,
                "{what}: {} of a hundred queries, at least {least}\n{self}",
                of(what)
            );
        }
        assert!(of("refused") <= 10, "{self}");
        assert!(!has_tidb || of("judged by TiDB") >= 60, "{self}");
        for (what, least) in PUSHED {
            let found = share(self.of_plans.get(*what).copied().unwrap_or(0));
            assert!(
                found >= *least,
                "{what}: {found} of a hundred plans, at least {least}\n{self}"
            );
        }
    }
}

/// The name of a line's node, and what it says of itself if it reads.
fn words_of(line: &str) -> impl Iterator<Item = &str> {
    let line = line.trim_start();
    let (node, rest) = line.split_once(':').unwrap_or((line, ""));
    let rest = if node.starts_with("Tikv") || node.starts_with("Tidb") { rest } else { "" };
    let ends = rest.match_indices('=').map(move |(end, _)| {
        let start =
            rest[..end].rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        &rest[start..=end]
    });
    std::iter::once(node).chain(ends.filter(|word| word.len() > 1))
}

impl fmt::Display for Variety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |pairs: Vec<(&str, usize)>| {
            pairs
                .iter()
                .map(|(what, count)| format!("{what} {count}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let queries = self.of_queries.iter().map(|(what, count)| (*what, *count)).collect();
        let plans = self.of_plans.iter().map(|(what, count)| (what.as_str(), *count)).collect();
        write!(f, "of {} queries: {}\nin plans: {}", self.queries, list(queries), list(plans))
    }
}
