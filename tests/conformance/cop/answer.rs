//! The rows of answers, as lines.

use prost::Message as _;
use tifusion_codec::datum::{Datum, decode_one};
use tifusion_codec::field_type::{flag, tp};
use tifusion_proto::tipb::{EncodeType, FieldType, SelectResponse};

/// The rows of an answer, and the answer without them. How rows are spread over chunks is the store's choice.
pub(crate) fn take_rows(data: &[u8], types: &[FieldType]) -> (Vec<String>, SelectResponse) {
    let mut response = SelectResponse::decode(data).expect("an answer to a plan");
    let is_chunk = response.encode_type() == EncodeType::TypeChunk;
    let mut rows = Vec::new();
    for chunk in std::mem::take(&mut response.chunks) {
        let data = chunk.rows_data.unwrap_or_default();
        if is_chunk {
            chunk_rows(&data, types, &mut rows)
        } else {
            datum_rows(&data, types, &mut rows)
        }
    }
    (rows, response)
}

fn datum_rows(mut data: &[u8], types: &[FieldType], rows: &mut Vec<String>) {
    while !data.is_empty() {
        let cells = types.iter().map(|_| cell(&decode_one(&mut data).expect("a datum")));
        rows.push(cells.collect::<Vec<_>>().join(" | "));
    }
}

/// A datum. Counts and years are unsigned integers to TiKV and signed ones to unistore; readers take either.
fn cell(datum: &Datum<'_>) -> String {
    match datum {
        Datum::Null => "NULL".to_owned(),
        Datum::Int(value) => value.to_string(),
        Datum::UInt(value) => value.to_string(),
        Datum::Float(value) => format!("{value:?}"),
        Datum::Bytes(value) => format!("\"{}\"", value.escape_ascii()),
        Datum::Decimal(value) => format!("{value}d"),
        Datum::Duration(nanos) => format!("{nanos}ns"),
        Datum::Json(kind, body) => format!("json {kind} {}", body.escape_ascii()),
        other => format!("{other:?}"),
    }
}

/// Reads columns of Apache-Arrow-like chunks: length, NULLs, offsets of what has no fixed width, cells.
fn chunk_rows(mut data: &[u8], types: &[FieldType], rows: &mut Vec<String>) {
    if data.is_empty() {
        return;
    }
    let columns: Vec<Vec<String>> = types.iter().map(|ty| chunk_column(&mut data, ty)).collect();
    assert!(data.is_empty(), "bytes behind the last column");
    let count = columns.first().map_or(0, Vec::len);
    let row = |at: usize| columns.iter().map(|column| column[at].as_str()).collect::<Vec<_>>();
    rows.extend((0..count).map(|at| row(at).join(" | ")));
}

fn chunk_column(data: &mut &[u8], ty: &FieldType) -> Vec<String> {
    let (count, nulls) = (take_u32(data), take_u32(data));
    let bitmap = if nulls > 0 { take(data, count.div_ceil(8)) } else { &[][..] };
    let is_null = |at: usize| nulls > 0 && bitmap[at / 8] & (1 << (at % 8)) == 0;
    let code = u8::try_from(ty.tp.unwrap_or_default()).expect("a type");
    let width = match code {
        tp::FLOAT => Some(4),
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR | tp::DOUBLE => {
            Some(8)
        }
        tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::DURATION => Some(8),
        tp::NEW_DECIMAL => Some(40),
        _ => None,
    };
    let cells: Vec<&[u8]> = match width {
        Some(width) => take(data, count * width).chunks(width).collect(),
        None => {
            let offsets: Vec<usize> = (0..=count)
                .map(|_| {
                    let bytes = take(data, 8).try_into().expect("eight bytes");
                    usize::try_from(u64::from_le_bytes(bytes)).expect("an offset")
                })
                .collect();
            let bytes = take(data, *offsets.last().expect("an offset"));
            offsets.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
        }
    };
    let unsigned = ty.flag.unwrap_or_default() & flag::UNSIGNED != 0;
    let shown = |(at, bytes): (usize, &&[u8])| {
        if is_null(at) { "NULL".to_owned() } else { chunk_cell(bytes, code, unsigned) }
    };
    cells.iter().enumerate().map(shown).collect()
}

fn chunk_cell(bytes: &[u8], code: u8, unsigned: bool) -> String {
    let eight = || bytes.try_into().expect("eight bytes");
    match code {
        tp::FLOAT => format!("{:?}f", f32::from_le_bytes(bytes.try_into().expect("four bytes"))),
        tp::DOUBLE => format!("{:?}", f64::from_le_bytes(eight())),
        tp::NEW_DECIMAL => chunk_decimal(bytes),
        tp::DATE | tp::DATETIME | tp::TIMESTAMP => format!("{:#018x}", u64::from_le_bytes(eight())),
        tp::DURATION => format!("{}ns", i64::from_le_bytes(eight())),
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR if unsigned => {
            format!("{}u", u64::from_le_bytes(eight()))
        }
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR => {
            i64::from_le_bytes(eight()).to_string()
        }
        _ => format!("\"{}\"", bytes.escape_ascii()),
    }
}

/// Digits before and behind the point, digits shown, sign; then words of nine digits, of which those that are not used
/// hold anything. How many zeros are in front is the store's choice.
fn chunk_decimal(bytes: &[u8]) -> String {
    let (before, behind) = (usize::from(bytes[0]), usize::from(bytes[1]));
    let words = bytes[4..].as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    let mut words = words.map(|word| format!("{word:09}"));
    let whole: String = words.by_ref().take(before.div_ceil(9)).collect();
    let fraction: String = words.take(behind.div_ceil(9)).collect();
    let whole = whole.trim_start_matches('0');
    let sign = if bytes[3] == 0 { "" } else { "-" };
    let shown = bytes[2];
    format!(
        "{sign}{}.{}d of {shown}",
        if whole.is_empty() { "0" } else { whole },
        &fraction[..behind]
    )
}

fn take<'a>(data: &mut &'a [u8], count: usize) -> &'a [u8] {
    data.split_off(..count).expect("a whole chunk")
}

fn take_u32(data: &mut &[u8]) -> usize {
    let bytes = take(data, 4).try_into().expect("four bytes");
    usize::try_from(u32::from_le_bytes(bytes)).expect("a count")
}
