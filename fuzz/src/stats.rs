//! `tifusion-schema`: statistics made of any bytes, and estimates by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::time::Zone;
use tifusion_schema::TableInfo;
use tifusion_schema::stats::value_key::{bound_key, compact_form, top_value_key};
use tifusion_schema::stats::{
    Bucket, CmSketch, Distribution, Histogram, HistogramId, KeyRange, Scale, StatsVersion, Summary,
    TableStatistics, TopValues, Values,
};

/// A table with an index on its two columns.
const TABLE: &str = r#"{"id": 9, "name": {"O": "t", "L": "t"}, "state": 5,
    "cols": [
        {"id": 1, "name": {"O": "a", "L": "a"}, "offset": 0, "state": 5, "type": {"Tp": 8}},
        {"id": 2, "name": {"O": "b", "L": "b"}, "offset": 1, "state": 5, "type": {"Tp": 15}}],
    "index_info": [
        {"id": 1, "idx_name": {"O": "i", "L": "i"}, "state": 5, "idx_cols": [
            {"name": {"O": "a", "L": "a"}, "offset": 0, "length": -1},
            {"name": {"O": "b", "L": "b"}, "offset": 1, "length": -1}]}]}"#;

/// Takes bytes off the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn some(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte() % 24).min(self.0.len());
        let (some, rest) = self.0.split_at_checked(len).unwrap_or_default();
        self.0 = rest;
        some
    }

    /// Small, large or very large.
    fn count(&mut self) -> u64 {
        let byte = u64::from(self.byte());
        match byte {
            0..200 => byte,
            200..250 => byte << 32,
            _ => u64::MAX - byte,
        }
    }

    fn distribution(&mut self) -> Distribution {
        let version = [None, Some(StatsVersion::V1), Some(StatsVersion::V2)];
        let version = version.into_iter().nth(usize::from(self.byte() % 3)).flatten();
        let summary = Summary {
            version,
            changed_at: 0,
            ndv: self.count(),
            null_count: self.count(),
            total_size: self.count(),
            correlation: 0.0,
        };
        let mut ends: Vec<&[u8]> = (0..self.byte() % 12).map(|_| self.some()).collect();
        ends.sort_unstable();
        let buckets = ends.chunks_exact(2).map(|pair| Bucket {
            lower: pair.first().copied().unwrap_or_default().to_vec(),
            upper: pair.last().copied().unwrap_or_default().to_vec(),
            rows: self.count(),
            repeats: self.count(),
            ndv: self.count(),
        });
        let scale = [Scale::Plain, Scale::Time];
        let buckets: Vec<Bucket> = buckets.collect();
        let scale = scale.into_iter().nth(usize::from(self.byte() % 2)).unwrap_or_default();
        let top = (0..self.byte() % 6).map(|_| (self.some().to_vec(), self.count())).collect();
        let values = Values {
            histogram: Histogram::new(buckets, vec![scale; 2]).unwrap_or_default(),
            top: TopValues::new(top).unwrap_or_default(),
            sketch: CmSketch::decode(self.some()).ok().flatten(),
        };
        Distribution { summary, values: Some(values) }
    }
}

/// Any statistics, any ranges: an estimate is a number between nothing and the rows of the table.
pub fn stats(data: &[u8]) {
    let mut bytes = Bytes(data);
    let Ok(table) = TableInfo::from_json(TABLE.as_bytes()) else { return };
    let (rows, modified) = (bytes.count(), bytes.count());
    let ids = [HistogramId::Column(1), HistogramId::Column(2), HistogramId::Index(1)];
    let distributions: BTreeMap<_, _> =
        ids.into_iter().map(|id| (id, Arc::new(bytes.distribution()))).collect();
    let statistics = TableStatistics { rows: Some(rows), modified, version: 1, distributions };
    let ranges: Vec<KeyRange> =
        (0..bytes.byte() % 4).map(|_| (bytes.some().to_vec(), bytes.some().to_vec())).collect();
    for id in ids {
        let estimate = statistics.estimate(&table, id, &ranges);
        let most = statistics.rows_or_pseudo() as f64;
        assert!((0.0..=most).contains(&estimate.rows), "{estimate:?} of {most}");
    }
    for column in [1, 2] {
        let _ = statistics.average_size(column);
        assert!(statistics.distinct_values(column) <= Some(statistics.rows_or_pseudo()));
    }
}

/// Any bytes as values of any type.
pub fn stats_values(data: &[u8]) {
    let Some((choice, value)) = data.split_first() else { return };
    let plain = |code| FieldType::new(code, 0);
    let types = [
        plain(tp::LONG),
        FieldType::new(tp::LONG_LONG, flag::UNSIGNED),
        plain(tp::FLOAT),
        plain(tp::DOUBLE),
        FieldType { flen: 20, decimal: 5, ..plain(tp::NEW_DECIMAL) },
        plain(tp::DATE),
        plain(tp::DATETIME),
        plain(tp::TIMESTAMP),
        plain(tp::DURATION),
        plain(tp::YEAR),
        plain(tp::BIT),
        FieldType { elems: vec!["a".to_owned(), "b".to_owned()], ..plain(tp::ENUM) },
        FieldType { elems: vec!["a".to_owned(), "b".to_owned()], ..plain(tp::SET) },
        plain(tp::VARCHAR),
        plain(tp::JSON),
    ];
    let Some(field_type) = types.get(usize::from(*choice) % types.len()) else { return };
    let keys = [bound_key(field_type, value, Zone::Utc), top_value_key(field_type, value)];
    for key in keys.into_iter().flatten() {
        assert!(top_value_key(field_type, &key).as_ref() == Ok(&key), "a key is a value");
        let _ = compact_form(&key);
    }
    let _ = compact_form(value);
    if let Ok(Some(sketch)) = CmSketch::decode(value) {
        assert!(sketch.size() <= value.len() * 4, "counters take a byte at least");
        let _ = sketch.count_of(value);
    }
}
