use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::{Column, NegativeExpr};
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::key::{index_prefix, int_handle_range, prefix_next};

use super::*;

fn key_order(columns: &[(&str, bool)], is_unique: bool) -> KeyOrder {
    let column = |(name, is_nullable): &(&str, bool)| KeyOrderColumn {
        name: (*name).into(),
        is_nullable: *is_nullable,
    };
    KeyOrder { columns: columns.iter().map(column).collect(), is_unique, ..KeyOrder::default() }
}

fn schema() -> Schema {
    let field = |name: &&str| Field::new(*name, DataType::Int64, true);
    Schema::new(["v", "a", "b", "c"].iter().map(field).collect::<Vec<_>>())
}

/// `a`, `a desc`, `a nulls first`, ….
fn asked(order: &[&str]) -> Vec<PhysicalSortExpr> {
    let part = |text: &&str| {
        let name = text.split(' ').next().unwrap();
        let column = Column::new(name, schema().index_of(name).unwrap());
        let descending = text.contains("desc");
        let nulls_first = text.contains("nulls first");
        PhysicalSortExpr::new(Arc::new(column), SortOptions { descending, nulls_first })
    };
    order.iter().map(part).collect()
}

#[test]
fn an_order_is_the_keys_or_it_is_not() {
    let not_null = key_order(&[("a", false), ("b", false)], true);
    let entries = key_order(&[("a", false), ("b", true)], false);
    for (of, order, want) in [
        (&not_null, &["a"][..], Some(false)),
        (&not_null, &["a desc"], Some(true)),
        (&not_null, &["a nulls first"], Some(false)),
        (&not_null, &["a", "b"], Some(false)),
        (&not_null, &["a desc", "b desc nulls first"], Some(true)),
        (&not_null, &["a desc", "b"], None),
        (&not_null, &["a", "b desc"], None),
        (&not_null, &["b"], None),
        (&not_null, &["b", "a"], None),
        (&not_null, &["v"], None),
        (&not_null, &["a", "v"], None),
        // Behind the whole key nothing is left to order.
        (&not_null, &["a", "b", "v desc"], Some(false)),
        (&entries, &["a", "b nulls first"], Some(false)),
        (&entries, &["a", "b"], None),
        (&entries, &["a desc", "b desc"], Some(true)),
        (&entries, &["a desc", "b desc nulls first"], None),
        (&entries, &["a", "b nulls first", "v"], None),
        (&entries, &["a"], Some(false)),
        (&KeyOrder::default(), &["a"], None),
    ] {
        let got = of.of_rows(&asked(order), &schema());
        assert_eq!(got.as_ref().map(|(order, _)| order.desc), want, "{order:?}");
        let kept = got.map_or(order.len(), |(_, rows)| rows.len());
        assert_eq!(kept, order.len(), "{order:?}");
    }
    assert_eq!(not_null.of_rows(&[], &schema()), None);
    let column = Arc::new(Column::new("a", 1));
    let computed = PhysicalSortExpr::new_default(Arc::new(NegativeExpr::new(column)));
    assert_eq!(not_null.of_rows(&[computed], &schema()), None);
}

fn rows(table: i64, pairs: &[(i64, i64)]) -> Segment {
    let ranges = pairs.iter().map(|(first, last)| {
        let (start, end) = int_handle_range(table, *first, *last);
        KeyRange { start, end }
    });
    Segment { physical_id: table, ranges: ranges.collect(), regions: Some(1) }
}

const ASC: ScanOrder = ScanOrder { desc: false, nulls_apart: false };
const DESC: ScanOrder = ScanOrder { desc: true, nulls_apart: false };

fn ranges(partitions: Vec<Vec<Segment>>) -> Vec<Vec<Vec<KeyRange>>> {
    let of_partition =
        |segments: Vec<Segment>| segments.into_iter().map(|segment| segment.ranges).collect();
    partitions.into_iter().map(of_partition).collect()
}

#[test]
fn numbers_above_the_signed_ones_are_read_last_and_backwards_first() {
    let unsigned = KeyOrder { cut: Some(Cut::Unsigned), ..key_order(&[("a", false)], true) };
    // In the order of the keys: from 2^63 up, then from 0.
    let partitions = [vec![rows(1, &[(i64::MIN, -5)])], vec![rows(1, &[(-3, 7), (9, 9)])]];
    let above = rows(1, &[(-3, -1)]).ranges;
    let below = rows(1, &[(0, 7), (9, 9)]).ranges;
    let first = rows(1, &[(i64::MIN, -5)]).ranges;
    let got = unsigned.arrange(&partitions, ASC).unwrap();
    assert_eq!(ranges(got), [vec![first.clone()], vec![below.clone(), above.clone()]]);
    let got = unsigned.arrange(&partitions, DESC).unwrap();
    assert_eq!(ranges(got), [vec![first.clone()], vec![above.clone(), below.clone()]]);
    let one = unsigned.as_one(&partitions, ASC).unwrap();
    let want = [below.clone(), first.clone(), above.clone()];
    assert_eq!(ranges(vec![one.clone()]), [want.to_vec()]);
    // Put in order once more, it stays in order.
    assert_eq!(unsigned.arrange(&[one], ASC).map(ranges), Some(vec![want.to_vec()]));
    let one = unsigned.as_one(&partitions, DESC).unwrap();
    assert_eq!(ranges(vec![one]), [vec![above, first, below]]);
}

#[test]
fn each_physical_table_is_in_an_order_of_its_own() {
    let order = key_order(&[("a", false)], true);
    let partitions = [
        vec![rows(1, &[(1, 5)]), rows(2, &[(0, 3)])],
        vec![rows(2, &[(4, 9)]), rows(3, &[(2, 2)])],
    ];
    let got = order.arrange(&partitions, DESC).unwrap();
    let tables: Vec<Vec<i64>> =
        got.iter().map(|part| part.iter().map(|segment| segment.physical_id).collect()).collect();
    assert_eq!(tables, [[1], [2], [2], [3]]);
    assert_eq!(order.as_one(&partitions, ASC), None);
    // One partition must stay one: nobody merges it.
    assert_eq!(order.arrange(&partitions[..1], ASC), None);
    let many: Vec<Vec<Segment>> = (0..2)
        .map(|half| (0..40).map(|table| rows(half * 40 + table, &[(1, 5)])).collect())
        .collect();
    assert_eq!(order.arrange(&many, ASC), None);
    assert_eq!(order.arrange(&[vec![]], ASC), Some(vec![vec![]]));
}

/// The order of the entries of index 3, whose keys begin with 7 in `f` and have `a`, which may be `NULL`,
/// and `b` behind.
fn entries() -> KeyOrder {
    let behind = [&seven()[..], &[datum::flag::NIL + 1]].concat();
    KeyOrder {
        fixed: vec!["f".into()],
        cut: Some(Cut::Nulls { index_id: 3, behind }),
        ..key_order(&[("a", true), ("b", true)], false)
    }
}

fn seven() -> Vec<u8> {
    let mut key = Vec::new();
    datum::encode_key(&mut key, &Datum::Int(7)).unwrap();
    key
}

/// From the entries with this in `a` to those with that; `None` is for `NULL`.
fn entries_from(table: i64, first: Option<i64>, last: Option<i64>) -> KeyRange {
    let key = |value: Option<i64>| {
        let mut key = [index_prefix(table, 3), seven()].concat();
        datum::encode_key(&mut key, &value.map_or(Datum::Null, Datum::Int)).unwrap();
        key
    };
    KeyRange { start: key(first), end: prefix_next(&key(last)) }
}

#[test]
fn a_column_of_one_value_is_in_any_order_wherever_it_is() {
    let schema = Schema::new(
        ["v", "a", "b", "f"].map(|name| Field::new(name, DataType::Int64, true)).to_vec(),
    );
    let order = entries();
    for (asked_for, want) in [
        (&["a nulls first"][..], Some(ASC)),
        (&["f desc", "a nulls first"], Some(ASC)),
        (&["a desc", "f", "b desc"], Some(DESC)),
        (&["f", "a", "f desc", "b nulls first"], Some(ScanOrder { nulls_apart: true, ..ASC })),
        (&["f desc nulls first"], Some(DESC)),
        // Only in the first column are they cut off.
        (&["a", "b"], None),
        (&["a nulls first", "b"], None),
        (&["b", "f"], None),
        (&["f", "v"], None),
    ] {
        let part = |text: &&str| {
            let name = text.split(' ').next().unwrap();
            let column = Column::new(name, schema.index_of(name).unwrap());
            let (descending, nulls_first) = (text.contains("desc"), text.contains("nulls first"));
            PhysicalSortExpr::new(Arc::new(column), SortOptions { descending, nulls_first })
        };
        let order_by: Vec<PhysicalSortExpr> = asked_for.iter().map(part).collect();
        let got = order.of_rows(&order_by, &schema);
        assert_eq!(got.map(|(order, _)| order), want, "{asked_for:?}");
    }
    for (names, want) in [
        (&["f"][..], true),
        (&["a"], true),
        (&["f", "a"], true),
        (&["b", "a", "f"], true),
        (&["b"], false),
        (&["f", "b"], false),
        (&["a", "v"], false),
        (&[], false),
    ] {
        assert_eq!(order.begins_with(names), want, "{names:?}");
    }
}

#[test]
fn nulls_are_read_at_the_end_at_which_they_are_asked_for() {
    let order = entries();
    let segment = |ranges: Vec<KeyRange>| Segment { physical_id: 1, ranges, regions: Some(2) };
    let all = entries_from(1, None, Some(9));
    let cut = {
        let start = [index_prefix(1, 3), seven(), vec![1]].concat();
        KeyRange { start, ..all.clone() }
    };
    let nulls = KeyRange { start: all.start.clone(), end: cut.start.clone() };
    let behind = entries_from(1, Some(20), Some(30));
    let partitions = [vec![segment(vec![all.clone(), behind.clone()])]];
    let read = |desc, nulls_apart| {
        let order = order.arrange(&partitions, ScanOrder { desc, nulls_apart });
        order.map(|partitions| ranges(partitions).remove(0))
    };
    let whole = vec![vec![all.clone(), behind.clone()]];
    let values = vec![cut, behind.clone()];
    assert_eq!(read(false, false), Some(whole.clone()));
    assert_eq!(read(true, false), Some(whole));
    assert_eq!(read(false, true), Some(vec![values.clone(), vec![nulls.clone()]]));
    assert_eq!(read(true, true), Some(vec![vec![nulls.clone()], values]));
    // Only `NULL`s, and none.
    let apart = ScanOrder { desc: false, nulls_apart: true };
    for range in [entries_from(1, None, None), behind] {
        let got = order.arrange(&[vec![segment(vec![range.clone()])]], apart).unwrap();
        assert_eq!(got[0][0].regions, Some(2));
        assert_eq!(ranges(got), [[[range]]]);
    }
}
