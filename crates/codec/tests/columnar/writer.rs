//! Writes chunks and datum rows from plain values, by the formats' descriptions and with nothing of the
//! crate under test but its type codes.

use tifusion_codec::field_type::tp;

/// A wall time: year, month, day, hour, minute, second, microsecond.
pub(crate) type Wall = [u64; 7];

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    UInt(u64),
    Float(f32),
    Double(f64),
    Bytes(Vec<u8>),
    /// Digits with at most one point and a sign.
    Decimal(String),
    Time(Wall),
    /// Nanoseconds.
    Duration(i64),
    /// Value, and the bytes it takes in a chunk.
    Bit(u64, usize),
    /// Number and name.
    Enum(u64, String),
    /// Mask and names.
    Set(u64, String),
    /// Type and body.
    Json(u8, Vec<u8>),
    Vector(Vec<f32>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

/// Which of a datum's two forms rows use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Fixed and memory-comparable, as for values that a store has computed.
    Comparable,
    /// Of variable length, as in rows.
    Compact,
}

/// Bytes of a cell in a chunk, `None` when they differ from cell to cell.
pub(crate) fn fixed_width(code: u8) -> Option<usize> {
    match code {
        tp::FLOAT => Some(4),
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR => Some(8),
        tp::DOUBLE | tp::DURATION | tp::DATE | tp::DATETIME | tp::TIMESTAMP => Some(8),
        tp::NEW_DECIMAL => Some(40),
        _ => None,
    }
}

/// Appends one column of a chunk; cells of NULLs are filled with `null_fill`, those of variable width
/// are as long as it is.
pub(crate) fn write_column(out: &mut Vec<u8>, code: u8, cells: &[Cell], null_fill: &[u8]) {
    let nulls = cells.iter().filter(|cell| **cell == Cell::Null).count();
    out.extend_from_slice(&(cells.len() as u32).to_le_bytes());
    out.extend_from_slice(&(nulls as u32).to_le_bytes());
    if nulls > 0 {
        let mut bitmap = vec![0_u8; cells.len().div_ceil(8)];
        for (row, _) in cells.iter().enumerate().filter(|(_, cell)| **cell != Cell::Null) {
            bitmap[row / 8] |= 1 << (row % 8);
        }
        out.extend_from_slice(&bitmap);
    }
    let mut data = Vec::new();
    let mut offsets = vec![0_i64];
    for cell in cells {
        match (cell, fixed_width(code)) {
            (Cell::Null, Some(width)) => {
                data.extend((0..width).map(|i| null_fill.get(i).copied().unwrap_or(0)));
            }
            (Cell::Null, None) => data.extend_from_slice(null_fill),
            (cell, _) => write_cell(&mut data, cell),
        }
        offsets.push(data.len() as i64);
    }
    if fixed_width(code).is_none() {
        out.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    }
    out.extend_from_slice(&data);
}

/// A chunk of columns, NULL cells empty or zero.
pub(crate) fn chunk(columns: &[(u8, Vec<Cell>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (code, cells) in columns {
        write_column(&mut out, *code, cells, &[]);
    }
    out
}

/// Rows of datums.
pub(crate) fn rows(columns: &[(u8, Vec<Cell>)], form: Form) -> Vec<u8> {
    let mut out = Vec::new();
    let count = columns.first().map_or(0, |(_, cells)| cells.len());
    for row in 0..count {
        for (_, cells) in columns {
            write_datum(&mut out, &cells[row], form);
        }
    }
    out
}

fn write_cell(out: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Cell::Null => {}
        Cell::Int(value) | Cell::Duration(value) => out.extend_from_slice(&value.to_le_bytes()),
        Cell::UInt(value) => out.extend_from_slice(&value.to_le_bytes()),
        Cell::Float(value) => out.extend_from_slice(&value.to_le_bytes()),
        Cell::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
        Cell::Bytes(bytes) => out.extend_from_slice(bytes),
        Cell::Decimal(text) => out.extend_from_slice(&decimal_cell(text)),
        Cell::Time(wall) => out.extend_from_slice(&core_bits(*wall).to_le_bytes()),
        Cell::Bit(value, len) => out.extend_from_slice(&value.to_be_bytes()[8 - len..]),
        Cell::Enum(number, name) | Cell::Set(number, name) => {
            out.extend_from_slice(&number.to_le_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        Cell::Json(tp, body) => {
            out.push(*tp);
            out.extend_from_slice(body);
        }
        Cell::Vector(elements) => {
            out.extend_from_slice(&(elements.len() as u32).to_le_bytes());
            out.extend(elements.iter().flat_map(|element| element.to_le_bytes()));
        }
    }
}

/// Appends one datum.
pub(crate) fn write_datum(out: &mut Vec<u8>, cell: &Cell, form: Form) {
    match cell {
        Cell::Null => out.push(0),
        Cell::Int(value) => write_int(out, *value, form),
        Cell::UInt(value) | Cell::Enum(value, _) | Cell::Set(value, _) | Cell::Bit(value, _) => {
            write_uint(out, *value, form);
        }
        Cell::Time(wall) => write_uint(out, packed(*wall), form),
        Cell::Duration(nanos) if form == Form::Compact => write_int(out, *nanos, form),
        Cell::Duration(nanos) => {
            out.push(7);
            out.extend_from_slice(&((*nanos as u64) ^ (1 << 63)).to_be_bytes());
        }
        Cell::Float(value) => write_float(out, f64::from(*value)),
        Cell::Double(value) => write_float(out, *value),
        Cell::Bytes(bytes) => write_bytes(out, bytes, form),
        Cell::Decimal(text) => write_decimal(out, text),
        Cell::Json(..) => {
            out.push(10);
            write_cell(out, cell);
        }
        Cell::Vector(_) => {
            out.push(20);
            write_cell(out, cell);
        }
    }
}

fn write_int(out: &mut Vec<u8>, value: i64, form: Form) {
    match form {
        Form::Comparable => {
            out.push(3);
            out.extend_from_slice(&((value as u64) ^ (1 << 63)).to_be_bytes());
        }
        Form::Compact => {
            out.push(8);
            write_varint(out, ((value << 1) ^ (value >> 63)) as u64);
        }
    }
}

fn write_uint(out: &mut Vec<u8>, value: u64, form: Form) {
    match form {
        Form::Comparable => {
            out.push(4);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Form::Compact => {
            out.push(9);
            write_varint(out, value);
        }
    }
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_float(out: &mut Vec<u8>, value: f64) {
    let bits = value.to_bits();
    out.push(5);
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8], form: Form) {
    match form {
        Form::Compact => {
            out.push(2);
            write_varint(out, (bytes.len() as u64) << 1);
            out.extend_from_slice(bytes);
        }
        Form::Comparable => {
            out.push(1);
            let mut rest = bytes;
            loop {
                let len = rest.len().min(8);
                let mut group = [0; 8];
                group[..len].copy_from_slice(&rest[..len]);
                out.extend_from_slice(&group);
                out.push(0xff - (8 - len as u8));
                rest = &rest[len..];
                if len < 8 {
                    return;
                }
            }
        }
    }
}

/// The bits of a time in a chunk, the lowest four (kind and fraction digits) zero.
pub(crate) fn core_bits([year, month, day, hour, minute, second, micro]: Wall) -> u64 {
    year << 50 | month << 46 | day << 41 | hour << 36 | minute << 30 | second << 24 | micro << 4
}

/// The number of a time in a datum.
pub(crate) fn packed([year, month, day, hour, minute, second, micro]: Wall) -> u64 {
    let date = (year * 13 + month) << 5 | day;
    (date << 17 | hour << 12 | minute << 6 | second) << 24 | micro
}

/// The sign, the digits before and after the point.
fn digits(text: &str) -> (bool, Vec<u32>, Vec<u32>) {
    let unsigned = text.trim_start_matches('-');
    let (int, frac) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let parse = |part: &str| part.chars().map(|c| c.to_digit(10).unwrap()).collect();
    (text.starts_with('-'), parse(int), parse(frac))
}

fn number(digits: &[u32]) -> u32 {
    digits.iter().fold(0, |value, digit| value * 10 + digit)
}

/// A decimal in a chunk.
pub(crate) fn decimal_cell(text: &str) -> [u8; 40] {
    let (negative, int, frac) = digits(text);
    let mut cell = [0; 40];
    cell[..4].copy_from_slice(&[
        int.len() as u8,
        frac.len() as u8,
        frac.len() as u8,
        negative as u8,
    ]);
    let odd = int.len() % 9;
    let (first, whole) = int.split_at(odd);
    let mut words: Vec<u32> = if odd > 0 { vec![number(first)] } else { vec![] };
    words.extend(whole.chunks(9).map(number));
    for group in frac.chunks(9) {
        words.push(number(group) * 10_u32.pow(9 - group.len() as u32));
    }
    for (index, word) in words.iter().enumerate() {
        cell[4 + index * 4..8 + index * 4].copy_from_slice(&word.to_le_bytes());
    }
    cell
}

fn write_decimal(out: &mut Vec<u8>, text: &str) {
    const BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let (negative, int, frac) = digits(text);
    out.extend_from_slice(&[6, (int.len() + frac.len()) as u8, frac.len() as u8]);
    let start = out.len();
    let mut put = |group: &[u32]| {
        let bytes = number(group).to_be_bytes();
        out.extend_from_slice(&bytes[4 - BYTES[group.len()]..]);
    };
    let (first, whole) = int.split_at(int.len() % 9);
    put(first);
    whole.chunks(9).for_each(&mut put);
    frac.chunks(9).for_each(&mut put);
    if negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    out[start] ^= 0x80;
}
