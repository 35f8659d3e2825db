use proptest::prelude::*;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::field_type::tp;
use tifusion_codec::key::prefix_next;

use super::super::distribution::{Summary, Values};
use super::super::histogram::{Bucket, Histogram};
use super::super::scale::Scale;
use super::super::top_values::TopValues;
use super::*;

/// Columns `a` (1), `b` (2), `c` (3, unique by index 3); indexes 1 on `(a, b)`, 2 on `a`, 3 on `c`, 4,
/// unique, on `(a, c)`.
fn table() -> TableInfo {
    let column = |id: i64, name: &str| {
        format!(
            r#"{{"id": {id}, "name": {{"O": "{name}", "L": "{name}"}}, "offset": {}, "state": 5,
                "type": {{"Tp": {}, "Flag": 0, "Flen": 20, "Decimal": 0}}}}"#,
            id - 1,
            tp::LONG_LONG
        )
    };
    let index = |id: i64, columns: &[(&str, usize)], unique: bool| {
        let columns: Vec<String> = columns
            .iter()
            .map(|(name, offset)| {
                format!(
                    r#"{{"name": {{"O": "{name}", "L": "{name}"}}, "offset": {offset}, "length": -1}}"#
                )
            })
            .collect();
        format!(
            r#"{{"id": {id}, "idx_name": {{"O": "i{id}", "L": "i{id}"}}, "state": 5,
                "is_unique": {unique}, "idx_cols": [{}]}}"#,
            columns.join(",")
        )
    };
    let json = format!(
        r#"{{"id": 9, "name": {{"O": "t", "L": "t"}}, "state": 5, "cols": [{}], "index_info": [{}]}}"#,
        [column(1, "a"), column(2, "b"), column(3, "c")].join(","),
        [
            index(1, &[("a", 0), ("b", 1)], false),
            index(2, &[("a", 0)], false),
            index(3, &[("c", 2)], true),
            index(4, &[("a", 0), ("c", 2)], true),
        ]
        .join(",")
    );
    TableInfo::from_json(json.as_bytes()).unwrap()
}

fn key(values: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        datum::encode_key(&mut out, &Datum::Int(*value)).unwrap();
    }
    out
}

fn all_of(values: &[i64]) -> KeyRange {
    (key(values), prefix_next(&key(values)))
}

/// 1000 rows with values from 0 to `ndv - 1`, each as often as the others.
fn even(ndv: u32) -> Arc<Distribution> {
    let last = i64::from(ndv) - 1;
    let bucket = Bucket {
        lower: key(&[0]),
        upper: key(&[last]),
        rows: 1000,
        repeats: 1000 / u64::from(ndv),
        ndv: 0,
    };
    distribution(ndv, vec![bucket], vec![])
}

fn distribution(ndv: u32, buckets: Vec<Bucket>, top: Vec<(Vec<u8>, u64)>) -> Arc<Distribution> {
    let summary = Summary {
        version: Some(StatsVersion::V2),
        changed_at: 1,
        ndv: ndv.into(),
        null_count: 0,
        total_size: 8000,
        correlation: 0.0,
    };
    let histogram = Histogram::new(buckets, vec![Scale::Plain; 2]).unwrap();
    let values = Values { histogram, top: TopValues::new(top).unwrap(), sketch: None };
    Arc::new(Distribution { summary, values: Some(values) })
}

fn statistics(parts: Vec<(HistogramId, Arc<Distribution>)>) -> TableStatistics {
    TableStatistics {
        rows: Some(1000),
        modified: 0,
        version: 1,
        distributions: parts.into_iter().collect(),
    }
}

/// `a` has 10 values, `b` 20; of the pairs, `(3, 4)` is there 30 times.
fn analyzed() -> TableStatistics {
    let bucket =
        Bucket { lower: key(&[0, 0]), upper: key(&[9, 19]), rows: 970, repeats: 5, ndv: 0 };
    statistics(vec![
        (HistogramId::Column(1), even(10)),
        (HistogramId::Column(2), even(20)),
        (HistogramId::Index(1), distribution(195, vec![bucket], vec![(key(&[3, 4]), 30)])),
    ])
}

fn rows(statistics: &TableStatistics, id: HistogramId, ranges: &[KeyRange]) -> f64 {
    let estimate = statistics.estimate(&table(), id, ranges);
    assert!(!estimate.origin.is_pseudo(), "{estimate:?}");
    estimate.rows
}

fn close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-6, "{left} and {right}");
}

#[test]
fn a_whole_key_is_looked_up_in_the_index_itself() {
    let stats = analyzed();
    close(rows(&stats, HistogramId::Index(1), &[all_of(&[3, 4])]), 30.0);
    close(rows(&stats, HistogramId::Index(1), &[all_of(&[9, 19])]), 5.0);
    close(rows(&stats, HistogramId::Index(1), &[all_of(&[5, 5])]), 5.0);
    close(rows(&stats, HistogramId::Index(1), &[all_of(&[3, 4]), all_of(&[9, 19])]), 35.0);
}

#[test]
fn columns_tell_about_a_part_of_a_key_and_half_of_what_they_say_is_believed() {
    let stats = analyzed();
    let id = HistogramId::Index(1);
    close(rows(&stats, id, &[all_of(&[3])]), 100.0);
    let half = (key(&[3, 0]), key(&[3, 10]));
    let expected = 0.1 * (500.0_f64 / 950.0 * 0.95).sqrt() * 1000.0;
    let got = rows(&stats, id, &[half]);
    assert!((got - expected).abs() < 2.0, "{got} {expected}");
    let to_the_end = (key(&[3, 10]), prefix_next(&key(&[3])));
    assert!((60.0..80.0).contains(&rows(&stats, id, &[to_the_end])));
    let several = (key(&[0]), key(&[5]));
    assert!((450.0..550.0).contains(&rows(&stats, id, &[several])));
}

#[test]
fn an_index_knows_how_many_rows_there_can_be_at_most() {
    let mut stats = analyzed();
    let bucket = |low: i64, high: i64, rows| Bucket {
        lower: key(&[low, 0]),
        upper: key(&[high, 19]),
        rows,
        repeats: 1,
        ndv: 0,
    };
    let own = distribution(195, vec![bucket(0, 2, 960), bucket(3, 4, 40)], vec![]);
    stats.distributions.insert(HistogramId::Index(1), own);
    close(rows(&stats, HistogramId::Index(1), &[all_of(&[3])]), 40.0);
}

#[test]
fn without_its_columns_an_index_answers_itself() {
    let mut stats = analyzed();
    stats.distributions.remove(&HistogramId::Column(1));
    stats.distributions.remove(&HistogramId::Column(2));
    let got = rows(&stats, HistogramId::Index(1), &[all_of(&[3])]);
    assert!((100.0..150.0).contains(&got), "{got}");
}

#[test]
fn without_its_own_statistics_an_index_has_those_of_its_columns() {
    let stats = analyzed();
    close(rows(&stats, HistogramId::Index(2), &[all_of(&[3])]), 100.0);
    let estimate = stats.estimate(&table(), HistogramId::Index(3), &[all_of(&[3])]);
    assert_eq!(estimate.origin, Origin::Pseudo(WhyPseudo::NotAnalyzed));
    close(estimate.rows, 1.0);
}

#[test]
fn a_unique_key_has_one_row() {
    let mut stats = analyzed();
    stats.distributions.insert(HistogramId::Column(3), even(1000));
    stats.distributions.insert(HistogramId::Index(3), even(1000));
    stats.distributions.insert(HistogramId::Index(4), even(1000));
    close(rows(&stats, HistogramId::Column(3), &[all_of(&[77])]), 1.0);
    close(rows(&stats, HistogramId::Index(3), &[all_of(&[77])]), 1.0);
    close(rows(&stats, HistogramId::Index(4), &[all_of(&[1, 77])]), 1.0);
    let many: Vec<KeyRange> = (0..20).map(|value| all_of(&[value])).collect();
    close(rows(&stats, HistogramId::Index(3), &many), 20.0);
}

#[test]
fn without_statistics_there_are_rates_and_the_estimate_says_so() {
    let never = TableStatistics::unknown();
    let estimate = |ranges: &[KeyRange]| never.estimate(&table(), HistogramId::Column(1), ranges);
    let equal = estimate(&[all_of(&[3])]);
    close(equal.rows, 10.0);
    assert_eq!(equal.origin, Origin::Pseudo(WhyPseudo::NotAnalyzed));
    close(estimate(&[(vec![], vec![])]).rows, 10_000.0);
    close(estimate(&[]).rows, 0.0);
    let counted = TableStatistics { rows: Some(500), ..TableStatistics::unknown() };
    let range = [(key(&[3]), key(&[9]))];
    close(counted.estimate(&table(), HistogramId::Column(1), &range).rows, 12.5);
    let few = TableStatistics { rows: Some(5), ..TableStatistics::unknown() };
    close(few.estimate(&table(), HistogramId::Column(1), &range).rows, 1.0);
}

#[test]
fn a_count_of_no_rows_is_no_count() {
    let new = TableStatistics { rows: Some(0), version: 5, ..TableStatistics::unknown() };
    assert_eq!(new.counted_rows(), None);
    assert_eq!(new.rows_or_pseudo(), PSEUDO_ROWS);
}

#[test]
fn values_that_were_not_loaded_are_a_guess() {
    let mut stats = analyzed();
    let summary = stats.distribution(HistogramId::Column(1)).unwrap().summary;
    let unloaded = Arc::new(Distribution { summary, values: None });
    stats.distributions.insert(HistogramId::Column(1), unloaded);
    let estimate = stats.estimate(&table(), HistogramId::Column(1), &[all_of(&[3])]);
    assert_eq!(estimate.origin, Origin::Pseudo(WhyPseudo::NotLoaded));
    assert_eq!(stats.distinct_values(1), Some(10), "that is known all the same");
    close(stats.average_size(1).unwrap(), 8.0);
}

#[test]
fn what_a_column_is_known_by_never_exceeds_the_table() {
    let mut stats = analyzed();
    stats.rows = Some(7);
    assert_eq!(stats.distinct_values(2), Some(7));
    assert_eq!(stats.nulls(2), Some(0));
    assert_eq!(
        (stats.distinct_values(3), stats.nulls(3), stats.average_size(3)),
        (None, None, None)
    );
    assert!(rows(&stats, HistogramId::Column(2), &[(vec![], vec![])]) <= 7.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn more_and_longer_ranges_of_an_index_never_have_fewer_rows(
        a in 0_i64..12,
        b in (-3_i64..25, 1_i64..10),
        more in (0_i64..5, 0_i64..5),
        count in 1_u64..2000,
        modified in 0_u64..500,
    ) {
        let mut stats = analyzed();
        (stats.rows, stats.modified) = (Some(count), modified);
        let id = HistogramId::Index(1);
        let narrow = (key(&[a, b.0]), prefix_next(&key(&[a, b.0 + b.1])));
        let wide = (key(&[a, b.0 - more.0]), prefix_next(&key(&[a, b.0 + b.1 + more.1])));
        let prefix = all_of(&[a]);
        let all = (vec![], vec![]);
        let rows = |range: &KeyRange| rows(&stats, id, std::slice::from_ref(range));
        prop_assert!(rows(&narrow) <= rows(&wide) + 1e-9);
        prop_assert!(rows(&wide) <= rows(&prefix) + 1e-9);
        prop_assert!(rows(&prefix) <= rows(&all) + 1e-9);
        let two = [narrow.clone(), all_of(&[a + 1])];
        let estimate = stats.estimate(&table(), id, &two);
        prop_assert!(estimate.rows + 1e-9 >= rows(&narrow) && estimate.rows.is_finite());
        prop_assert!(estimate.rows <= 2000.0);
    }
}

#[test]
fn the_span_of_a_column_is_told_of_whole_numbers_while_hardly_a_row_has_come() {
    let top = |least: Vec<u8>| distribution(3, vec![], vec![(least, 500), (key(&[7]), 500)]);
    let mut text = Vec::new();
    datum::encode_key(&mut text, &Datum::Bytes(b"a".into())).unwrap();
    let mut stats = analyzed();
    stats.distributions.insert(HistogramId::Column(3), top(key(&[i64::MIN])));
    stats.distributions.insert(HistogramId::Column(4), top(text));
    assert_eq!(stats.span(1), Some((0, 9)));
    assert_eq!(stats.span(3), Some((i64::MIN.into(), 7)));
    assert_eq!((stats.span(4), stats.span(5)), (None, None));
    stats.modified = 100;
    assert_eq!(stats.span(1), Some((0, 9)));
    stats.modified = 101;
    assert_eq!(stats.span(1), None);
}
