//! Aggregations with and without groups, streamed, paged and as chunks.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use tifusion_codec::FieldType as CodecType;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::output::{DecodeOptions, OutputColumn};
use tifusion_proto::coprocessor::Request;
use tifusion_proto::tipb::{
    Aggregation, ColumnInfo, EncodeType, ExecType, Executor, Expr, ExprType, FieldType,
};

use super::fake::*;
use crate::cop::expr::testing::{bigint, column};
use crate::cop::types::plain;

/// Handle 1.. with group `handle % groups` and value `handle`, NULL for every tenth.
fn rows(count: i64, groups: i64) -> FakeRows {
    let mut rows = FakeRows::default();
    for handle in 1..=count {
        let value = (handle % 10 != 0).then(|| handle.to_le_bytes().to_vec());
        rows.put(handle, row_v2(&[(2, Some(vec![(handle % groups) as u8])), (3, value)]));
    }
    rows
}

fn columns() -> Vec<ColumnInfo> {
    vec![column_info(2, tp::LONG_LONG, 0), column_info(3, tp::LONG_LONG, 0)]
}

fn function(kind: ExprType, result: FieldType, argument: Expr) -> Expr {
    Expr {
        tp: Some(kind.into()),
        field_type: Some(result),
        children: vec![argument],
        ..Expr::default()
    }
}

fn decimal() -> FieldType {
    plain(tp::NEW_DECIMAL, 0)
}

fn aggregation(streamed: bool, group_by: Vec<Expr>, agg_func: Vec<Expr>) -> Executor {
    let tp = if streamed { ExecType::TypeStreamAgg } else { ExecType::TypeAggregation };
    let plan = Aggregation { group_by, agg_func, ..Aggregation::default() };
    Executor { tp: Some(tp.into()), aggregation: Some(Box::new(plan)), ..Executor::default() }
}

fn value() -> Expr {
    column(1, bigint())
}

#[test]
fn every_function_gives_its_partial_result() {
    let functions = vec![
        function(ExprType::Count, bigint(), value()),
        function(ExprType::Sum, decimal(), value()),
        function(ExprType::Avg, decimal(), value()),
        function(ExprType::Min, bigint(), value()),
        function(ExprType::Max, bigint(), value()),
        function(ExprType::First, bigint(), value()),
        function(ExprType::AggBitAnd, bigint(), value()),
        function(ExprType::AggBitOr, bigint(), value()),
        function(ExprType::AggBitXor, bigint(), value()),
        function(ExprType::SumInt, bigint(), value()),
        function(ExprType::VarPop, decimal(), value()),
    ];
    let plan = dag(vec![table_scan(columns()), aggregation(false, vec![], functions)], 14);
    let answer = answer(&send(&mut rows(10, 3), &request(&plan, vec![whole_table()])));
    let expected = vec![
        Datum::UInt(9),
        Datum::Decimal("45".parse().unwrap()),
        Datum::UInt(9),
        Datum::Decimal("45".parse().unwrap()),
        Datum::Int(1),
        Datum::Int(9),
        Datum::Int(1),
        Datum::Int(0),
        Datum::Int(15),
        Datum::Int(1),
        Datum::Int(45),
        Datum::UInt(9),
        Datum::Decimal("45".parse().unwrap()),
    ];
    let row = &datums(&answer, 14)[0];
    assert_eq!(row[..13], expected);
    let Datum::Decimal(variance) = &row[13] else { panic!("{row:?}") };
    assert!(variance.to_string().starts_with("6.666666666"), "{variance}");
}

#[test]
fn no_rows_make_no_group() {
    let count = function(ExprType::Count, bigint(), value());
    let plan = dag(vec![table_scan(columns()), aggregation(false, vec![], vec![count])], 1);
    let answer = answer(&send(&mut rows(0, 1), &request(&plan, vec![whole_table()])));
    assert_eq!(datums(&answer, 1), Vec::<Vec<Datum<'_>>>::new());
}

#[test]
fn groups_come_with_what_they_are_grouped_by() {
    let count = function(ExprType::Count, bigint(), value());
    let group = vec![column(0, bigint())];
    let plan = dag(vec![table_scan(columns()), aggregation(false, group, vec![count])], 2);
    let answer = answer(&send(&mut rows(3000, 3), &request(&plan, vec![whole_table()])));
    let row = |group| vec![Datum::UInt(900), Datum::Int(group)];
    assert_eq!(datums(&answer, 2), [row(1), row(2), row(0)]);
}

#[test]
fn streamed_groups_come_as_soon_as_they_are_done() {
    let mut rows = FakeRows::default();
    for handle in 0..3000_i64 {
        rows.put(handle, row_v2(&[(2, Some((handle / 1000).to_le_bytes().to_vec()))]));
    }
    let count = function(ExprType::Count, bigint(), column(0, bigint()));
    let group = vec![column(0, bigint())];
    let plan = dag(vec![table_scan(columns()), aggregation(true, group, vec![count])], 2);
    let answer = answer(&send(&mut rows, &request(&plan, vec![whole_table()])));
    let row = |group| vec![Datum::UInt(1000), Datum::Int(group)];
    assert_eq!(datums(&answer, 2), [row(0), row(1), row(2)]);
    assert!(answer.chunks.len() > 1);
}

#[test]
fn a_page_ends_when_its_groups_are_as_many_as_its_rows() {
    let count = function(ExprType::Count, bigint(), column(0, bigint()));
    let group = vec![column(1, bigint())];
    let plan = dag(vec![table_scan(columns()), aggregation(false, group, vec![count])], 2);
    let paged = Request { paging_size: 128, ..request(&plan, vec![whole_table()]) };
    let response = send(&mut rows(5000, 1), &paged);
    let page = response.range.clone().unwrap();
    assert_eq!(page.start, whole_table().start);
    assert_eq!(answer(&response).output_counts, [1024]);
}

#[test]
fn what_is_not_aggregated_is_refused_by_name() {
    for (kind, result) in [
        (ExprType::GroupConcat, bigint()),
        (ExprType::JsonArrayAgg, bigint()),
        (ExprType::Sum, bigint()),
    ] {
        let function = function(kind, result, value());
        let plan = dag(vec![table_scan(columns()), aggregation(false, vec![], vec![function])], 1);
        let response = send(&mut rows(1, 1), &request(&plan, vec![whole_table()]));
        assert!(response.other_error.contains(&format!("{kind:?}")), "{}", response.other_error);
    }
}

#[test]
fn a_chunk_holds_the_same_columns() {
    let count = function(ExprType::Count, bigint(), value());
    let max = function(ExprType::Max, bigint(), value());
    let group = vec![column(0, bigint())];
    let mut plan = dag(vec![table_scan(columns()), aggregation(false, group, vec![count, max])], 3);
    plan.encode_type = Some(EncodeType::TypeChunk.into());
    plan.output_offsets = vec![2, 0, 1];
    let answer = answer(&send(&mut rows(20, 2), &request(&plan, vec![whole_table()])));
    assert_eq!(answer.encode_type(), EncodeType::TypeChunk);
    let fields = vec![
        Field::new("g", DataType::Int64, true),
        Field::new("c", DataType::UInt64, true),
        Field::new("m", DataType::Int64, true),
    ];
    let flags = [0, flag::UNSIGNED, 0];
    let types = fields
        .iter()
        .zip(flags)
        .map(|(field, flags)| OutputColumn::new(CodecType::new(tp::LONG_LONG, flags), field));
    let types = types.collect();
    let schema = Arc::new(Schema::new(fields));
    let decoder = ChunkDecoder::new(schema, types, DecodeOptions::default()).unwrap();
    let batch = decoder.decode(answer.chunks[0].rows_data.as_ref().unwrap()).unwrap();
    let ints = |values: [i64; 2]| -> Arc<dyn Array> { Arc::new(Int64Array::from(values.to_vec())) };
    let expected: [Arc<dyn Array>; 3] =
        [ints([1, 0]), Arc::new(UInt64Array::from(vec![10, 8])), ints([19, 18])];
    assert_eq!(batch.columns(), &expected);
}

#[test]
fn a_set_cannot_be_in_a_chunk_and_comes_as_a_datum() {
    let mut rows = FakeRows::default();
    rows.put(1, row_v2(&[(2, Some(vec![5]))]));
    let mut plan = dag(vec![table_scan(vec![column_info(2, tp::SET, 0)])], 1);
    plan.encode_type = Some(EncodeType::TypeChunk.into());
    let answer = answer(&send(&mut rows, &request(&plan, vec![whole_table()])));
    assert_eq!(answer.encode_type(), EncodeType::TypeDefault);
    assert_eq!(datums(&answer, 1), [[Datum::UInt(5)]]);
}
