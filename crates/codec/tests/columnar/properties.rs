//! Random tables: what is written comes back, from chunks and from rows.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::types::{Decimal128Type, UInt16Type};
use arrow_array::{
    Array, ArrayRef, Date32Array, DictionaryArray, DurationMicrosecondArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use chrono::NaiveDate;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use tifusion_codec::FieldType;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::output::{DecodeOptions, OutputColumn};
use tifusion_codec::rows::RowsDecoder;

use crate::check::{field_type, shifted};
use crate::encoder::encode_column;
use crate::writer::{Cell, Form, rows, write_column};

/// A column's type, its cells, and the array they are.
#[derive(Debug, Clone)]
struct Written {
    field_type: FieldType,
    cells: Vec<Cell>,
    array: ArrayRef,
}

type Columns = BoxedStrategy<Written>;

/// `count` values or NULLs, made into cells and into an array.
fn column<V: Debug + Clone + 'static, A: Array + 'static>(
    count: usize,
    field_type: FieldType,
    value: impl Strategy<Value = V> + 'static,
    cell: impl Fn(&V) -> Cell + 'static,
    array: impl Fn(Vec<Option<V>>) -> A + 'static,
) -> Columns {
    let values = prop_oneof![
        3 => vec(weighted(0.8, value.boxed()), count),
        1 => Just(vec![None; count]),
    ];
    values
        .prop_map(move |values| Written {
            field_type: field_type.clone(),
            cells: values.iter().map(|v| v.as_ref().map_or(Cell::Null, &cell)).collect(),
            array: Arc::new(array(values)),
        })
        .boxed()
}

fn ints(count: usize) -> Columns {
    let signed = |code| field_type(code, 0);
    let unsigned = |code| field_type(code, flag::UNSIGNED);
    prop_oneof![
        column(count, signed(tp::TINY), any::<i8>(), |v| Cell::Int((*v).into()), Int8Array::from),
        column(
            count,
            signed(tp::SHORT),
            any::<i16>(),
            |v| Cell::Int((*v).into()),
            Int16Array::from
        ),
        column(count, signed(tp::LONG), any::<i32>(), |v| Cell::Int((*v).into()), Int32Array::from),
        column(count, signed(tp::LONG_LONG), any::<i64>(), |v| Cell::Int(*v), Int64Array::from),
        column(
            count,
            unsigned(tp::TINY),
            any::<u8>(),
            |v| Cell::UInt((*v).into()),
            UInt8Array::from
        ),
        column(
            count,
            unsigned(tp::SHORT),
            any::<u16>(),
            |v| Cell::UInt((*v).into()),
            UInt16Array::from
        ),
        column(
            count,
            unsigned(tp::LONG),
            any::<u32>(),
            |v| Cell::UInt((*v).into()),
            UInt32Array::from
        ),
        column(count, unsigned(tp::LONG_LONG), any::<u64>(), |v| Cell::UInt(*v), UInt64Array::from),
        column(
            count,
            field_type(tp::BIT, 0),
            any::<u64>(),
            |v| Cell::Bit(*v, 8),
            UInt64Array::from
        ),
    ]
    .boxed()
}

fn floats(count: usize) -> Columns {
    // As in TiDB, a datum has no minus zero.
    let double = any::<f64>().prop_filter("zero", |v| !v.is_nan() && *v != 0.0);
    let float = any::<f32>().prop_filter("zero", |v| !v.is_nan() && *v != 0.0);
    prop_oneof![
        column(count, field_type(tp::DOUBLE, 0), double, |v| Cell::Double(*v), Float64Array::from),
        column(count, field_type(tp::FLOAT, 0), float, |v| Cell::Float(*v), Float32Array::from),
    ]
    .boxed()
}

fn decimals(count: usize) -> Columns {
    (1_u8..=38)
        .prop_flat_map(|precision| (Just(precision), 0..=precision.min(30)))
        .prop_flat_map(move |(precision, scale)| {
            let limit = 10_i128.pow(precision.into());
            let text = move |value: &i128| {
                let digits = format!("{:0>1$}", value.abs(), usize::from(scale) + 1);
                let (int, frac) = digits.split_at(digits.len() - usize::from(scale));
                let sign = if *value < 0 { "-" } else { "" };
                let point = if scale > 0 { "." } else { "" };
                Cell::Decimal(format!("{sign}{int}{point}{frac}"))
            };
            let array = move |values: Vec<Option<i128>>| {
                PrimitiveArray::<Decimal128Type>::from(values)
                    .with_precision_and_scale(precision, scale as i8)
                    .unwrap()
            };
            let value = any::<i128>().prop_map(move |value| value % limit);
            column(count, field_type(tp::NEW_DECIMAL, 0), value, text, array)
        })
        .boxed()
}

fn times(count: usize) -> Columns {
    fn epoch() -> NaiveDate {
        NaiveDate::from_ymd_opt(1970, 1, 1).unwrap()
    }
    fn wall(micros: i64) -> Cell {
        use chrono::{Datelike, Timelike};
        let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        Cell::Time([
            time.year() as u64,
            time.month().into(),
            time.day().into(),
            time.hour().into(),
            time.minute().into(),
            time.second().into(),
            time.timestamp_subsec_micros().into(),
        ])
    }
    let days = |year, month, day| {
        let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        date.signed_duration_since(epoch()).num_days() as i32
    };
    let range = days(1, 1, 1)..=days(9999, 12, 31);
    const DAY: i64 = 86_400_000_000;
    let micros = i64::from(*range.start()) * DAY..(i64::from(*range.end()) + 1) * DAY;
    let max = 3_020_399_000_000_i64;
    let duration = field_type(tp::DURATION, 0);
    let timestamp = |values| TimestampMicrosecondArray::from(values).with_timezone("Europe/Lisbon");
    let (date, datetime) = (field_type(tp::DATE, 0), field_type(tp::DATETIME, 0));
    prop_oneof![
        column(count, date, range, |v| wall(i64::from(*v) * DAY), Date32Array::from),
        column(count, datetime, micros.clone(), |v| wall(*v), TimestampMicrosecondArray::from),
        column(count, field_type(tp::TIMESTAMP, 0), micros, |v| wall(*v), timestamp),
        column(
            count,
            duration,
            -max..=max,
            |v| Cell::Duration(v * 1000),
            DurationMicrosecondArray::from
        ),
    ]
    .boxed()
}

fn strings(count: usize) -> Columns {
    let text = |value: &String| value.as_str().into();
    let code = || {
        let types = [tp::VARCHAR, tp::STRING, tp::BLOB, tp::LONG_BLOB];
        FieldType { charset: "utf8mb4".into(), ..field_type(types[count % 4], 0) }
    };
    let binary = FieldType { charset: "binary".into(), ..field_type(tp::BLOB, 0) };
    let value = || prop_oneof![".{0,3}", "\\PC{0,40}", Just(String::new())];
    prop_oneof![
        column(count, code(), value(), text, LargeStringArray::from),
        column(count, code(), value(), text, StringViewArray::from),
        column(count, code(), value(), text, StringArray::from),
        column(
            count,
            binary,
            vec(any::<u8>(), 0..30),
            |v| Cell::Bytes(v.clone()),
            |values| values.into_iter().collect::<LargeBinaryArray>()
        ),
    ]
    .boxed()
}

fn others(count: usize) -> Columns {
    let elems: Vec<String> = ["a", "bb", "ü", ""].map(ToOwned::to_owned).to_vec();
    let enumeration = FieldType { elems: elems.clone(), ..field_type(tp::ENUM, 0) };
    let dictionary = |numbers: Vec<Option<u16>>| {
        let keys = numbers.into_iter().map(|n| n.map(|n| n.checked_sub(1).unwrap_or(4)));
        let values = Arc::new(StringArray::from(vec!["a", "bb", "ü", "", ""]));
        DictionaryArray::<UInt16Type>::new(keys.collect(), values)
    };
    let set = FieldType { elems: elems.clone(), ..field_type(tp::SET, 0) };
    let names = move |mask: u64| {
        let member = |(bit, name): (usize, &String)| (mask >> bit & 1 == 1).then(|| name.clone());
        elems.iter().enumerate().filter_map(member).collect::<Vec<_>>().join(",")
    };
    let set_array = move |masks: Vec<Option<u64>>| {
        masks.into_iter().map(|mask| mask.map(&names)).collect::<StringArray>()
    };
    let json_array = |values: Vec<Option<i64>>| {
        values.into_iter().map(|v| v.map(|v| v.to_string())).collect::<StringArray>()
    };
    let lists = |values: Vec<Option<Vec<f32>>>| {
        let mut builder = ListBuilder::new(Float32Builder::new());
        for value in values {
            builder.append_option(value.map(|v| v.into_iter().map(Some).collect::<Vec<_>>()));
        }
        builder.finish()
    };
    let vector = vec(any::<f32>().prop_filter("NaN", |v| !v.is_nan()), 0..5);
    prop_oneof![
        column(
            count,
            enumeration,
            0..=4_u16,
            |n| Cell::Enum((*n).into(), String::new()),
            dictionary
        ),
        column(count, set, 0..16_u64, |mask| Cell::Set(*mask, String::new()), set_array),
        column(
            count,
            field_type(tp::JSON, 0),
            any::<i64>(),
            |v| Cell::Json(9, v.to_le_bytes().to_vec()),
            json_array
        ),
        column(
            count,
            field_type(tp::TIDB_VECTOR_FLOAT32, 0),
            vector,
            |v| Cell::Vector(v.clone()),
            lists
        ),
    ]
    .boxed()
}

fn any_column(count: usize) -> Columns {
    prop_oneof![
        ints(count),
        floats(count),
        decimals(count),
        times(count),
        strings(count),
        others(count)
    ]
    .boxed()
}

fn table() -> impl Strategy<Value = Vec<Written>> {
    prop_oneof![Just(0_usize), 1..20_usize, 62..67_usize]
        .prop_flat_map(|count| vec(any_column(count), 1..5))
}

fn decoders(table: &[Written]) -> (ChunkDecoder, RowsDecoder, RecordBatch) {
    let field = |column: &Written| Field::new("c", column.array.data_type().clone(), true);
    let fields: Vec<Field> = table.iter().map(field).collect();
    let columns: Vec<_> = table
        .iter()
        .zip(&fields)
        .map(|(column, field)| OutputColumn::new(column.field_type.clone(), field))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = table.iter().map(|column| column.array.clone()).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let options = DecodeOptions::default();
    let chunks = ChunkDecoder::new(schema.clone(), columns.clone(), options.clone()).unwrap();
    (chunks, RowsDecoder::new(schema, columns, options).unwrap(), batch)
}

fn table_chunk(table: &[Written], null_fill: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for column in table {
        write_column(&mut out, column.field_type.tp, &column.cells, null_fill);
    }
    out
}

fn check_valid(batch: &RecordBatch) {
    for array in batch.columns() {
        array.to_data().validate_full().unwrap();
    }
}

proptest! {
    #[test]
    fn a_table_comes_back_from_its_chunk(
        table in table(),
        null_fill in vec(any::<u8>(), 0..41),
        shift in 0..8_usize,
    ) {
        let (chunks, _, expected) = decoders(&table);
        let data = shifted(&table_chunk(&table, &null_fill), shift);
        let batch = chunks.decode(&data).unwrap();
        check_valid(&batch);
        prop_assert_eq!(batch, expected);
    }

    #[test]
    fn a_table_comes_back_from_the_encoders_chunk(table in table()) {
        let (chunks, _, expected) = decoders(&table);
        let mut data = Vec::new();
        for column in &table {
            let (code, start) = (column.field_type.tp, data.len());
            encode_column(&mut data, code, &column.cells);
            let mut written = Vec::new();
            write_column(&mut written, code, &column.cells, &[]);
            // The writer's times have no kind, and its decimals a zero before the point.
            if !matches!(code, tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::NEW_DECIMAL) {
                prop_assert_eq!(&data[start..], written);
            }
        }
        prop_assert_eq!(chunks.decode(&data.into()).unwrap(), expected);
    }

    #[test]
    fn a_table_comes_back_from_its_rows(table in table(), compact in any::<bool>()) {
        let (_, datums, expected) = decoders(&table);
        let form = if compact { Form::Compact } else { Form::Comparable };
        let cells: Vec<_> =
            table.iter().map(|column| (column.field_type.tp, column.cells.clone())).collect();
        let batch = datums.decode(&rows(&cells, form).into()).unwrap();
        check_valid(&batch);
        prop_assert_eq!(batch, expected);
    }

    #[test]
    fn a_chunk_with_changed_bytes_is_refused_or_still_a_valid_batch(
        table in table(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<prop::sample::Index>(),
    ) {
        let (chunks, _, _) = decoders(&table);
        let mut data = table_chunk(&table, &[]);
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if let Ok(batch) = chunks.decode(&Bytes::from(data.clone())) {
            check_valid(&batch);
        }
        data.truncate(keep.index(data.len() + 1));
        if let Ok(batch) = chunks.decode(&Bytes::from(data)) {
            check_valid(&batch);
        }
    }

    #[test]
    fn rows_with_changed_bytes_are_refused_or_still_a_valid_batch(
        table in table(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (_, datums, _) = decoders(&table);
        let cells: Vec<_> =
            table.iter().map(|column| (column.field_type.tp, column.cells.clone())).collect();
        let mut data = rows(&cells, Form::Compact);
        prop_assume!(!data.is_empty());
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if let Ok(batch) = datums.decode(&Bytes::from(data)) {
            check_valid(&batch);
        }
    }
}
