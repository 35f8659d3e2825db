//! Guesses where there are no statistics: TiDB's rates.

use super::distribution::{KeyShape, Population};
use super::span::{KeySpan, equal_columns};

/// Rows that a table is taken to have of which nothing is known.
pub const PSEUDO_ROWS: u64 = 10_000;

/// One of so many rows has a value.
const EQUAL: f64 = 1000.0;
/// One of so many rows is on one side of a value.
const LESS: f64 = 3.0;
/// One of so many rows is between two values.
const BETWEEN: f64 = 40.0;
/// One of so many rows has the value of each column before the last that narrows a range.
const EACH_PREFIX: f64 = 100.0;

/// Rows with keys in a span.
pub(super) fn rows_in(span: KeySpan<'_>, shape: KeyShape, now: Population) -> f64 {
    if span.is_empty() {
        return 0.0;
    }
    let (equal, rest) = equal_columns(span);
    if equal >= shape.columns {
        let one = if shape.is_unique { 1.0 } else { now.rows };
        return one.min(now.rows / EQUAL / EACH_PREFIX.powi(exponent(equal.saturating_sub(1))));
    }
    match rest {
        None => now.rows / EQUAL / EACH_PREFIX.powi(exponent(equal.saturating_sub(1))),
        Some(rest) => share(rest, shape, now) / EACH_PREFIX.powi(exponent(equal)),
    }
}

fn exponent(columns: usize) -> i32 {
    i32::try_from(columns).unwrap_or(i32::MAX)
}

/// Of one column.
fn share(span: KeySpan<'_>, shape: KeyShape, now: Population) -> f64 {
    let (span, has_null) = span.without_null();
    let nulls = if has_null { now.rows / EQUAL } else { 0.0 };
    let rows = match (span.is_open_below(), span.is_open_above()) {
        _ if span.is_empty() => 0.0,
        (true, true) => now.rows - now.rows / EQUAL,
        (true, false) => now.rows / LESS - now.rows / EQUAL,
        (false, true) => now.rows / LESS,
        (false, false) => now.rows / BETWEEN,
    };
    let rows = match span.integers().map(super::histogram::as_f64) {
        Some(integers) if shape.is_unique && shape.columns == 1 => rows.min(integers),
        _ => rows,
    };
    rows + nulls
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tifusion_codec::datum::{self, Datum, flag};
    use tifusion_codec::key::prefix_next;

    use super::*;

    const NOW: Population = Population { rows: 10_000.0, modified: 0.0 };

    fn int(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        datum::encode_key(&mut out, &Datum::Int(value)).unwrap();
        out
    }

    fn shape(columns: usize, is_unique: bool) -> KeyShape {
        KeyShape { columns, is_unique, is_column: false }
    }

    fn rows(start: &[u8], end: &[u8], shape: KeyShape) -> f64 {
        rows_in(KeySpan { start, end }, shape, NOW)
    }

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-6, "{left} and {right}");
    }

    #[test]
    fn the_rates_of_tidb() {
        let one = shape(1, false);
        let (five, nine) = (int(5), int(9));
        close(rows(&five, &prefix_next(&five), one), 10.0);
        close(rows(&five, &nine, one), 250.0);
        close(rows(&five, &[flag::MAX], one), 10_000.0 / 3.0);
        close(rows(&[1], &five, one), 10_000.0 / 3.0 - 10.0);
        close(rows(&[0], &[1], one), 10.0);
        close(rows(&[1], &[flag::MAX], one), 9_990.0);
        close(rows(&[], &[], one), 10_000.0);
        close(rows(&five, &prefix_next(&five), shape(1, true)), 1.0);
        close(rows(&five, &nine, shape(1, true)), 4.0);
    }

    #[test]
    fn each_further_column_narrows_less() {
        let two = shape(2, false);
        let one_column = int(5);
        let both = [int(5), int(6)].concat();
        let high = [int(5), int(9)].concat();
        let open = [int(5), vec![flag::MAX]].concat();
        close(rows(&one_column, &prefix_next(&one_column), two), 10.0);
        close(rows(&both, &prefix_next(&both), two), 0.1);
        close(rows(&both, &high, two), 2.5);
        close(rows(&both, &open, two), 100.0 / 3.0);
        close(rows(&both, &prefix_next(&one_column), two), 100.0 / 3.0);
        close(rows(&both, &prefix_next(&both), shape(2, true)), 0.1);
    }

    proptest! {
        #[test]
        fn a_wider_range_has_no_fewer_rows(
            mut ends in proptest::collection::vec(-20_i64..20, 4),
            unique in any::<bool>(),
        ) {
            ends.sort_unstable();
            let [low, a, b, high] = ends[..] else { unreachable!() };
            let rows = |from: i64, to: i64| {
                rows(&int(from), &prefix_next(&int(to)), shape(1, unique))
            };
            prop_assert!(rows(a, b) <= rows(low, high));
        }
    }
}
