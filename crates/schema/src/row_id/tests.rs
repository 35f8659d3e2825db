use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::key::meta;

use super::*;
use crate::model::{CiStr, IndexColumn, IndexInfo, SchemaState};

fn column(id: i64, name: &str, code: u8, flags: u32) -> ColumnInfo {
    ColumnInfo {
        id,
        name: CiStr::new(name),
        offset: usize::try_from(id - 1).unwrap(),
        state: SchemaState::Public,
        field_type: FieldType::new(code, flags),
        ..ColumnInfo::default()
    }
}

/// Two columns, of which the first has the flags.
fn table(flags: u32, change: impl FnOnce(&mut TableInfo)) -> TableInfo {
    let mut table = TableInfo {
        id: 7,
        version: 5,
        state: SchemaState::Public,
        columns: vec![column(1, "a", tp::LONG_LONG, flags), column(2, "b", tp::LONG, 0)],
        ..TableInfo::default()
    };
    change(&mut table);
    table
}

fn plan(flags: u32, change: impl FnOnce(&mut TableInfo)) -> RowIdPlan {
    RowIds::of(&table(flags, change)).unwrap()
}

fn record(change: impl FnOnce(&mut TableInfo)) -> Allocator {
    plan(0, change).record.unwrap()
}

fn taken(allocator: &Allocator, last: i64, count: u64, stride: Stride) -> (Vec<i64>, i64) {
    let (batch, last) = allocator.take(last, count, stride).unwrap();
    assert_eq!((batch.len(), batch.is_empty()), (count, count == 0));
    (batch.collect(), last)
}

const INCREMENT: u32 = flag::AUTO_INCREMENT | flag::NOT_NULL;
const KEY: u32 = flag::PRI_KEY | flag::NOT_NULL;

#[test]
fn a_table_without_a_clustered_key_counts_its_rows() {
    let plan = plan(0, |_| {});
    assert_eq!(plan.column, None);
    let record = plan.record.unwrap();
    assert_eq!((record.counter(), record.step()), (Counter::RowId, 30_000));
    assert_eq!(record.keys(2, 7), [meta::auto_table_id_key(2, 7)]);
    assert_eq!(taken(&record, 0, 3, Stride::default()), (vec![1, 2, 3], 3));
    assert_eq!(taken(&record, 30_000, 1, Stride::default()), (vec![30_001], 30_001));
    assert_eq!(taken(&record, 5, 0, Stride::default()), (vec![], 5));
    assert_eq!(record.compose(9, u64::MAX), 9);
}

#[test]
fn a_clustered_key_needs_no_row_ids() {
    let plan = plan(KEY, |table| table.pk_is_handle = true);
    assert_eq!(plan, RowIdPlan { record: None, column: None });
}

#[test]
fn auto_increment_counts_with_the_rows_unless_it_has_its_own() {
    let shared = plan(INCREMENT, |_| {});
    let column = shared.column.unwrap();
    assert_eq!((column.offset, column.numbering), (0, Numbering::Increment));
    assert_eq!(column.allocator.counter(), Counter::RowId);
    assert_eq!(column.allocator.keys(2, 7), shared.record.unwrap().keys(2, 7));
    assert!(!column.allocator.has_service());

    let own = plan(INCREMENT, |table| table.auto_id_cache = 1);
    let (column, record) = (own.column.unwrap(), own.record.unwrap());
    assert_eq!(column.allocator.counter(), Counter::Increment);
    assert_eq!(column.allocator.keys(2, 7), [meta::auto_increment_id_key(2, 7)]);
    assert_eq!((column.allocator.has_service(), column.allocator.step()), (true, 4000));
    // The row ids' allocator has nothing to do with the cache of one.
    assert_eq!((record.counter(), record.step()), (Counter::RowId, 30_000));

    let old = plan(INCREMENT, |table| (table.auto_id_cache, table.version) = (1, 4));
    let column = old.column.unwrap();
    assert_eq!((column.allocator.counter(), column.allocator.step()), (Counter::RowId, 1));
    let cached = plan(INCREMENT, |table| table.auto_id_cache = 100).column.unwrap();
    assert_eq!(cached.allocator.step(), 100);
}

#[test]
fn steps_and_starts_of_the_session() {
    let column = plan(INCREMENT, |_| {}).column.unwrap();
    let take = |last, count, increment, offset| {
        taken(&column.allocator, last, count, Stride::new(increment, offset).unwrap())
    };
    // As the comment on `Alloc` in TiDB's `autoid.go` has it.
    assert_eq!(take(6, 2, 4, 1), (vec![9, 13], 13));
    assert_eq!(take(0, 3, 10, 5), (vec![5, 15, 25], 25));
    assert_eq!(take(5, 2, 10, 5), (vec![15, 25], 25));
    assert_eq!(take(14, 1, 10, 5), (vec![15], 15));
    assert_eq!(take(0, 2, 1, 5), (vec![5, 6], 6));
    assert_eq!(take(9, 2, 1, 5), (vec![10, 11], 11));
    assert_eq!(take(0, 2, 2, 65_535), (vec![65_535, 65_537], 65_537));
    for (increment, offset) in [(0, 1), (1, 0), (65_536, 1), (1, 65_536)] {
        let error = RowIdError::Stride { increment, offset };
        assert_eq!(Stride::new(increment, offset), Err(error));
    }
}

#[test]
fn an_allocator_ends_before_its_type_does() {
    let signed = plan(INCREMENT, |_| {}).column.unwrap().allocator;
    assert_eq!(signed.most(), i64::MAX.cast_unsigned() - 1);
    assert_eq!(taken(&signed, i64::MAX - 2, 1, Stride::default()).0, [i64::MAX - 1]);
    for (last, count) in [(i64::MAX - 1, 1), (i64::MAX, 1), (i64::MAX - 3, 3), (0, u64::MAX)] {
        let error = signed.take(last, count, Stride::default()).unwrap_err();
        assert!(matches!(error, RowIdError::Exhausted { .. }), "{last}: {error}");
    }
    let unsigned = plan(INCREMENT | flag::UNSIGNED, |_| {});
    let (column, record) = (unsigned.column.unwrap().allocator, unsigned.record.unwrap());
    assert!(column.is_unsigned() && record.is_unsigned());
    assert_eq!(
        taken(&column, i64::MAX, 2, Stride::default()),
        (vec![i64::MIN, i64::MIN + 1], i64::MIN + 1)
    );
    assert_eq!(taken(&column, -3, 1, Stride::default()), (vec![-2], -2));
    assert!(column.take(-2, 1, Stride::default()).is_err());
    // A row id is signed whatever counts it.
    assert!(record.take(i64::MIN, 1, Stride::default()).is_err());
}

#[test]
fn ids_that_rows_bring_are_not_handed_out_again() {
    let signed = plan(INCREMENT, |_| {}).column.unwrap().allocator;
    assert_eq!(signed.after_given(10, 20), 20);
    assert_eq!(signed.after_given(20, 10), 20);
    assert_eq!(signed.after_given(20, -1), 20);
    let unsigned = plan(INCREMENT | flag::UNSIGNED, |_| {}).column.unwrap().allocator;
    assert_eq!(unsigned.after_given(20, -1), -1);
    assert_eq!(unsigned.after_given(-1, 20), -1);
}

fn random(change: impl FnOnce(&mut TableInfo)) -> Result<RowIdPlan, RowIdError> {
    RowIds::of(&table(KEY, |table| {
        (table.pk_is_handle, table.auto_random_bits) = (true, 5);
        change(table);
    }))
}

#[test]
fn auto_random_scatters_bits_behind_the_sign() {
    let column = random(|_| {}).unwrap().column.unwrap();
    let allocator = &column.allocator;
    assert_eq!((column.offset, column.numbering), (0, Numbering::Random));
    assert_eq!((allocator.counter(), allocator.shard_bits()), (Counter::Random, 5));
    assert_eq!(allocator.keys(2, 7), [meta::auto_random_id_key(2, 7)]);
    assert_eq!(allocator.most(), (1 << 58) - 1);
    assert_eq!(allocator.compose(3, 0b10_0001), 1 << 58 | 3);
    assert_eq!(allocator.compose(3, u64::MAX), 31 << 58 | 3);
    assert!(allocator.compose(allocator.most().cast_signed(), u64::MAX) == i64::MAX);
    assert_eq!(allocator.after_given(2, 31 << 58 | 9), 9);
    assert_eq!(allocator.after_given(2, -5), 2);
    let most = allocator.most().cast_signed();
    assert_eq!(taken(allocator, most - 1, 1, Stride::default()).0, [most]);
    assert!(allocator.take(most, 1, Stride::default()).is_err());
}

#[test]
fn auto_random_of_unsigned_and_of_shorter_ranges() {
    let unsigned = random(|table| table.columns[0].field_type.flag |= flag::UNSIGNED).unwrap();
    let allocator = unsigned.column.unwrap().allocator;
    assert_eq!(allocator.most(), (1 << 59) - 1);
    assert_eq!(allocator.compose(1, 31), (31_u64 << 59).cast_signed() | 1);
    assert_eq!(allocator.after_given(2, (31_u64 << 59).cast_signed() | 9), 9);
    let short = random(|table| (table.auto_random_bits, table.auto_random_range_bits) = (3, 54));
    let allocator = short.unwrap().column.unwrap().allocator;
    assert_eq!(allocator.most(), (1 << 50) - 1);
    assert_eq!(allocator.compose(1, 7), 7 << 50 | 1);
    for (bits, range) in [(16, 64), (5, 65), (5, 6), (u64::MAX, 64), (5, 3)] {
        let plan = random(|table| {
            (table.auto_random_bits, table.auto_random_range_bits) = (bits, range);
        });
        assert_eq!(plan, Err(RowIdError::Bits { shard_bits: bits, range_bits: range }));
    }
}

#[test]
fn auto_random_of_a_key_of_several_columns_is_its_first() {
    let part = |name: &str, offset| IndexColumn {
        name: CiStr::new(name),
        offset,
        length: -1,
        ..IndexColumn::default()
    };
    let plan = random(|table| {
        (table.pk_is_handle, table.is_common_handle) = (false, true);
        table.columns[1].field_type = FieldType::new(tp::LONG_LONG, KEY);
        table.indices.push(IndexInfo {
            primary: true,
            unique: true,
            state: SchemaState::Public,
            columns: vec![part("b", 1), part("a", 0)],
            ..IndexInfo::default()
        });
    });
    let plan = plan.unwrap();
    assert_eq!((plan.record, plan.column.unwrap().offset), (None, 1));
}

#[test]
fn scattered_row_ids_respect_those_of_wider_times() {
    let narrow = record(|table| table.shard_row_id_bits = 4);
    assert_eq!((narrow.most(), narrow.shard_bits()), ((1 << 59) - 1, 4));
    assert_eq!(narrow.compose(1, 0xff), 15 << 59 | 1);
    let wider = record(|table| (table.shard_row_id_bits, table.max_shard_row_id_bits) = (2, 6));
    assert_eq!((wider.most(), wider.shard_bits()), ((1 << 57) - 1, 2));
    assert_eq!(wider.compose(1, 3), 3 << 61 | 1);
    assert!(RowIds::of(&table(0, |table| table.shard_row_id_bits = 16)).is_err());
}

#[test]
fn after_a_rename_into_another_database_either_key_may_count() {
    let record = record(|table| table.auto_id_schema_id = 2);
    let keys = record.keys(9, 7);
    assert_eq!(keys, [meta::auto_table_id_key(9, 7), meta::auto_table_id_key(2, 7)]);
    assert_eq!(record.keys(2, 7).len(), 1);
    let read = |values: &[Option<&[u8]>]| record.read(values).unwrap();
    assert_eq!(read(&[None, None]), Reading { last: 0, places: vec![0] });
    assert_eq!(read(&[None, Some(b"30000")]), Reading { last: 30_000, places: vec![1] });
    let both = read(&[Some(b"60000"), Some(b"30000")]);
    assert_eq!(both, Reading { last: 60_000, places: vec![0, 1] });
}

#[test]
fn numbers_of_the_metadata() {
    let signed = record(|_| {});
    assert_eq!(signed.format(30_000), b"30000");
    assert_eq!(signed.parse(b"30000"), Ok(30_000));
    let unsigned = plan(INCREMENT | flag::UNSIGNED, |_| {}).record.unwrap();
    assert_eq!(unsigned.format(-2), b"-2");
    let read = unsigned.read(&[Some(b"5"), Some(b"-2")]).unwrap();
    assert_eq!(read, Reading { last: -2, places: vec![0, 1] });
    for value in [&b""[..], b"many", b"1 ", b"\xff", b"9223372036854775808"] {
        assert!(matches!(signed.parse(value), Err(RowIdError::Malformed { .. })), "{value:?}");
    }
}

#[test]
fn null_and_zero_ask_for_an_id() {
    let mut column = plan(INCREMENT, |_| {}).column.unwrap();
    for value in [Datum::Null, Datum::Int(0), Datum::UInt(0), Datum::Float(0.4), Datum::Float(-0.0)]
    {
        assert_eq!(column.given(&value, false), Ok(None), "{value:?}");
    }
    for (value, id) in [
        (Datum::Int(-3), -3),
        (Datum::UInt(u64::MAX), -1),
        (Datum::Float(2.5), 3),
        (Datum::Float(-2.5), -3),
    ] {
        assert_eq!(column.given(&value, false), Ok(Some(id)), "{value:?}");
    }
    assert!(column.given(&Datum::Float(1e19), false).is_err());
    assert!(column.given(&Datum::Bytes(b"1".as_slice().into()), false).is_err());
    column.numbering = Numbering::Random;
    assert_eq!(column.given(&Datum::Int(0), false), Ok(None));
    let error = column.given(&Datum::Int(1), false).unwrap_err();
    assert!(error.to_string().contains("allow_auto_random_explicit_insert"), "{error}");
    assert_eq!(column.given(&Datum::Int(1), true), Ok(Some(1)));
    assert!(!column.input_type().is_not_null());
}

#[test]
fn a_smaller_column_may_end_before_the_allocator() {
    let of = |code, flags, id| {
        let plan = plan(INCREMENT, |table| {
            table.columns[0].field_type = FieldType::new(code, INCREMENT | flags);
        });
        plan.column.unwrap().datum(id)
    };
    assert_eq!(of(tp::TINY, 0, 127), Ok(Datum::Int(127)));
    let error = of(tp::TINY, 0, 128).unwrap_err();
    assert_eq!(error.to_string(), "column a: the id 128 is out of range of tinyint");
    assert_eq!(of(tp::LONG_LONG, flag::UNSIGNED, -1), Ok(Datum::UInt(u64::MAX)));
    assert_eq!(of(tp::DOUBLE, 0, 3), Ok(Datum::Float(3.0)));
    assert_eq!(of(tp::FLOAT, 0, 16_777_217), Ok(Datum::Float(16_777_216.0)));
}
