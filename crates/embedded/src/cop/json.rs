//! JSON documents as trees: read from the binary form, compared, and written again.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bytes::Bytes;
use tifusion_codec::cursor::{take, take_array};
use tifusion_codec::json::{MAX_DEPTH, take_value, tp};
use tifusion_codec::{Error, number};

use super::error::EvalError;

const WHAT: &str = "JSON";
/// Bytes of an object's or array's count and size.
const HEADER: usize = 8;
/// Bytes of a key's entry, and of a value's.
const KEY_ENTRY: usize = 6;
const VALUE_ENTRY: usize = 5;

/// A document, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Array(Vec<Json>),
    /// Keys in the order of their bytes.
    Object(BTreeMap<String, Json>),
    /// Bytes or a time: type byte and body as they are.
    Other(u8, Bytes),
}

impl Json {
    /// Reads a cell: type byte and body.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(crate) fn decode(cell: &[u8]) -> Result<Self, EvalError> {
        let (kind, body) = take_value(&mut { cell })?;
        let mut budget = cell.len();
        Ok(Self::read(kind, body, 0, &mut budget)?)
    }

    /// Reads the value at the front of `body`. Values may overlap in a broken document: together they
    /// cost no more than `budget`, a byte for each and for each byte of text.
    fn read(kind: u8, body: &[u8], depth: usize, budget: &mut usize) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::malformed(WHAT, "it is nested too deeply"));
        }
        spend(budget, 1)?;
        let mut rest = body;
        Ok(match kind {
            tp::LITERAL => match body {
                [1, ..] => Self::Bool(true),
                [2, ..] => Self::Bool(false),
                _ => Self::Null,
            },
            tp::I64 => Self::Int(number::decode_i64_le(&mut rest)?),
            tp::U64 => Self::Uint(number::decode_u64_le(&mut rest)?),
            tp::DOUBLE => Self::Double(number::decode_f64_le(&mut rest)?),
            tp::STRING => {
                let len = usize::try_from(number::decode_uvarint(&mut rest)?).unwrap_or(usize::MAX);
                let text = take(WHAT, &mut rest, len)?;
                spend(budget, len)?;
                Self::Text(String::from_utf8_lossy(text).into_owned())
            }
            tp::ARRAY | tp::OBJECT => {
                let count = number::decode_u32_le(&mut rest)?;
                number::decode_u32_le(&mut rest)?;
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let key_bytes =
                    if kind == tp::OBJECT { count.saturating_mul(KEY_ENTRY) } else { 0 };
                let keys = take(WHAT, &mut rest, key_bytes)?.as_chunks::<KEY_ENTRY>().0;
                let values = take(WHAT, &mut rest, count.saturating_mul(VALUE_ENTRY))?;
                let values = values.as_chunks::<VALUE_ENTRY>().0.iter();
                let values = values.map(|entry| Self::read_entry(body, entry, depth, budget));
                if kind == tp::ARRAY {
                    return Ok(Self::Array(values.collect::<Result<_, _>>()?));
                }
                let keys = keys.iter().map(|entry| read_key(body, entry));
                Self::Object(
                    keys.zip(values).map(|(k, v)| Ok((k?, v?))).collect::<Result<_, Error>>()?,
                )
            }
            _ => read_other(kind, body, budget)?,
        })
    }

    fn read_entry(
        body: &[u8],
        entry: &[u8; VALUE_ENTRY],
        depth: usize,
        budget: &mut usize,
    ) -> Result<Self, Error> {
        let [kind, inline @ ..] = entry;
        if *kind == tp::LITERAL {
            return Self::read(*kind, inline, depth + 1, budget);
        }
        let at = usize::try_from(u32::from_le_bytes(*inline)).unwrap_or(usize::MAX);
        let rest = body.get(at..).ok_or_else(|| Error::malformed(WHAT, "an offset beyond it"))?;
        Self::read(*kind, rest, depth + 1, budget)
    }

    /// The cell: type byte and body.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = vec![0];
        let kind = self.write(&mut out);
        if let Some(first) = out.first_mut() {
            *first = kind;
        }
        out.into()
    }

    /// Appends the body and returns its type.
    fn write(&self, out: &mut Vec<u8>) -> u8 {
        match self {
            Self::Null => out.push(0),
            Self::Bool(value) => out.push(if *value { 1 } else { 2 }),
            Self::Int(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Uint(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Text(text) => {
                number::encode_uvarint(out, u64::try_from(text.len()).unwrap_or(u64::MAX));
                out.extend_from_slice(text.as_bytes());
            }
            Self::Array(values) => write_container(out, &[], &values.iter().collect::<Vec<_>>()),
            Self::Object(members) => {
                let keys: Vec<&str> = members.keys().map(String::as_str).collect();
                write_container(out, &keys, &members.values().collect::<Vec<_>>());
            }
            Self::Other(_, body) => out.extend_from_slice(body),
        }
        self.kind()
    }

    /// The type byte.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Null | Self::Bool(_) => tp::LITERAL,
            Self::Int(_) => tp::I64,
            Self::Uint(_) => tp::U64,
            Self::Double(_) => tp::DOUBLE,
            Self::Text(_) => tp::STRING,
            Self::Array(_) => tp::ARRAY,
            Self::Object(_) => tp::OBJECT,
            Self::Other(kind, _) => *kind,
        }
    }

    /// Values of different kinds are ordered by these.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Int(_) | Self::Uint(_) | Self::Double(_) => 1,
            Self::Text(_) => 2,
            Self::Object(_) => 3,
            Self::Array(_) => 4,
            Self::Bool(_) => 5,
            Self::Other(tp::DATE, _) => 6,
            Self::Other(tp::DURATION, _) => 7,
            Self::Other(tp::DATETIME | tp::TIMESTAMP, _) => 8,
            Self::Other(..) => 9,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "TiDB compares as doubles, too")]
    fn number(&self) -> f64 {
        match self {
            Self::Int(value) => *value as f64,
            Self::Uint(value) => *value as f64,
            Self::Double(value) => *value,
            _ => 0.0,
        }
    }

    /// Which of two documents is greater; of objects only whether they are equal means something.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Uint(a), Self::Uint(b)) => a.cmp(b),
            (Self::Int(a), Self::Uint(b)) => i128::from(*a).cmp(&i128::from(*b)),
            (Self::Uint(a), Self::Int(b)) => i128::from(*a).cmp(&i128::from(*b)),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Array(a), Self::Array(b)) => {
                let mut pairs = a.iter().zip(b).map(|(a, b)| a.compare(b));
                pairs.find(|ordering| ordering.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Object(_), Self::Object(_)) => self.encode().cmp(&other.encode()),
            (Self::Other(_, a), Self::Other(_, b)) if self.rank() == other.rank() => {
                let fixed = |body: &Bytes| body.first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
                if self.rank() == 9 { a.cmp(b) } else { fixed(a).cmp(&fixed(b)) }
            }
            _ if self.rank() != other.rank() => self.rank().cmp(&other.rank()),
            _ => {
                let (a, b) = (self.number(), other.number());
                if (a - b).abs() < f64::EPSILON { Ordering::Equal } else { a.total_cmp(&b) }
            }
        }
    }
}

fn spend(budget: &mut usize, cost: usize) -> Result<(), Error> {
    let left = budget.checked_sub(cost);
    *budget = left.ok_or_else(|| Error::malformed(WHAT, "its values overlap"))?;
    Ok(())
}

/// Bytes or a time at the front of `body`.
fn read_other(kind: u8, body: &[u8], budget: &mut usize) -> Result<Json, Error> {
    let len = match kind {
        tp::DATE | tp::DATETIME | tp::TIMESTAMP => 8,
        tp::DURATION => 12,
        tp::OPAQUE => {
            let mut rest = body.get(1..).unwrap_or_default();
            let len = usize::try_from(number::decode_uvarint(&mut rest)?).unwrap_or(usize::MAX);
            (body.len() - rest.len()).saturating_add(len)
        }
        _ => return Err(Error::malformed(WHAT, format!("unknown type {kind:#04x}"))),
    };
    spend(budget, len)?;
    Ok(Json::Other(kind, Bytes::copy_from_slice(take(WHAT, &mut { body }, len)?)))
}

fn read_key(body: &[u8], entry: &[u8; KEY_ENTRY]) -> Result<String, Error> {
    let mut rest = entry.as_slice();
    let at = u32::from_le_bytes(*take_array(WHAT, &mut rest)?);
    let len = usize::from(u16::from_le_bytes(*take_array(WHAT, &mut rest)?));
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let mut key = body.get(at..).unwrap_or_default();
    Ok(String::from_utf8_lossy(take(WHAT, &mut key, len)?).into_owned())
}

/// Appends an object's or array's body: count, size, entries, keys, values.
fn write_container(out: &mut Vec<u8>, keys: &[&str], values: &[&Json]) {
    let head = HEADER + keys.len() * KEY_ENTRY + values.len() * VALUE_ENTRY;
    let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for key in keys {
        entries.extend_from_slice(&word(head + data.len()));
        entries.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
        data.extend_from_slice(key.as_bytes());
    }
    for value in values {
        let start = data.len();
        let kind = value.write(&mut data);
        entries.push(kind);
        if kind == tp::LITERAL {
            let literal = data.pop().unwrap_or(0);
            entries.extend_from_slice(&[literal, 0, 0, 0]);
        } else {
            entries.extend_from_slice(&word(head + start));
        }
    }
    out.extend_from_slice(&word(values.len()));
    out.extend_from_slice(&word(head + data.len()));
    out.extend_from_slice(&entries);
    out.extend_from_slice(&data);
}
