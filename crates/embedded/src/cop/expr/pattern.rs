//! `LIKE`.

use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use crate::cop::collation::Collation;
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    (sig == Sig::LikeSig).then(|| Function::exact(3, like))
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    /// This character.
    One(&'a [u8]),
    /// `_`: any character.
    Any,
    /// `%`: any characters.
    Many,
}

/// Matches by bytes for `binary`, else by characters, which are the same when their weights
/// are.
fn like(call: &mut Call<'_>) -> Outcome {
    let (target, pattern, escape) = (call.bytes(0)?, call.bytes(1)?, call.int(2)?);
    let (Some(target), Some(pattern), Some(escape)) = (target, pattern, escape) else {
        return Ok(Value::Null);
    };
    let by_bytes = call.site.collation == Collation::Binary && call.site.ret.collate.is_some();
    let pieces = parse(&characters(pattern, by_bytes), escape);
    Ok(Value::bool(matches(&characters(target, by_bytes), &pieces, call.site.collation)))
}

/// The characters of a text; bytes that belong to none stand for themselves.
pub(super) fn characters(text: &[u8], by_bytes: bool) -> Vec<&[u8]> {
    if by_bytes {
        return text.chunks(1).collect();
    }
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        out.extend(chunk.valid().split("").filter(|c| !c.is_empty()).map(str::as_bytes));
        out.extend(chunk.invalid().chunks(1));
    }
    out
}

fn parse<'a>(pattern: &[&'a [u8]], escape: i64) -> Vec<Piece<'a>> {
    let escape = u32::try_from(escape).ok().and_then(char::from_u32).map(String::from);
    let escape = escape.as_ref().map(String::as_bytes);
    let mut pieces = Vec::with_capacity(pattern.len());
    let mut rest = pattern.iter().copied().peekable();
    while let Some(character) = rest.next() {
        pieces.push(if escape == Some(character) {
            // At the end it stands for itself.
            Piece::One(rest.next().unwrap_or(character))
        } else {
            match character {
                b"_" => Piece::Any,
                b"%" => Piece::Many,
                other => Piece::One(other),
            }
        });
    }
    pieces
}

fn matches(target: &[&[u8]], pieces: &[Piece<'_>], collation: Collation) -> bool {
    let (mut at, mut piece) = (0, 0);
    // Where to go on when the text behind the last `%` doesn't match.
    let mut retry: Option<(usize, usize)> = None;
    while at < target.len() || piece < pieces.len() {
        let step = match (pieces.get(piece), target.get(at)) {
            (Some(Piece::Many), _) => {
                retry = Some((at, piece + 1));
                piece += 1;
                continue;
            }
            (Some(Piece::Any), Some(_)) => true,
            (Some(Piece::One(wanted)), Some(found)) => collation.same_character(wanted, found),
            _ => false,
        };
        if step {
            (at, piece) = (at + 1, piece + 1);
            continue;
        }
        match retry {
            Some((from, behind)) if from < target.len() => {
                retry = Some((from + 1, behind));
                (at, piece) = (from + 1, behind);
            }
            _ => return false,
        }
    }
    true
}
