//! How many rows a way has.

use std::collections::BTreeMap;

use tifusion_codec::index::KeyColumn;
use tifusion_schema::key_range::spans;
use tifusion_schema::stats::{Estimate, HistogramId, Origin, TableStatistics};
use tifusion_schema::{Domain, HandleKind, TableInfo};

use super::index::IndexRanges;
use crate::access::handle_range::HandleRanges;

/// Columns that count for the share of rows that match.
const COLUMNS_COUNTED: i32 = 4;

/// What a number of rows rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// On what `ANALYZE` found, or on how many keys there are.
    Analyzed,
    /// On nothing.
    Guess,
}

/// How many rows, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rows {
    pub(super) count: f64,
    pub(super) basis: Basis,
}

impl From<Estimate> for Rows {
    fn from(estimate: Estimate) -> Self {
        let basis = match estimate.origin {
            Origin::Analyzed(_) => Basis::Analyzed,
            Origin::Pseudo(_) => Basis::Guess,
        };
        Self { count: estimate.rows, basis }
    }
}

/// Estimates for one scan.
#[derive(Debug)]
pub(super) struct Estimator<'a> {
    info: &'a TableInfo,
    statistics: &'a TableStatistics,
    domains: &'a BTreeMap<i64, Domain>,
    /// The part of the partitions that is read.
    part: f64,
    new_collation: bool,
}

impl<'a> Estimator<'a> {
    pub(super) fn new(
        info: &'a TableInfo,
        statistics: &'a TableStatistics,
        domains: &'a BTreeMap<i64, Domain>,
        partitions: &[i64],
        new_collation: bool,
    ) -> Self {
        let part = count(partitions.len()) / count(info.physical_ids().len().max(1));
        Self { info, statistics, domains, part, new_collation }
    }

    /// Rows of the table in the partitions that are read.
    fn all(&self) -> f64 {
        self.rows() * self.part
    }

    /// Rows of the table.
    #[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 53 bits")]
    fn rows(&self) -> f64 {
        self.statistics.rows_or_pseudo() as f64
    }

    /// Whether the values of the handle are restricted, so that not the whole table is read.
    pub(super) fn is_table_narrowed(&self) -> bool {
        let columns = self.info.primary_key_columns().unwrap_or_default();
        let is_clustered = !matches!(self.info.handle(), Ok(HandleKind::RowId));
        is_clustered && columns.first().is_some_and(|first| self.domains.contains_key(&first.id))
    }

    /// Rows with handles in these ranges.
    pub(super) fn of_handle(&self, handle: &HandleRanges) -> Rows {
        let ranges = handle.for_statistics();
        let id = match (self.info.handle(), handle) {
            (_, HandleRanges::All) | (Err(_), _) => None,
            (Ok(HandleKind::Int(column)), _) => Some(HistogramId::Column(column.id)),
            (Ok(HandleKind::Common(index)), _) => Some(HistogramId::Index(index.id)),
            (Ok(HandleKind::RowId), _) => None,
        };
        let mut rows = match (id, handle) {
            (Some(id), _) => Rows::from(self.statistics.estimate(self.info, id, &ranges)),
            (None, HandleRanges::All) => Rows { count: self.all(), basis: Basis::Analyzed },
            (None, _) => Rows { count: self.all() / 3.0, basis: Basis::Guess },
        };
        if let Some(points) = handle.points() {
            rows = Rows { count: rows.count.min(count(points)), basis: Basis::Analyzed };
        }
        Rows { count: rows.count.min(self.all()), ..rows }
    }

    /// Entries with keys in these ranges.
    pub(super) fn of_index(&self, keys: &IndexRanges) -> Rows {
        if !keys.is_narrowed() {
            return Rows { count: self.all(), basis: Basis::Analyzed };
        }
        let id = HistogramId::Index(keys.index_id());
        let rows = Rows::from(self.statistics.estimate(self.info, id, &keys.ranges()));
        if let Some(most) = keys.most().map(count) {
            let known = if rows.basis == Basis::Analyzed { rows.count } else { self.all() };
            return Rows { count: known.min(most), basis: Basis::Analyzed };
        }
        Rows { count: rows.count.min(self.all()), ..rows }
    }

    /// Of `rows` entries, those that the other columns of the index do not rule out.
    pub(super) fn found(&self, keys: &IndexRanges, rows: Rows) -> f64 {
        let rest = keys.columns().iter().skip(keys.narrowing());
        let shares = rest.filter_map(|id| self.share(*id, self.domains.get(id)?));
        combined(shares.collect()).map_or(rows.count, |share| rows.count * share)
    }

    /// The share of the entries with keys in these ranges whose rows match; `None` if a column is restricted
    /// of which nothing is known.
    pub(super) fn passing(&self, keys: &IndexRanges) -> Option<f64> {
        let narrowing = keys.columns().iter().take(keys.narrowing()).collect::<Vec<_>>();
        let others = self.domains.iter().filter(|(id, _)| !narrowing.contains(id));
        let shares = others.map(|(id, domain)| self.share(*id, domain));
        let shares = shares.collect::<Option<Vec<f64>>>()?;
        Some(combined(shares).unwrap_or(1.0))
    }

    /// Rows that match, as far as the statistics of all restricted columns tell.
    pub(super) fn matching(&self) -> Option<f64> {
        self.statistics.counted_rows()?;
        if self.domains.is_empty() {
            return Some(self.all());
        }
        let shares = self.domains.iter().filter_map(|(id, domain)| self.share(*id, domain));
        // The partitions that are left are no further restriction where a column tells of them.
        let rows = self.rows();
        let matching = combined(shares.collect()).map_or(rows, |share| rows * share);
        Some(matching.min(self.all()))
    }

    /// What share of the rows has a value of `domain` in a column, if somebody analyzed it.
    fn share(&self, column_id: i64, domain: &Domain) -> Option<f64> {
        let column = self.info.find_column_by_id(column_id)?;
        let key = KeyColumn::new(column_id, &column.field_type, None, self.new_collation).ok()?;
        let ranges: Vec<_> =
            spans(&key, domain)?.into_iter().map(|span| (span.start, span.end)).collect();
        let id = HistogramId::Column(column_id);
        let estimate = self.statistics.estimate(self.info, id, &ranges);
        let rows = self.rows().max(1.0);
        (!estimate.origin.is_pseudo()).then(|| (estimate.rows / rows).clamp(0.0, 1.0))
    }
}

/// The share of rows that several restrictions leave together: the strongest counts whole, each next one
/// by its root, the root of that, and so on, for columns tell something about each other.
pub(crate) fn combined(mut shares: Vec<f64>) -> Option<f64> {
    shares.sort_unstable_by(f64::total_cmp);
    let strongest = shares.iter().zip(0..COLUMNS_COUNTED);
    let product = strongest.map(|(share, at)| share.powf(0.5_f64.powi(at))).product();
    (!shares.is_empty()).then_some(product)
}

/// A number for estimates.
pub(super) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// An estimate as a number of rows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts from floats saturate"
)]
pub(super) fn whole(estimate: f64) -> u64 {
    estimate.ceil() as u64
}
