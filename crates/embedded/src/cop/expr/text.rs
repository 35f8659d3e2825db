//! Functions of texts.

use bytes::Bytes;
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use super::pattern::characters;
use crate::cop::error::{EvalError, code};
use crate::cop::value::Value;

/// Bytes that a result has at most: what `max_allowed_packet` is by default.
const MAX_LEN: usize = 64 << 20;
/// Bytes that `SPACE` gives at most.
const MAX_BLOB: i64 = 16_777_216;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    measures(sig).or_else(|| changes(sig)).or_else(|| parts(sig)).or_else(|| choices(sig))
}

fn measures(sig: Sig) -> Option<Function> {
    let one = |run| Some(Function::exact(1, run));
    match sig {
        Sig::Length | Sig::CharLength => one(|call| measure(call, <[u8]>::len)),
        Sig::BitLength => one(|call| measure(call, |text| text.len() * 8)),
        Sig::CharLengthUtf8 => one(|call| measure(call, |text| characters(text, false).len())),
        Sig::Ascii => {
            one(|call| measure(call, |text| text.first().map_or(0, |byte| usize::from(*byte))))
        }
        Sig::Strcmp => Some(Function::exact(2, strcmp)),
        Sig::Locate2Args => Some(Function::many(2, |call| locate(call, 0, 1, true))),
        Sig::Locate3Args => Some(Function::exact(3, |call| locate(call, 0, 1, true))),
        Sig::Locate2ArgsUtf8 => Some(Function::exact(2, |call| locate(call, 0, 1, false))),
        Sig::Locate3ArgsUtf8 => Some(Function::exact(3, |call| locate(call, 0, 1, false))),
        Sig::Instr => Some(Function::exact(2, |call| locate(call, 1, 0, true))),
        Sig::InstrUtf8 => Some(Function::exact(2, |call| locate(call, 1, 0, false))),
        Sig::FindInSet => Some(Function::exact(2, find_in_set)),
        _ => None,
    }
}

fn changes(sig: Sig) -> Option<Function> {
    let one = |run| Some(Function::exact(1, run));
    match sig {
        Sig::Concat => Some(Function::many(1, concat)),
        Sig::ConcatWs => Some(Function::many(2, concat_with)),
        Sig::Upper | Sig::Lower => one(|call| Ok(call.arg(0).clone())),
        Sig::UpperUtf8 => one(|call| change(call, |text| recase(text, upper))),
        Sig::LowerUtf8 => one(|call| change(call, |text| recase(text, lower))),
        Sig::Reverse => one(|call| change(call, |text| text.iter().rev().copied().collect())),
        Sig::ReverseUtf8 => one(|call| {
            change(call, |text| {
                characters(text, false).iter().rev().copied().flatten().copied().collect()
            })
        }),
        Sig::LTrim => one(|call| change(call, |text| trim(text, b" ", true, false).to_vec())),
        Sig::RTrim => one(|call| change(call, |text| trim(text, b" ", false, true).to_vec())),
        Sig::Trim1Arg => one(|call| change(call, |text| trim(text, b" ", true, true).to_vec())),
        Sig::Trim2Args => Some(Function::exact(2, trim_with)),
        Sig::Trim3Args => Some(Function::exact(3, trim_with)),
        Sig::Replace => Some(Function::exact(3, replace)),
        Sig::Repeat => Some(Function::exact(2, repeat)),
        Sig::Space => one(space),
        Sig::Lpad => Some(Function::exact(3, |call| pad(call, true, true))),
        Sig::LpadUtf8 => Some(Function::exact(3, |call| pad(call, true, false))),
        Sig::Rpad => Some(Function::exact(3, |call| pad(call, false, true))),
        Sig::RpadUtf8 => Some(Function::exact(3, |call| pad(call, false, false))),
        Sig::HexIntArg => one(|call| number(call, |value| format!("{value:X}"))),
        Sig::OctInt => one(|call| number(call, |value| format!("{value:o}"))),
        Sig::Bin => one(|call| number(call, |value| format!("{value:b}"))),
        Sig::HexStrArg => one(|call| change(call, hex)),
        Sig::UnHex => one(unhex),
        _ => None,
    }
}

fn parts(sig: Sig) -> Option<Function> {
    match sig {
        Sig::Left => Some(Function::exact(2, |call| head(call, true))),
        Sig::LeftUtf8 => Some(Function::exact(2, |call| head(call, false))),
        Sig::Right => Some(Function::exact(2, |call| tail(call, true))),
        Sig::RightUtf8 => Some(Function::exact(2, |call| tail(call, false))),
        Sig::Substring2Args => Some(Function::exact(2, |call| substring(call, true))),
        Sig::Substring3Args => Some(Function::exact(3, |call| substring(call, true))),
        Sig::Substring2ArgsUtf8 => Some(Function::exact(2, |call| substring(call, false))),
        Sig::Substring3ArgsUtf8 => Some(Function::exact(3, |call| substring(call, false))),
        Sig::SubstringIndex => Some(Function::exact(3, substring_index)),
        Sig::Insert => Some(Function::exact(4, |call| insert(call, true))),
        Sig::InsertUtf8 => Some(Function::exact(4, |call| insert(call, false))),
        _ => None,
    }
}

fn choices(sig: Sig) -> Option<Function> {
    match sig {
        Sig::Elt => Some(Function::many(2, elt)),
        Sig::FieldInt | Sig::FieldReal | Sig::FieldString => Some(Function::many(2, field)),
        _ => None,
    }
}

fn measure(call: &mut Call<'_>, of: fn(&[u8]) -> usize) -> Outcome {
    Ok(call.bytes(0)?.map_or(Value::Null, |text| position(Some(of(text)))))
}

/// A count as a value; nothing is zero.
fn position(at: Option<usize>) -> Value {
    Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(0))
}

fn change(call: &mut Call<'_>, how: fn(&[u8]) -> Vec<u8>) -> Outcome {
    Ok(call.bytes(0)?.map_or(Value::Null, |text| Value::Bytes(how(text).into())))
}

fn number(call: &mut Call<'_>, how: fn(u64) -> String) -> Outcome {
    Ok(call.int(0)?.map_or(Value::Null, |value| Value::text(how(value.cast_unsigned()))))
}

/// A count of characters; negative ones are none, unsigned ones may be more than there can be.
fn count(call: &Call<'_>, at: usize) -> Result<Option<usize>, EvalError> {
    let unsigned = call.is_unsigned(at);
    Ok(call.int(at)?.map(|count| match unsigned {
        true => usize::try_from(count.cast_unsigned()).unwrap_or(usize::MAX),
        false => usize::try_from(count).unwrap_or(0),
    }))
}

/// A position that counts from the end when negative.
fn signed(call: &Call<'_>, at: usize) -> Result<Option<i64>, EvalError> {
    let unsigned = call.is_unsigned(at);
    Ok(call.int(at)?.map(|value| if unsigned && value < 0 { i64::MAX } else { value }))
}

fn joined(parts: &[&[u8]]) -> Value {
    Value::Bytes(parts.concat().into())
}

fn too_long(function: &str) -> EvalError {
    let message = format!("Result of {function}() was larger than max_allowed_packet");
    EvalError::new(code::PACKET_OVERFLOW, message)
}

fn strcmp(call: &mut Call<'_>) -> Outcome {
    let Some((left, right)) = call.bytes(0)?.zip(call.bytes(1)?) else { return Ok(Value::Null) };
    let ordering = call.site.collation.compare(left, right)?;
    Ok(Value::Int(i64::from(ordering.is_gt()) - i64::from(ordering.is_lt())))
}

/// Where a text begins inside another one, from 1; a third argument says from where on.
fn locate(call: &mut Call<'_>, needle: usize, hay: usize, by_bytes: bool) -> Outcome {
    let Some((needle, hay)) = call.bytes(needle)?.zip(call.bytes(hay)?) else {
        return Ok(Value::Null);
    };
    let mut from = 0;
    if call.args.len() > 2 {
        let Some(start) = signed(call, 2)? else { return Ok(Value::Null) };
        match start.checked_sub(1).and_then(|start| usize::try_from(start).ok()) {
            Some(start) => from = start,
            None => return Ok(Value::Int(0)),
        }
    }
    let (needle, hay) = (characters(needle, by_bytes), characters(hay, by_bytes));
    let Some(rest) = hay.get(from..) else { return Ok(Value::Int(0)) };
    if needle.is_empty() {
        return Ok(position(Some(from + 1)));
    }
    let found = rest.windows(needle.len()).position(|window| {
        window.iter().zip(&needle).all(|(a, b)| call.site.collation.same_character(a, b))
    });
    Ok(position(found.map(|at| at + from + 1)))
}

fn find_in_set(call: &mut Call<'_>) -> Outcome {
    let Some((text, set)) = call.bytes(0)?.zip(call.bytes(1)?) else { return Ok(Value::Null) };
    if set.is_empty() {
        return Ok(Value::Int(0));
    }
    for (at, member) in set.split(|byte| *byte == b',').enumerate() {
        if call.site.collation.compare(member, text)?.is_eq() {
            return Ok(position(Some(at + 1)));
        }
    }
    Ok(Value::Int(0))
}

fn concat(call: &mut Call<'_>) -> Outcome {
    let mut out = Vec::new();
    for at in 0..call.args.len() {
        let Some(text) = call.bytes(at)? else { return Ok(Value::Null) };
        out.extend_from_slice(text);
    }
    Ok(Value::Bytes(out.into()))
}

fn concat_with(call: &mut Call<'_>) -> Outcome {
    let Some(separator) = call.bytes(0)? else { return Ok(Value::Null) };
    let mut texts: Vec<&[u8]> = Vec::new();
    for at in 1..call.args.len() {
        texts.extend(call.bytes(at)?.map(Bytes::as_ref));
    }
    Ok(Value::Bytes(texts.join(separator.as_ref()).into()))
}

fn upper(character: char) -> char {
    let mut many = character.to_uppercase();
    if many.len() == 1 { many.next().unwrap_or(character) } else { character }
}

fn lower(character: char) -> char {
    let mut many = character.to_lowercase();
    if many.len() == 1 { many.next().unwrap_or(character) } else { character }
}

/// Each character in another case; bytes that are none stay.
fn recase(text: &[u8], case: fn(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        let changed: String = chunk.valid().chars().map(case).collect();
        out.extend_from_slice(changed.as_bytes());
        out.extend_from_slice(chunk.invalid());
    }
    out
}

fn trim<'a>(text: &'a [u8], what: &[u8], front: bool, back: bool) -> &'a [u8] {
    let mut text = text;
    if what.is_empty() {
        return text;
    }
    while front && let Some(rest) = text.strip_prefix(what) {
        text = rest;
    }
    while back && let Some(rest) = text.strip_suffix(what) {
        text = rest;
    }
    text
}

/// `TRIM` of a text at both ends, or (2) at its front or (3) at its back.
fn trim_with(call: &mut Call<'_>) -> Outcome {
    let direction = if call.args.len() > 2 { call.int(2)? } else { Some(1) };
    let (Some(text), Some(what), Some(direction)) = (call.bytes(0)?, call.bytes(1)?, direction)
    else {
        return Ok(Value::Null);
    };
    let (front, back) = match direction {
        0 | 1 => (true, true),
        2 => (true, false),
        3 => (false, true),
        other => return Err(EvalError::other(format!("no direction {other} to trim in"))),
    };
    Ok(joined(&[trim(text, what, front, back)]))
}

fn replace(call: &mut Call<'_>) -> Outcome {
    let (Some(text), Some(from), Some(to)) = (call.bytes(0)?, call.bytes(1)?, call.bytes(2)?)
    else {
        return Ok(Value::Null);
    };
    if from.is_empty() {
        return Ok(Value::Bytes(text.clone()));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest: &[u8] = text;
    while let Some((first, behind)) = rest.split_first() {
        match rest.strip_prefix(from.as_ref()) {
            Some(behind) => {
                out.extend_from_slice(to);
                rest = behind;
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
        if out.len() > MAX_LEN {
            return Err(too_long("replace"));
        }
    }
    Ok(Value::Bytes(out.into()))
}

fn repeat(call: &mut Call<'_>) -> Outcome {
    let Some((text, count)) = call.bytes(0)?.zip(count(call, 1)?) else { return Ok(Value::Null) };
    if text.len().saturating_mul(count) > MAX_LEN {
        call.ctx.warn(too_long("repeat"));
        return Ok(Value::Null);
    }
    Ok(Value::Bytes(text.repeat(count).into()))
}

fn space(call: &mut Call<'_>) -> Outcome {
    let Some(count) = call.int(0)? else { return Ok(Value::Null) };
    if count > MAX_BLOB || (count < 0 && call.is_unsigned(0)) {
        return Ok(Value::Null);
    }
    Ok(Value::Bytes(vec![b' '; usize::try_from(count).unwrap_or(0)].into()))
}

/// A text of a length: filled up at its front or back, or cut.
fn pad(call: &mut Call<'_>, front: bool, by_bytes: bool) -> Outcome {
    let length = signed(call, 1)?;
    let (Some(text), Some(length), Some(fill)) = (call.bytes(0)?, length, call.bytes(2)?) else {
        return Ok(Value::Null);
    };
    let (text, fill) = (characters(text, by_bytes), characters(fill, by_bytes));
    let Ok(length) = usize::try_from(length) else { return Ok(Value::Null) };
    if length > MAX_LEN || (fill.is_empty() && length > text.len()) {
        return Ok(Value::Null);
    }
    let missing = length.saturating_sub(text.len());
    let filling: Vec<&[u8]> = fill.iter().copied().cycle().take(missing).collect();
    let kept: Vec<&[u8]> = text.iter().copied().take(length).collect();
    let parts = if front { [filling, kept] } else { [kept, filling] };
    Ok(joined(&parts.concat()))
}

fn hex(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect()
}

fn unhex(call: &mut Call<'_>) -> Outcome {
    let Some(text) = call.bytes(0)? else { return Ok(Value::Null) };
    let mut digits = Vec::with_capacity(text.len() + 1);
    digits.extend((text.len() % 2 == 1).then_some(b'0'));
    digits.extend_from_slice(text);
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    Ok(bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.into())))
}

fn head(call: &mut Call<'_>, by_bytes: bool) -> Outcome {
    let Some((text, count)) = call.bytes(0)?.zip(count(call, 1)?) else { return Ok(Value::Null) };
    let text = characters(text, by_bytes);
    Ok(joined(text.get(..count.min(text.len())).unwrap_or_default()))
}

fn tail(call: &mut Call<'_>, by_bytes: bool) -> Outcome {
    let Some((text, count)) = call.bytes(0)?.zip(count(call, 1)?) else { return Ok(Value::Null) };
    let text = characters(text, by_bytes);
    Ok(joined(text.get(text.len() - count.min(text.len())..).unwrap_or_default()))
}

/// Where a position from 1, or from the end when negative, lies; `None` when outside.
fn offset(position: i64, len: usize) -> Option<usize> {
    let at = if position > 0 {
        usize::try_from(position - 1).ok()?
    } else {
        len.checked_sub(usize::try_from(position.checked_neg()?).ok().filter(|back| *back > 0)?)?
    };
    (at < len).then_some(at)
}

fn substring(call: &mut Call<'_>, by_bytes: bool) -> Outcome {
    let Some((text, start)) = call.bytes(0)?.zip(signed(call, 1)?) else { return Ok(Value::Null) };
    let text = characters(text, by_bytes);
    let len = if call.args.len() > 2 { count(call, 2)? } else { Some(usize::MAX) };
    let Some(len) = len else { return Ok(Value::Null) };
    let part = offset(start, text.len())
        .and_then(|start| text.get(start..start.saturating_add(len).min(text.len())));
    Ok(joined(part.unwrap_or_default()))
}

/// What is before the nth delimiter, or behind the nth from the end.
fn substring_index(call: &mut Call<'_>) -> Outcome {
    let number = signed(call, 2)?;
    let (Some(text), Some(delimiter), Some(number)) = (call.bytes(0)?, call.bytes(1)?, number)
    else {
        return Ok(Value::Null);
    };
    if delimiter.is_empty() || number == 0 {
        return Ok(Value::text(""));
    }
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(delimiter) {
            starts.push(at);
            at += delimiter.len();
        } else {
            at += 1;
        }
    }
    let nth = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    let part = if number > 0 {
        starts.get(nth - 1).and_then(|end| text.get(..*end))
    } else {
        let start = starts.len().checked_sub(nth).and_then(|at| starts.get(at));
        start.and_then(|start| text.get(start + delimiter.len()..))
    };
    Ok(joined(&[part.unwrap_or(text)]))
}

fn insert(call: &mut Call<'_>, by_bytes: bool) -> Outcome {
    let (start, len) = (signed(call, 1)?, signed(call, 2)?);
    let (Some(text), Some(start), Some(len), Some(new)) =
        (call.bytes(0)?, start, len, call.bytes(3)?)
    else {
        return Ok(Value::Null);
    };
    let all = characters(text, by_bytes);
    let start = usize::try_from(start).ok().filter(|start| (1..=all.len()).contains(start));
    let Some(start) = start else { return Ok(Value::Bytes(text.clone())) };
    let rest = all.len() - (start - 1);
    let len = usize::try_from(len).map_or(rest, |len| len.min(rest));
    let front = all.get(..start - 1).unwrap_or_default().concat();
    let back = all.get(start - 1 + len..).unwrap_or_default().concat();
    Ok(joined(&[&front, new, &back]))
}

fn elt(call: &mut Call<'_>) -> Outcome {
    let number = call.int(0)?.and_then(|number| usize::try_from(number).ok());
    Ok(number.filter(|number| *number > 0).map_or(Value::Null, |number| call.arg(number).clone()))
}

/// Which of the others equals the first; zero when none does, or it is `NULL`.
fn field(call: &mut Call<'_>) -> Outcome {
    for other in 1..call.args.len() {
        if super::compare::ordering(call, 0, other)?.is_some_and(std::cmp::Ordering::is_eq) {
            return Ok(position(Some(other)));
        }
    }
    Ok(Value::Int(0))
}
