//! How fast chunks become Arrow: bytes of chunk per second, by type, with and without NULLs.
//!
//! `cargo bench -p tifusion-codec --bench chunk -- i64` runs one type; every measurement is short.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    reason = "bench code, and a writer that the tests share"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tifusion_codec::FieldType;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::field_type::tp;
use tifusion_codec::output::{DecodeOptions, OutputColumn};

#[path = "../tests/columnar/writer.rs"]
mod writer;

use writer::{Cell, chunk};

/// Rows of a chunk, as TiKV sends them.
const ROWS: usize = 1024;

struct Case {
    name: &'static str,
    code: u8,
    data_type: DataType,
    cell: fn(usize) -> Cell,
}

fn wall(row: usize) -> Cell {
    let row = row as u64;
    Cell::Time([1992 + row % 7, 1 + row % 12, 1 + row % 28, row % 24, row % 60, row % 60, row * 7])
}

fn day(row: usize) -> Cell {
    let row = row as u64;
    Cell::Time([1992 + row % 7, 1 + row % 12, 1 + row % 28, 0, 0, 0, 0])
}

fn text(row: usize, len: usize) -> Cell {
    let letters = (0..len).map(|at| b'a' + ((row * 31 + at * 7) % 26) as u8);
    Cell::Bytes(letters.collect())
}

fn cases() -> Vec<Case> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let case = |name, code, data_type, cell| Case { name, code, data_type, cell };
    vec![
        case("i64", tp::LONG_LONG, DataType::Int64, |row| Cell::Int(row as i64 - 500)),
        case("i32", tp::LONG, DataType::Int32, |row| Cell::Int(row as i64 - 500)),
        case("i8", tp::TINY, DataType::Int8, |row| Cell::Int((row % 256) as i64 - 128)),
        case("f64", tp::DOUBLE, DataType::Float64, |row| Cell::Double(row as f64 / 3.0)),
        case("f32", tp::FLOAT, DataType::Float32, |row| Cell::Float(row as f32 / 3.0)),
        case("decimal(15,2)", tp::NEW_DECIMAL, DataType::Decimal128(15, 2), |row| {
            Cell::Decimal(format!("{}.{:02}", row * 1009, row % 100))
        }),
        case("decimal(38,10)", tp::NEW_DECIMAL, DataType::Decimal128(38, 10), |row| {
            Cell::Decimal(format!("{}123456789012345678.{:010}", row * 1009, row))
        }),
        case("decimal(65,30)", tp::NEW_DECIMAL, DataType::Decimal256(65, 30), |row| {
            Cell::Decimal(format!("{}1234567890123456789012345678.{:030}", row * 1009, row))
        }),
        case("date", tp::DATE, DataType::Date32, day),
        case("datetime", tp::DATETIME, micros, wall),
        case("varchar(10)", tp::VARCHAR, DataType::LargeUtf8, |row| text(row, row % 11)),
        case("varchar(10) view", tp::VARCHAR, DataType::Utf8View, |row| text(row, row % 11)),
        case("varchar(200)", tp::VARCHAR, DataType::LargeUtf8, |row| text(row, 100 + row % 101)),
        case("varchar(200) view", tp::VARCHAR, DataType::Utf8View, |row| {
            text(row, 100 + row % 101)
        }),
    ]
}

fn decode(criterion: &mut Criterion) {
    for case in cases() {
        let field = Field::new("c", case.data_type.clone(), true);
        let field_type = FieldType { charset: "utf8mb4".into(), ..FieldType::new(case.code, 0) };
        let columns = vec![OutputColumn::new(field_type, &field)];
        let schema = Arc::new(Schema::new(vec![field]));
        let decoder = ChunkDecoder::new(schema, columns, DecodeOptions::default()).unwrap();
        let mut group = criterion.benchmark_group(case.name);
        group
            .warm_up_time(Duration::from_millis(100))
            .measurement_time(Duration::from_millis(400))
            .sample_size(20);
        for (name, null_every) in [("no nulls", usize::MAX), ("10% nulls", 10)] {
            let cell = |row: usize| match (row + 1) % null_every {
                0 => Cell::Null,
                _ => (case.cell)(row),
            };
            let data = Bytes::from(chunk(&[(case.code, (0..ROWS).map(cell).collect())]));
            group.throughput(Throughput::Bytes(data.len() as u64));
            group.bench_function(name, |bencher| bencher.iter(|| decoder.decode(black_box(&data))));
        }
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
