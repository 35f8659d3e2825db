//! What the stores make of the rows that pass a scan's conditions, before they send anything.

use std::fmt;

use tifusion_proto::tipb::{self, ByItem};

use crate::pushdown::partial::PartialAggregate;

/// What becomes of the rows of each request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reduction {
    /// Partial states of groups of them are sent.
    Aggregate(PartialAggregate),
    /// The first of them in an order are sent.
    TopN(TopN),
}

/// The first rows in an order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopN {
    /// What they are ordered by.
    pub(crate) order: Vec<ByItem>,
    /// How many.
    pub(crate) rows: usize,
    /// The order, for people.
    pub(crate) shown: String,
}

impl Reduction {
    /// The executor of a request.
    pub(super) fn executor(&self) -> tipb::Executor {
        match self {
            Self::Aggregate(partial) => tipb::Executor {
                tp: Some(match partial.is_streamed {
                    true => tipb::ExecType::TypeStreamAgg.into(),
                    false => tipb::ExecType::TypeAggregation.into(),
                }),
                aggregation: Some(Box::new(tipb::Aggregation {
                    group_by: partial.groups.clone(),
                    agg_func: partial.functions.clone(),
                    streamed: Some(partial.is_streamed),
                    ..tipb::Aggregation::default()
                })),
                ..tipb::Executor::default()
            },
            Self::TopN(top_n) => tipb::Executor {
                tp: Some(tipb::ExecType::TypeTopN.into()),
                top_n: Some(Box::new(tipb::TopN {
                    order_by: top_n.order.clone(),
                    limit: Some(u64::try_from(top_n.rows).unwrap_or(u64::MAX)),
                    ..tipb::TopN::default()
                })),
                ..tipb::Executor::default()
            },
        }
    }

    /// A line for each part.
    pub(super) fn fmt_tree(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregate(partial) => partial
                .shown()
                .try_for_each(|(name, shown)| writeln!(f, "{name}={}", shown.join(", "))),
            Self::TopN(top_n) => writeln!(f, "top_n={} fetch {}", top_n.shown, top_n.rows),
        }
    }
}

impl PartialAggregate {
    /// What there is of it, by name.
    fn shown(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let parts = [
            ("aggregates", self.shown_functions.as_slice()),
            ("groups", self.shown_groups.as_slice()),
        ];
        parts.into_iter().filter(|(_, shown)| !shown.is_empty())
    }
}

/// One line, each part behind a comma: `, aggregates=[count(*)], groups=[a]`.
impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregate(partial) => {
                for (name, shown) in partial.shown() {
                    write!(f, ", {name}=[{}]", shown.join(", "))?;
                }
                f.write_str(if partial.is_streamed { ", streamed" } else { "" })
            }
            Self::TopN(top_n) => write!(f, ", top_n=[{}] fetch {}", top_n.shown, top_n.rows),
        }
    }
}
