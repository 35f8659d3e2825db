//! Functions of JSON documents, and casts to them.

use bytes::Bytes;
use tifusion_codec::field_type::tp as column;
use tifusion_codec::json::{from_text, tp};
use tifusion_codec::time::TimeKind;
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use super::path::Path;
use crate::cop::decimal;
use crate::cop::error::EvalError;
use crate::cop::json::Json;
use crate::cop::types::TypeExt;
use crate::cop::value::Value;

/// Bytes of the longest `BINARY` there is.
const MAX_BYTES: usize = 255;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    Some(match sig {
        Sig::JsonTypeSig => Function::exact(1, json_type),
        Sig::JsonExtractSig => Function::many(2, extract),
        Sig::JsonUnquoteSig => Function::exact(1, unquote),
        Sig::JsonLengthSig => Function { run: length, min: 1, max: 2 },
        Sig::JsonArraySig => Function::many(0, array),
        Sig::JsonObjectSig => Function::many(0, object),
        Sig::JsonValidJsonSig | Sig::JsonValidStringSig | Sig::JsonValidOthersSig => {
            Function::exact(1, is_valid)
        }
        Sig::CastIntAsJson
        | Sig::CastRealAsJson
        | Sig::CastDecimalAsJson
        | Sig::CastStringAsJson
        | Sig::CastTimeAsJson
        | Sig::CastDurationAsJson
        | Sig::CastJsonAsJson => Function::exact(1, cast),
        _ => return None,
    })
}

fn document(call: &Call<'_>, at: usize) -> Result<Option<Json>, EvalError> {
    call.json(at)?.map(|cell| Json::decode(cell)).transpose()
}

fn json_type(call: &mut Call<'_>) -> Outcome {
    let Some(document) = document(call, 0)? else { return Ok(Value::Null) };
    Ok(Value::text(match &document {
        Json::Object(_) => "OBJECT",
        Json::Array(_) => "ARRAY",
        Json::Int(_) => "INTEGER",
        Json::Uint(_) => "UNSIGNED INTEGER",
        Json::Double(_) => "DOUBLE",
        Json::Text(_) => "STRING",
        Json::Bool(_) => "BOOLEAN",
        Json::Null => "NULL",
        Json::Other(tp::DATE, _) => "DATE",
        Json::Other(tp::DATETIME | tp::TIMESTAMP, _) => "DATETIME",
        Json::Other(tp::DURATION, _) => "TIME",
        Json::Other(_, body) => match body.first() {
            Some(&column::BIT) => "BIT",
            Some(&(column::TINY_BLOB..=column::STRING | column::VARCHAR)) => "BLOB",
            _ => "OPAQUE",
        },
    }))
}

/// The paths from an argument on; `None` when one is `NULL`.
fn paths(call: &Call<'_>, from: usize) -> Result<Option<Vec<Path>>, EvalError> {
    let mut paths = Vec::new();
    for at in from..call.args.len() {
        let Some(path) = call.bytes(at)? else { return Ok(None) };
        paths.push(Path::parse(&String::from_utf8_lossy(path))?);
    }
    Ok(Some(paths))
}

fn extract(call: &mut Call<'_>) -> Outcome {
    let Some((document, paths)) = document(call, 0)?.zip(paths(call, 1)?) else {
        return Ok(Value::Null);
    };
    let many = paths.len() > 1 || paths.iter().any(Path::may_find_many);
    let mut found: Vec<Json> = Vec::new();
    for path in &paths {
        found.extend(path.find(&document).into_iter().cloned());
    }
    Ok(match found.as_slice() {
        [] => Value::Null,
        [one] if !many => Value::Json(one.encode()),
        _ => Value::Json(Json::Array(found).encode()),
    })
}

/// The text inside quotes; anything else is as it is.
fn unquote(call: &mut Call<'_>) -> Outcome {
    let Some(text) = call.bytes(0)? else { return Ok(Value::Null) };
    let is_quoted = text.len() >= 2 && text.starts_with(b"\"") && text.ends_with(b"\"");
    if !is_quoted {
        return Ok(Value::Bytes(text.clone()));
    }
    let (kind, body) = from_text(&String::from_utf8_lossy(text))?;
    let inner = crate::cop::convert::json_text(&body)?;
    debug_assert_eq!(kind, tp::STRING);
    Ok(Value::Bytes(Bytes::copy_from_slice(inner)))
}

fn length(call: &mut Call<'_>) -> Outcome {
    let Some((document, paths)) = document(call, 0)?.zip(paths(call, 1)?) else {
        return Ok(Value::Null);
    };
    let found = match paths.first() {
        None => Some(&document),
        Some(path) if path.may_find_many() => {
            return Err(EvalError::other(
                "In this situation, path expressions may not contain the * and ** tokens",
            ));
        }
        Some(path) => path.find(&document).first().copied(),
    };
    let len = found.map(|found| match found {
        Json::Array(values) => values.len(),
        Json::Object(members) => members.len(),
        _ => 1,
    });
    Ok(len.and_then(|len| i64::try_from(len).ok()).map_or(Value::Null, Value::Int))
}

fn array(call: &mut Call<'_>) -> Outcome {
    let values: Result<Vec<Json>, EvalError> =
        (0..call.args.len()).map(|at| Ok(document(call, at)?.unwrap_or(Json::Null))).collect();
    Ok(Value::Json(Json::Array(values?).encode()))
}

fn object(call: &mut Call<'_>) -> Outcome {
    if call.args.len() % 2 == 1 {
        return Err(EvalError::other(
            "Incorrect parameter count in the call to native function 'JSON_OBJECT'",
        ));
    }
    let mut members = std::collections::BTreeMap::new();
    for pair in 0..call.args.len() / 2 {
        let key = call.bytes(2 * pair)?.ok_or_else(|| {
            EvalError::other("Data truncation: JSON documents may not contain NULL member names.")
        })?;
        let key = String::from_utf8_lossy(key).into_owned();
        members.insert(key, document(call, 2 * pair + 1)?.unwrap_or(Json::Null));
    }
    Ok(Value::Json(Json::Object(members).encode()))
}

fn is_valid(call: &mut Call<'_>) -> Outcome {
    Ok(match call.arg(0) {
        Value::Null => Value::Null,
        Value::Json(_) => Value::bool(true),
        Value::Bytes(text) => {
            Value::bool(std::str::from_utf8(text).is_ok_and(|text| from_text(text).is_ok()))
        }
        _ => Value::bool(false),
    })
}

fn cast(call: &mut Call<'_>) -> Outcome {
    let from = call.arg_type(0);
    let json = match call.arg(0) {
        Value::Null => return Ok(Value::Null),
        Value::Json(cell) => return Ok(Value::Json(cell.clone())),
        Value::Int(value) if from.is_boolean() => Json::Bool(*value != 0),
        Value::Int(value) if from.is_unsigned() => Json::Uint(value.cast_unsigned()),
        Value::Int(value) => Json::Int(*value),
        Value::Real(value) => Json::Double(*value),
        Value::Decimal(value) => Json::Double(decimal::to_f64(value)),
        Value::Bytes(text) => return text_as_json(call, text),
        Value::Enum(_, name) => Json::Text(String::from_utf8_lossy(name).into_owned()),
        Value::Time(time) => {
            let kind = match time.kind {
                TimeKind::Date => tp::DATE,
                TimeKind::DateTime => tp::DATETIME,
                TimeKind::Timestamp => tp::TIMESTAMP,
            };
            // Times in documents show all digits.
            let fsp = if time.kind == TimeKind::Date { 0 } else { 6 };
            let bits = tifusion_codec::time::CoreTime { fsp, ..*time }.to_core_bits();
            Json::Other(kind, Bytes::copy_from_slice(&bits.to_le_bytes()))
        }
        Value::Duration(span) => {
            let body = [span.nanos.to_le_bytes().as_slice(), &6_u32.to_le_bytes()].concat();
            Json::Other(tp::DURATION, body.into())
        }
        other => return Err(EvalError::other(format!("a {} as JSON", other.kind()))),
    };
    Ok(Value::Json(json.encode()))
}

/// A text is parsed or becomes a string, as its type says; bytes stay bytes.
fn text_as_json(call: &Call<'_>, text: &Bytes) -> Outcome {
    let from = call.arg_type(0);
    if matches!(from.collation_id(), 63 | -63 | 47) {
        let mut bytes = text.to_vec();
        if from.code() == column::STRING
            && let Ok(len) = usize::try_from(from.length())
            && (1..=MAX_BYTES).contains(&len)
        {
            bytes.resize(len, 0);
        }
        let mut body = vec![from.code()];
        tifusion_codec::number::encode_uvarint(&mut body, u64::try_from(bytes.len()).unwrap_or(0));
        body.extend_from_slice(&bytes);
        return Ok(Value::Json(Json::Other(tp::OPAQUE, body.into()).encode()));
    }
    let text = String::from_utf8_lossy(text);
    if !call.site.ret.parses_to_json() {
        return Ok(Value::Json(Json::Text(text.into_owned()).encode()));
    }
    let (kind, body) = from_text(&text)?;
    Ok(Value::Json([&[kind], body.as_slice()].concat().into()))
}
