//! `REGEXP` and `REGEXP_LIKE`.

use regex::Regex;
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use crate::cop::context::CompiledPattern;
use crate::cop::error::{EvalError, code};
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    match sig {
        Sig::RegexpSig | Sig::RegexpUtf8Sig => Some(Function::exact(2, like)),
        Sig::RegexpLikeSig | Sig::RegexpLikeUtf8Sig => Some(Function { run: like, min: 2, max: 3 }),
        _ => None,
    }
}

fn like(call: &mut Call<'_>) -> Outcome {
    let match_type =
        if call.args.len() > 2 { call.bytes(2)?.cloned() } else { Some(bytes::Bytes::new()) };
    let (Some(text), Some(pattern), Some(match_type)) =
        (call.bytes(0)?, call.bytes(1)?, match_type)
    else {
        return Ok(Value::Null);
    };
    let (text, pattern) = (utf8(text)?, utf8(pattern)?);
    let ignores_case = call.site.collation.ignores_case();
    let whole = with_flags(pattern, utf8(&match_type)?, ignores_case)?;
    // A pattern is a constant nearly always: the one of the last row is kept.
    if call.ctx.pattern.as_ref().is_none_or(|kept| kept.text != whole) {
        let regex = Regex::new(&whole)
            .map_err(|error| invalid(format!("Invalid regexp pattern: {error}")))?;
        call.ctx.pattern = Some(CompiledPattern { text: whole, regex });
    }
    let found = call.ctx.pattern.as_ref().is_some_and(|kept| kept.regex.is_match(text));
    Ok(Value::bool(found))
}

fn invalid(message: impl Into<String>) -> EvalError {
    EvalError::new(code::REGEXP, message)
}

fn utf8(bytes: &[u8]) -> Result<&str, EvalError> {
    std::str::from_utf8(bytes)
        .map_err(|error| EvalError::other(format!("invalid input value: {error}")))
}

/// The pattern with its match type in front: `i` ignores case, `c` doesn't, `m` has lines, in `s` a
/// point is a line's end, too.
fn with_flags(pattern: &str, match_type: &str, ignores_case: bool) -> Result<String, EvalError> {
    if pattern.is_empty() {
        return Err(invalid("Empty pattern is invalid in regexp"));
    }
    let mut flags: Vec<char> = ignores_case.then_some('i').into_iter().collect();
    for flag in match_type.chars() {
        match flag {
            'c' => flags.retain(|flag| *flag != 'i'),
            'i' | 'm' | 's' if !flags.contains(&flag) => flags.push(flag),
            'i' | 'm' | 's' => {}
            other => return Err(invalid(format!("Invalid match type: {other} in regexp"))),
        }
    }
    let flags: String = flags.into_iter().collect();
    Ok(if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") })
}
