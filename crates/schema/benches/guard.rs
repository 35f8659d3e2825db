//! The micro-benches whose instructions are counted and compared with `benches/guard.txt` by `cargo xtask guard`.
//!
//! `guard` alone lists them; `guard NAME ROUNDS` runs one. Nothing is timed here: whoever counts runs it twice and
//! takes the difference, so that what goes on before the rounds does not count.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "bench code, and a writer that the tests share"
)]

use std::hint::black_box;
use std::ops::Bound::Included;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use tifusion_codec::FieldType;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::index::KeyColumn;
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_codec::output::{DecodeOptions, OutputColumn};
use tifusion_schema::domain::{Interval, Value};
use tifusion_schema::key_range::key_ranges;
use tifusion_schema::{Domain, TableEncoder, TableInfo};

#[path = "../../codec/tests/columnar/writer.rs"]
mod writer;

use writer::{Cell, chunk};

/// Rows of a chunk, as TiKV sends them.
const ROWS: usize = 1024;

/// A table with an integer key and an index on text and number.
const TABLE: &str = r#"{"id":7,"name":{"O":"t","L":"t"},"state":5,"version":5,"pk_is_handle":true,
    "cols":[{"id":1,"name":{"O":"id","L":"id"},"offset":0,"state":5,"version":2,
        "type":{"Tp":8,"Flag":3,"Flen":20,"Decimal":0,"Charset":"binary","Collate":"binary"}},
      {"id":2,"name":{"O":"v","L":"v"},"offset":1,"state":5,"version":2,
        "type":{"Tp":15,"Flag":8,"Flen":20,"Decimal":0,"Charset":"utf8mb4","Collate":"utf8mb4_bin"}},
      {"id":3,"name":{"O":"n","L":"n"},"offset":2,"state":5,"version":2,
        "type":{"Tp":8,"Flag":0,"Flen":20,"Decimal":0,"Charset":"binary","Collate":"binary"}}],
    "index_info":[{"id":1,"idx_name":{"O":"vn","L":"vn"},"state":5,"index_type":1,
        "idx_cols":[{"name":{"O":"v","L":"v"},"offset":1,"length":-1},
                    {"name":{"O":"n","L":"n"},"offset":2,"length":-1}]}]}"#;

/// A bench: its name, and what makes its round.
type Bench = (&'static str, fn() -> Box<dyn Fn()>);

const BENCHES: [Bench; 12] = [
    ("decode bigint", || decode(tp::LONG_LONG, DataType::Int64, |row| Cell::Int(row as i64 - 500))),
    ("decode int", || decode(tp::LONG, DataType::Int32, |row| Cell::Int(row as i64 - 500))),
    ("decode double", || decode(tp::DOUBLE, DataType::Float64, |row| Cell::Double(row as f64))),
    ("decode decimal(15,2)", || {
        decode(tp::NEW_DECIMAL, DataType::Decimal128(15, 2), |row| {
            Cell::Decimal(format!("{}.{:02}", row * 1009, row % 100))
        })
    }),
    ("decode decimal(38,10)", || {
        decode(tp::NEW_DECIMAL, DataType::Decimal128(38, 10), |row| {
            Cell::Decimal(format!("{}123456789012345678.{row:010}", row * 1009))
        })
    }),
    ("decode date", || decode(tp::DATE, DataType::Date32, |row| wall(row, false))),
    ("decode datetime", || {
        decode(tp::DATETIME, DataType::Timestamp(TimeUnit::Microsecond, None), |row| {
            wall(row, true)
        })
    }),
    ("decode varchar(10)", || decode(tp::VARCHAR, DataType::LargeUtf8, |row| text(row, row % 11))),
    ("decode varchar(200)", || {
        decode(tp::VARCHAR, DataType::LargeUtf8, |row| text(row, 100 + row % 101))
    }),
    ("encode keys", encode_keys),
    ("build ranges", build_ranges),
    ("encode rows", encode_rows),
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(name) = arguments.next() else {
        BENCHES.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let rounds: usize = arguments.next().expect("ROUNDS").parse().unwrap();
    let (_, make) = BENCHES.iter().find(|(known, _)| *known == name).expect("a bench of that name");
    let round = make();
    (0..rounds).for_each(|_| round());
}

fn wall(row: usize, has_time: bool) -> Cell {
    let row = row as u64;
    let time = if has_time { [row % 24, row % 60, row % 60, row * 7] } else { [0; 4] };
    let [hour, minute, second, micro] = time;
    Cell::Time([1992 + row % 7, 1 + row % 12, 1 + row % 28, hour, minute, second, micro])
}

fn text(row: usize, len: usize) -> Cell {
    Cell::Bytes((0..len).map(|at| b'a' + ((row * 31 + at * 7) % 26) as u8).collect())
}

/// A chunk of one column, a tenth of it NULL, to Arrow.
fn decode(code: u8, data_type: DataType, cell: fn(usize) -> Cell) -> Box<dyn Fn()> {
    let field = Field::new("c", data_type, true);
    let field_type = FieldType { charset: "utf8mb4".into(), ..FieldType::new(code, 0) };
    let columns = vec![OutputColumn::new(field_type, &field)];
    let schema = Arc::new(Schema::new(vec![field]));
    let decoder = ChunkDecoder::new(schema, columns, DecodeOptions::default()).unwrap();
    let cells = (0..ROWS).map(|row| if row % 10 == 9 { Cell::Null } else { cell(row) });
    let data = Bytes::from(chunk(&[(code, cells.collect())]));
    Box::new(move || drop(black_box(decoder.decode(black_box(&data)).unwrap())))
}

/// Keys of a thousand records.
fn encode_keys() -> Box<dyn Fn()> {
    Box::new(|| {
        for id in 0..1000 {
            black_box(encode_record_key(black_box(7), &Handle::Int(black_box(id))));
        }
    })
}

/// Ranges of an index on three columns: 20 values, 20 values, an interval.
fn build_ranges() -> Box<dyn Fn()> {
    let int = FieldType::new(tp::LONG_LONG, 0);
    let column = KeyColumn::new(1, &int, None, true).unwrap();
    let points = |count| {
        Domain::of((0..count).filter_map(|at| {
            Interval::new(Included(Value::Number(at * 7)), Included(Value::Number(at * 7)))
        }))
    };
    let interval =
        Domain::of(Interval::new(Included(Value::Number(3)), Included(Value::Number(900))));
    let domains = [points(20), points(20), interval];
    Box::new(move || {
        let columns: Vec<_> = domains.iter().map(|domain| (&column, Some(domain))).collect();
        let ranges = key_ranges(black_box(&columns)).unwrap();
        assert_eq!(black_box(ranges).ranges.len(), 400);
    })
}

/// A hundred rows with an index entry each.
fn encode_rows() -> Box<dyn Fn()> {
    let table = TableInfo::from_json(TABLE.as_bytes()).unwrap();
    let encoder = TableEncoder::new(&table, true).unwrap();
    Box::new(move || {
        for id in 0..100 {
            let text = Datum::Bytes(b"a text of a row".as_slice().into());
            let row = [Datum::Int(id), text, Datum::Int(id * 3)];
            drop(black_box(encoder.encode(black_box(&row), None).unwrap()));
        }
    })
}
