//! The chunk encoder: against the tests' own writer, and against what TiDB's code encoded.

use std::str::FromStr;

use bytes::Bytes;
use tifusion_codec::Error;
use tifusion_codec::chunk::ColumnEncoder;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::decimal::Decimal;
use tifusion_codec::enum_set::{enum_name, set_names};
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_codec::{Result, vector};

use crate::writer::Cell;

/// Appends the cells as a column of a chunk.
pub(crate) fn encode_column(out: &mut Vec<u8>, code: u8, cells: &[Cell]) {
    let mut column = ColumnEncoder::new(code);
    cells.iter().for_each(|cell| push(&mut column, code, cell).unwrap());
    assert_eq!(column.len(), cells.len());
    assert_eq!(column.is_empty(), cells.is_empty());
    column.finish(out);
}

fn push(column: &mut ColumnEncoder, code: u8, cell: &Cell) -> Result<()> {
    match cell {
        Cell::Null => column.push_null(),
        Cell::Int(value) => column.push_int(*value)?,
        Cell::UInt(value) => column.push_uint(*value)?,
        Cell::Float(value) => column.push_f32(*value)?,
        Cell::Double(value) => column.push_f64(*value)?,
        Cell::Bytes(bytes) => column.push_bytes(bytes)?,
        Cell::Decimal(text) => column.push_decimal(&Decimal::from_str(text)?)?,
        Cell::Time(wall) => {
            let [year, month, day, hour, minute, second, micro] = *wall;
            let time = CoreTime {
                year: year as u16,
                month: month as u8,
                day: day as u8,
                hour: hour as u8,
                minute: minute as u8,
                second: second as u8,
                micro: micro as u32,
                kind: kind(code),
                // The writer's times show six digits whatever their type is.
                fsp: 6,
            };
            column.push_time(time)?;
        }
        Cell::Duration(nanos) => column.push_duration(*nanos)?,
        Cell::Bit(value, bytes) => column.push_bit(*value, *bytes)?,
        Cell::Enum(number, name) | Cell::Set(number, name) => {
            column.push_member(*number, name.as_bytes())?;
        }
        Cell::Json(tp, body) => column.push_bytes(&[&[*tp], body.as_slice()].concat())?,
        Cell::Vector(elements) => {
            let mut bytes = Vec::new();
            vector::encode(&mut bytes, elements)?;
            column.push_bytes(&bytes)?;
        }
    }
    Ok(())
}

fn kind(code: u8) -> TimeKind {
    match code {
        tp::DATE => TimeKind::Date,
        tp::TIMESTAMP => TimeKind::Timestamp,
        _ => TimeKind::DateTime,
    }
}

/// Appends a datum as a cell of the type.
fn push_datum(column: &mut ColumnEncoder, code: u8, elems: &[String], datum: Datum<'_>) {
    match (code, datum) {
        (_, Datum::Null) => column.push_null(),
        (tp::BIT, Datum::UInt(value)) => column.push_bit(value, 8).unwrap(),
        (tp::ENUM, Datum::UInt(number)) => {
            let name = enum_name(elems, number).unwrap();
            column.push_member(number, name.as_bytes()).unwrap();
        }
        (tp::SET, Datum::UInt(mask)) => {
            let names = set_names(elems, mask).unwrap();
            column.push_member(mask, names.as_bytes()).unwrap();
        }
        (tp::DATE | tp::DATETIME | tp::TIMESTAMP, Datum::UInt(packed)) => {
            column.push_time(CoreTime::from_packed(packed, kind(code), 6)).unwrap();
        }
        (tp::DURATION, Datum::Int(nanos) | Datum::Duration(nanos)) => {
            column.push_duration(nanos).unwrap();
        }
        (tp::FLOAT, Datum::Float(value)) => column.push_f32(value as f32).unwrap(),
        (_, Datum::Int(value)) => column.push_int(value).unwrap(),
        (_, Datum::UInt(value)) => column.push_uint(value).unwrap(),
        (_, Datum::Float(value)) => column.push_f64(value).unwrap(),
        (_, Datum::Decimal(value)) => column.push_decimal(&value).unwrap(),
        (_, Datum::Bytes(value) | Datum::VectorFloat32(value)) => {
            column.push_bytes(&value).unwrap();
        }
        (_, Datum::Json(tp, body)) => {
            column.push_bytes(&[&[tp], body.as_ref()].concat()).unwrap();
        }
        (_, other) => panic!("{other:?}"),
    }
}

/// The chunk that the datums of one column are.
pub(crate) fn chunk_of_datums(code: u8, elems: &[String], rows: &[u8]) -> Bytes {
    let mut column = ColumnEncoder::new(code);
    let mut rest = rows;
    while !rest.is_empty() {
        push_datum(&mut column, code, elems, datum::decode_one(&mut rest).unwrap());
    }
    let mut out = Vec::new();
    column.finish(&mut out);
    out.into()
}

#[test]
fn a_cell_of_another_width_than_the_columns_is_refused() {
    let mut fixed = ColumnEncoder::new(tp::LONG_LONG);
    assert!(matches!(fixed.push_bytes(b"abc"), Err(Error::Malformed { .. })));
    assert!(matches!(fixed.push_f32(1.0), Err(Error::Malformed { .. })));
    let mut variable = ColumnEncoder::new(tp::VARCHAR);
    assert!(matches!(variable.push_int(1), Err(Error::Malformed { .. })));
    assert!(fixed.is_empty() && variable.is_empty());
}
