//! What a column stores, as the recorder of `input.txt` reads it back.

use std::fmt::Write;

use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_codec::vector::VectorRef;
use tifusion_codec::{duration, json};

/// Longer ones are recorded by their length.
pub(crate) const LONGEST: usize = 1000;

pub(crate) fn shown(field_type: &FieldType, datum: &Datum<'_>) -> String {
    let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
    let text = match (field_type.tp, datum) {
        (_, Datum::Null) => "NULL".to_owned(),
        (tp::DATE, Datum::UInt(packed)) => {
            CoreTime::from_packed(*packed, TimeKind::Date, 0).to_string()
        }
        (tp::DATETIME | tp::TIMESTAMP, Datum::UInt(packed)) => {
            CoreTime::from_packed(*packed, TimeKind::DateTime, fsp).to_string()
        }
        (tp::DURATION, Datum::Duration(nanos)) => duration::to_text(*nanos, fsp),
        (tp::YEAR, Datum::Int(year)) => format!("{year:04}"),
        (_, Datum::Int(value)) => value.to_string(),
        (_, Datum::UInt(value)) => value.to_string(),
        (tp::FLOAT, Datum::Float(value)) => format!("{:e}", *value as f32),
        (_, Datum::Float(value)) => format!("{value:e}"),
        (_, Datum::Decimal(value)) => value.to_string(),
        (_, Datum::Bytes(bytes)) => bytes.iter().fold(String::new(), |mut out, byte| {
            write!(out, "{byte:02x}").unwrap();
            out
        }),
        (_, Datum::Json(tp, body)) => {
            let mut text = format!("{} ", json_type(*tp, body));
            json::write_text(&mut text, *tp, body).unwrap();
            text
        }
        (_, Datum::VectorFloat32(cell)) => {
            let elements: Vec<_> =
                VectorRef::from_cell(cell).unwrap().iter().map(|e| e.to_string()).collect();
            format!("[{}]", elements.join(","))
        }
        (_, other) => panic!("{other:?}"),
    };
    if text.len() > LONGEST { format!("{} long", text.len()) } else { text }
}

/// What TiDB recorded, in the same form.
pub(crate) fn normal(field_type: &FieldType, recorded: &str) -> String {
    match field_type.tp {
        tp::FLOAT => format!("{:e}", recorded.parse::<f32>().unwrap()),
        tp::DOUBLE => format!("{:e}", recorded.parse::<f64>().unwrap()),
        _ => recorded.to_owned(),
    }
}

fn json_type(tp: u8, body: &[u8]) -> &'static str {
    match tp {
        json::tp::OBJECT => "OBJECT",
        json::tp::ARRAY => "ARRAY",
        json::tp::LITERAL if body == [0] => "NULL",
        json::tp::LITERAL => "BOOLEAN",
        json::tp::I64 => "INTEGER",
        json::tp::U64 => "UNSIGNED INTEGER",
        json::tp::DOUBLE => "DOUBLE",
        json::tp::STRING => "STRING",
        json::tp::DATE => "DATE",
        json::tp::DATETIME | json::tp::TIMESTAMP => "DATETIME",
        json::tp::DURATION => "TIME",
        _ => "OPAQUE",
    }
}
