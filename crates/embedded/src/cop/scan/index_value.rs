//! The values of index entries, taken apart (`tablecodec` of TiDB, `index_scan_executor.rs` of TiKV).
//!
//! Up to nine bytes are the old form: the integer handle of a unique entry, or nothing of interest.
//! Longer ones begin with the length of their tail, then have, each with a flag before it: a common
//! handle, the id of a partition (global indexes), and a row of values that the key holds only as
//! sort keys. A unique entry's integer handle is in the tail.

use tifusion_codec::Error;
use tifusion_codec::cursor::{take, take_array};
use tifusion_codec::number;

const WHAT: &str = "index value";
/// Most bytes of the old form.
const MAX_OLD_LEN: usize = 9;
const VERSION_FLAG: u8 = 125;
/// Before the id of a partition, here and in keys.
pub(super) const PARTITION_FLAG: u8 = 126;
const COMMON_HANDLE_FLAG: u8 = 127;
/// The version of rows: a row of restored values begins with it.
const RESTORED_FLAG: u8 = 128;
/// Bytes of an integer handle.
const HANDLE_LEN: usize = 8;

/// The parts of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct IndexValue<'a> {
    /// The integer handle of a unique entry.
    pub(super) handle: Option<i64>,
    /// The common handle of a unique entry, as datums.
    pub(super) common_handle: Option<&'a [u8]>,
    /// The partition that a global index's entry points into.
    pub(super) partition: Option<i64>,
    /// A row of values that the key holds only as sort keys.
    pub(super) restored: Option<Restored<'a>>,
}

/// A row of restored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restored<'a> {
    /// All columns of the index.
    All(&'a [u8]),
    /// Only texts whose sort key is not the text; blanks that the sort key lacks are counted.
    Some(&'a [u8]),
}

impl<'a> IndexValue<'a> {
    /// Takes a value apart.
    ///
    /// # Errors
    /// When it is shorter than it says, or has parts that no version knows.
    pub(super) fn new(value: &'a [u8]) -> Result<Self, Error> {
        if value.len() <= MAX_OLD_LEN {
            // A unique entry's handle; a single '0' or a version otherwise.
            let handle = if value.len() >= HANDLE_LEN { Some(big_endian(value)?) } else { None };
            return Ok(Self { handle, ..Self::default() });
        }
        let mut rest = value;
        let [tail_len] = *take_array(WHAT, &mut rest)?;
        let tail_len = usize::from(tail_len);
        let mut version = 0;
        if let ([VERSION_FLAG, number, behind @ ..], 0 | 1) = (rest, tail_len) {
            (version, rest) = (*number, behind);
        }
        let options_len = rest.len().checked_sub(tail_len);
        let (mut rest, tail) = options_len
            .and_then(|len| rest.split_at_checked(len))
            .ok_or_else(|| Error::malformed(WHAT, format!("a tail of {tail_len} bytes")))?;
        let mut parts = Self::default();
        if tail.len() >= HANDLE_LEN {
            parts.handle = Some(big_endian(tail)?);
        }
        if let [COMMON_HANDLE_FLAG, behind @ ..] = rest {
            rest = behind;
            let len = u16::from_be_bytes(*take_array(WHAT, &mut rest)?);
            parts.common_handle = Some(take(WHAT, &mut rest, usize::from(len))?);
        }
        if let [PARTITION_FLAG, behind @ ..] = rest {
            rest = behind;
            parts.partition = Some(number::decode_i64(&mut rest)?);
        }
        match rest {
            [RESTORED_FLAG, ..] if version == 1 => parts.restored = Some(Restored::Some(rest)),
            [RESTORED_FLAG, ..] => parts.restored = Some(Restored::All(rest)),
            [] => {}
            _ => {
                let reason = format!("{} bytes that belong to nothing", rest.len());
                return Err(Error::malformed(WHAT, reason));
            }
        }
        Ok(parts)
    }
}

/// The first eight bytes as they are, not memory-comparable.
fn big_endian(bytes: &[u8]) -> Result<i64, Error> {
    Ok(i64::from_be_bytes(*take_array(WHAT, &mut { bytes })?))
}
