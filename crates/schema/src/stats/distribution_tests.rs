use proptest::collection::vec;
use proptest::prelude::*;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::key::prefix_next;

use super::super::histogram::Bucket;
use super::super::scale::Scale;
use super::*;

const COLUMN: KeyShape = KeyShape { columns: 1, is_unique: false, is_column: true };
const UNIQUE: KeyShape = KeyShape { columns: 1, is_unique: true, is_column: true };

fn key(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    datum::encode_key(&mut out, &Datum::Int(value)).unwrap();
    out
}

fn summary(version: StatsVersion, ndv: u64, null_count: u64) -> Summary {
    Summary {
        version: Some(version),
        changed_at: 1,
        ndv,
        null_count,
        total_size: 0,
        correlation: 0.0,
    }
}

fn bucket(lower: i64, upper: i64, rows: u64, repeats: u64, ndv: u64) -> Bucket {
    Bucket { lower: key(lower), upper: key(upper), rows, repeats, ndv }
}

/// 1000 rows: 100 `NULL`, 200 of 7, 100 of 500; 600 with values from 10 to 109 (100 of them).
fn second() -> Distribution {
    let buckets = vec![bucket(10, 59, 300, 6, 0), bucket(60, 109, 300, 30, 0)];
    Distribution {
        summary: summary(StatsVersion::V2, 102, 100),
        values: Some(Values {
            histogram: Histogram::new(buckets, vec![Scale::Plain]).unwrap(),
            top: TopValues::new(vec![(key(7), 200), (key(500), 100)]).unwrap(),
            sketch: None,
        }),
    }
}

fn now(rows: f64, modified: f64) -> Population {
    Population { rows, modified }
}

fn between(distribution: &Distribution, from: i64, to: i64, at: Population) -> f64 {
    let (start, end) = (key(from), prefix_next(&key(to)));
    distribution.rows_in(KeySpan { start: &start, end: &end }, COLUMN, at).unwrap()
}

fn equal(distribution: &Distribution, value: i64, at: Population) -> f64 {
    between(distribution, value, value, at)
}

fn close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-6, "{left} and {right}");
}

#[test]
fn single_values_are_frequent_ones_ends_of_buckets_or_average() {
    let stats = second();
    let at = now(1000.0, 0.0);
    close(equal(&stats, 7, at), 200.0);
    close(equal(&stats, 59, at), 6.0);
    close(equal(&stats, 30, at), 6.0);
    close(equal(&stats, 300, at), 6.0);
    close(equal(&stats, 7, now(2000.0, 1000.0)), 400.0);
}

#[test]
fn a_bucket_that_counted_its_values_knows_better() {
    let mut stats = second();
    let buckets = vec![bucket(10, 59, 300, 100, 5)];
    let values = stats.values.as_mut().unwrap();
    values.histogram = Histogram::new(buckets, vec![Scale::Plain]).unwrap();
    close(equal(&stats, 30, now(700.0, 0.0)), 50.0);
}

#[test]
fn null_is_counted_apart() {
    let stats = second();
    let at = now(2000.0, 0.0);
    let rows =
        |start: &[u8], end: &[u8]| stats.rows_in(KeySpan { start, end }, COLUMN, at).unwrap();
    close(rows(&[0], &[1]), 200.0);
    close(rows(&[], &[]), 2000.0);
    close(rows(&[1], &[]), 1800.0);
    close(rows(&[], &key(8)), 200.0 + 400.0);
}

#[test]
fn ranges_add_up() {
    let stats = second();
    let at = now(1000.0, 0.0);
    close(between(&stats, 0, 9, at), 200.0);
    close(between(&stats, 10, 109, at), 600.0);
    close(between(&stats, 10, 59, at), 300.0);
    close(between(&stats, 60, 1000, at), 400.0);
    let half = between(&stats, 10, 33, at);
    assert!((130.0..150.0).contains(&half), "{half}");
}

#[test]
fn a_narrow_range_has_the_rows_of_one_value_at_least() {
    let stats = second();
    let at = now(1000.0, 0.0);
    close(between(&stats, 30, 31, at), 12.0);
    let (start, mut end) = (key(30), key(30));
    end.push(1);
    let sliver = stats.rows_in(KeySpan { start: &start, end: &end }, COLUMN, at).unwrap();
    close(sliver, 6.0);
    close(between(&stats, 200, 300, at), 6.0);
}

#[test]
fn rows_that_came_since_are_expected_beyond_the_histogram() {
    let stats = second();
    close(between(&stats, 600, 10_000, now(1000.0, 0.0)), 6.0);
    let grown = between(&stats, 110, 10_000, now(2000.0, 1000.0));
    assert!((450.0..750.0).contains(&grown), "half of those, and what is frequent: {grown}");
    let far = between(&stats, 5000, 10_000, now(2000.0, 1000.0));
    close(far, 18.0);
    assert!(between(&stats, 5000, 10_000, now(2000.0, 3.0)) < far);
}

#[test]
fn unique_values_have_one_row_and_integers_no_more_than_there_are() {
    let stats = second();
    let at = now(1_000_000.0, 0.0);
    let rows = |from: i64, to: i64| {
        let (start, end) = (key(from), prefix_next(&key(to)));
        stats.rows_in(KeySpan { start: &start, end: &end }, UNIQUE, at).unwrap()
    };
    close(rows(7, 7), 1.0);
    close(rows(20, 29), 10.0);
    close(rows(200, 299), 1.0);
}

#[test]
fn values_that_are_all_frequent_leave_nothing_to_others() {
    let mut stats = second();
    stats.summary.ndv = 2;
    stats.values.as_mut().unwrap().histogram = Histogram::default();
    close(equal(&stats, 8, now(400.0, 0.0)), 0.0);
    close(equal(&stats, 7, now(400.0, 0.0)), 200.0);
    close(equal(&stats, 8, now(600.0, 200.0)), 100.0);
}

fn sketch(values: &[(i64, u32)]) -> CmSketch {
    let mut rows = vec![vec![0_u32; 2048]; 5];
    for (value, count) in values {
        let compact = compact_form(&key(*value)).unwrap();
        let (h1, h2) = super::super::murmur3::hash128(&compact);
        for (row, factor) in rows.iter_mut().zip(0_u64..) {
            let at = h1.wrapping_add(h2.wrapping_mul(factor)) % 2048;
            row[usize::try_from(at).unwrap()] += count;
        }
    }
    let mut blob = Vec::new();
    for row in rows {
        let mut counters = Vec::new();
        for counter in row {
            counters.push(8);
            tifusion_codec::number::encode_uvarint(&mut counters, u64::from(counter));
        }
        blob.push(0x0a);
        tifusion_codec::number::encode_uvarint(&mut blob, u64::try_from(counters.len()).unwrap());
        blob.extend_from_slice(&counters);
    }
    CmSketch::decode(&blob).unwrap().unwrap()
}

/// 600 rows with values from 10 to 109, 100 of them 50, and 100 `NULL`.
fn first() -> Distribution {
    let buckets = vec![bucket(10, 59, 300, 6, 0), bucket(60, 109, 300, 30, 0)];
    Distribution {
        summary: summary(StatsVersion::V1, 100, 100),
        values: Some(Values {
            histogram: Histogram::new(buckets, vec![Scale::Plain]).unwrap(),
            top: TopValues::new(vec![(key(50), 100)]).unwrap(),
            sketch: Some(sketch(&[(20, 9), (109, 30)])),
        }),
    }
}

#[test]
fn version_1_asks_its_sketch() {
    let stats = first();
    let at = now(700.0, 0.0);
    close(equal(&stats, 50, at), 100.0);
    close(equal(&stats, 20, at), 9.0);
    close(equal(&stats, 21, at), 0.0);
    close(equal(&stats, 5, at), 0.0);
    close(equal(&stats, 5, now(800.0, 100.0)), 8.0);
    close(between(&stats, 10, 109, at), 600.0);
    close(between(&stats, 49, 51, at), 18.0);
}

#[test]
fn without_values_there_is_no_answer() {
    let all = KeySpan { start: &[], end: &[] };
    let at = now(10.0, 0.0);
    assert_eq!(Distribution { values: None, ..second() }.rows_in(all, COLUMN, at), None);
    let nothing =
        Distribution { summary: summary(StatsVersion::V2, 0, 0), values: Some(Values::default()) };
    assert_eq!(nothing.rows_in(all, COLUMN, at), None);
    let nulls = Distribution { summary: summary(StatsVersion::V2, 0, 5), ..nothing };
    close(nulls.rows_in(all, COLUMN, at).unwrap(), 10.0);
    let counted =
        Distribution { summary: Summary { version: None, ..second().summary }, ..second() };
    assert_eq!(counted.rows_in(all, COLUMN, at), None);
}

fn any_distribution() -> impl Strategy<Value = Distribution> {
    let parts = (
        vec((0_i64..9, 0_i64..9, 0_u64..50, 0_u64..60, 0_u64..9), 0..6),
        vec((-10_i64..80, 0_u64..90), 0..6),
        (0_u64..40, 0_u64..40, any::<bool>()),
    );
    parts.prop_map(|(buckets, top, (ndv, nulls, is_second))| {
        let mut at = 0;
        let buckets = buckets.into_iter().map(|(gap, width, rows, repeats, ndv)| {
            let (lower, upper) = (at + gap, at + gap + width);
            at = upper + 1;
            bucket(lower, upper, rows, repeats, ndv)
        });
        let version = if is_second { StatsVersion::V2 } else { StatsVersion::V1 };
        let top = top.into_iter().map(|(value, count)| (key(value), count));
        Distribution {
            summary: summary(version, ndv, nulls),
            values: Some(Values {
                histogram: Histogram::new(buckets.collect(), vec![Scale::Plain]).unwrap(),
                top: TopValues::new(if is_second { top.collect() } else { vec![] }).unwrap(),
                sketch: None,
            }),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn a_wider_range_has_no_fewer_rows_and_none_more_than_the_table(
        stats in any_distribution(),
        mut ends in vec(-20_i64..90, 4),
        rows in 0_u32..1000,
        modified in 0_u32..1000,
        unique in any::<bool>(),
        nulls in any::<bool>(),
    ) {
        ends.sort_unstable();
        let [low, a, b, high] = ends[..] else { unreachable!() };
        let at = now(rows.into(), modified.into());
        let shape = if unique { UNIQUE } else { COLUMN };
        let rows_in = |start: Vec<u8>, end: Vec<u8>| {
            stats.rows_in(KeySpan { start: &start, end: &end }, shape, at)
        };
        let outer_start = if nulls { vec![] } else { key(low) };
        let inner = rows_in(key(a), prefix_next(&key(b)));
        let outer = rows_in(outer_start, prefix_next(&key(high)));
        let all = rows_in(vec![], vec![]);
        prop_assert_eq!(inner.is_some(), outer.is_some());
        if let (Some(inner), Some(outer), Some(all)) = (inner, outer, all) {
            prop_assert!(0.0 <= inner && inner <= outer, "{inner} of {outer}");
            prop_assert!(outer <= all && all <= at.rows, "{outer} of {all}");
        }
    }
}
