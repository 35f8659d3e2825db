//! JSON's texts.

use tifusion_codec::cursor::take;
use tifusion_codec::number::decode_uvarint;

use crate::cop::error::EvalError;

/// The text in the body of a JSON string: a count of bytes, then the bytes.
///
/// # Errors
/// When the body is shorter than it says.
pub(crate) fn json_text(body: &[u8]) -> Result<&[u8], EvalError> {
    let mut rest = body;
    let count = usize::try_from(decode_uvarint(&mut rest)?).unwrap_or(usize::MAX);
    Ok(take("JSON string", &mut rest, count)?)
}
