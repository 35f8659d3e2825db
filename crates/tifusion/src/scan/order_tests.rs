use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::{Column, NegativeExpr};
use tifusion_codec::key::int_handle_range;

use super::*;

fn key_order(columns: &[(&str, bool)], is_unique: bool) -> KeyOrder {
    let column = |(name, is_nullable): &(&str, bool)| KeyOrderColumn {
        name: (*name).into(),
        is_nullable: *is_nullable,
    };
    KeyOrder { columns: columns.iter().map(column).collect(), is_unique, is_split: false }
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

const ASC: ScanOrder = ScanOrder { desc: false };
const DESC: ScanOrder = ScanOrder { desc: true };

fn ranges(partitions: Vec<Vec<Segment>>) -> Vec<Vec<Vec<KeyRange>>> {
    let of_partition =
        |segments: Vec<Segment>| segments.into_iter().map(|segment| segment.ranges).collect();
    partitions.into_iter().map(of_partition).collect()
}

#[test]
fn numbers_above_the_signed_ones_are_read_last_and_backwards_first() {
    let unsigned = KeyOrder { is_split: true, ..key_order(&[("a", false)], true) };
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
