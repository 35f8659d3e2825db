//! Values of index entries.

use crate::cursor::{take, take_array};
use crate::error::{Error, Result};
use crate::key::Handle;
use crate::{number, row};

const WHAT: &str = "index value";
const COMMON_HANDLE_FLAG: u8 = 127;
const PARTITION_ID_FLAG: u8 = 126;
const VERSION_FLAG: u8 = 125;
/// Longest value of the oldest form, without a head.
const MAX_PLAIN_LEN: usize = 9;
/// Fewest bytes of a value with a head but without a version.
const MIN_LEN: usize = 10;
/// What stands in a value that has nothing to say.
const PLACEHOLDER: u8 = b'0';

/// How the value of an index entry is laid out; the table says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexValueForm {
    /// Tables with integer handles, and with common handles of version 0. Either eight bytes of an
    /// integer handle or the byte `0`; or, if there is more to say, the length of the tail, options,
    /// and a tail of an integer handle or of zeros that make it ten bytes. Restored columns are all
    /// columns of the index.
    Version0,
    /// Tables with common handles of version 1: a zero, `125`, the version, options. Restored columns
    /// are only those that need it, the handle's among them.
    Version1,
}

/// What the value of an index entry says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexValue<'a> {
    /// The handle, if the key does not have it.
    pub handle: Option<Handle>,
    /// The partition of the row, if the index is global.
    pub partition_id: Option<i64>,
    /// What restores values that the key has only as sort keys: a row, see [`crate::row`].
    pub restored: Option<&'a [u8]>,
}

impl<'a> IndexValue<'a> {
    /// The bytes of the value.
    ///
    /// # Errors
    /// [`Error::Malformed`] for an integer handle in [`IndexValueForm::Version1`],
    /// [`Error::OutOfRange`] for a common handle above 65535 bytes.
    pub fn encode(&self, form: IndexValueForm) -> Result<Vec<u8>> {
        match form {
            IndexValueForm::Version0 => self.encode_version0(),
            IndexValueForm::Version1 => self.encode_version1(),
        }
    }

    fn encode_version0(&self) -> Result<Vec<u8>> {
        let is_plain = self.partition_id.is_none() && self.restored.is_none();
        match &self.handle {
            Some(Handle::Int(handle)) if is_plain => return Ok(handle.to_be_bytes().to_vec()),
            None if is_plain => return Ok(vec![PLACEHOLDER]),
            _ => {}
        }
        let mut out = vec![0];
        self.encode_options(&mut out)?;
        let len = out.len();
        if let Some(Handle::Int(handle)) = &self.handle {
            out.extend_from_slice(&handle.to_be_bytes());
        } else if len < MIN_LEN {
            out.resize(MIN_LEN, 0);
        }
        // Eight at most.
        let tail = u8::try_from(out.len() - len).unwrap_or(u8::MAX);
        if let Some(first) = out.first_mut() {
            *first = tail;
        }
        Ok(out)
    }

    fn encode_version1(&self) -> Result<Vec<u8>> {
        if matches!(self.handle, Some(Handle::Int(_))) {
            return Err(Error::malformed(WHAT, "an integer handle in a table of common handles"));
        }
        let mut out = vec![0, VERSION_FLAG, 1];
        self.encode_options(&mut out)?;
        Ok(out)
    }

    fn encode_options(&self, out: &mut Vec<u8>) -> Result<()> {
        if let Some(Handle::Common(handle)) = &self.handle {
            let len = u16::try_from(handle.len()).map_err(|_| Error::OutOfRange {
                what: WHAT,
                value: format!("a handle of {} bytes", handle.len()),
                target: "65535 bytes".to_owned(),
            })?;
            out.push(COMMON_HANDLE_FLAG);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(handle);
        }
        if let Some(partition_id) = self.partition_id {
            out.push(PARTITION_ID_FLAG);
            number::encode_i64(out, partition_id);
        }
        out.extend_from_slice(self.restored.unwrap_or_default());
        Ok(())
    }

    /// Reads a value of either form, which it tells itself.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Truncated`] when it is neither, [`Error::Unsupported`] for a
    /// later version.
    pub fn decode(value: &'a [u8]) -> Result<Self> {
        // However it goes on: an integer handle may have any bytes.
        if value.len() <= MAX_PLAIN_LEN {
            let mut rest = value;
            let handle = match value.len() {
                // A ninth byte marks an entry that its transaction did not touch.
                8 | 9 => Some(Handle::Int(i64::from_be_bytes(*take_array(WHAT, &mut rest)?))),
                0 => return Err(Error::malformed(WHAT, "it is empty")),
                _ => None,
            };
            return Ok(Self { handle, ..Self::default() });
        }
        let mut rest = value;
        let [tail] = *take_array(WHAT, &mut rest)?;
        let options = rest.len().checked_sub(usize::from(tail));
        let (mut options, mut tail) = options
            .and_then(|len| rest.split_at_checked(len))
            .ok_or_else(|| Error::malformed(WHAT, "the tail is longer than the value"))?;
        if options.first() == Some(&VERSION_FLAG) {
            let [_, version] = *take_array(WHAT, &mut options)?;
            if version != 1 {
                return Err(Error::unsupported(WHAT, format!("version {version}")));
            }
            return Self::decode_options(options);
        }
        let mut decoded = Self::decode_options(options)?;
        if tail.len() >= 8 && decoded.handle.is_none() {
            let handle = i64::from_be_bytes(*take_array(WHAT, &mut tail)?);
            decoded.handle = Some(Handle::Int(handle));
        }
        Ok(decoded)
    }

    fn decode_options(options: &'a [u8]) -> Result<Self> {
        let mut rest = options;
        let mut decoded = Self::default();
        if rest.first() == Some(&COMMON_HANDLE_FLAG) {
            let [_, high, low] = *take_array(WHAT, &mut rest)?;
            let len = usize::from(u16::from_be_bytes([high, low]));
            decoded.handle = Some(Handle::Common(take(WHAT, &mut rest, len)?.to_vec()));
        }
        if rest.first() == Some(&PARTITION_ID_FLAG) {
            take(WHAT, &mut rest, 1)?;
            decoded.partition_id = Some(number::decode_i64(&mut rest)?);
        }
        match rest.first() {
            None => {}
            Some(&row::VERSION) => decoded.restored = Some(rest),
            Some(flag) => {
                return Err(Error::unsupported(WHAT, format!("option {flag}")));
            }
        }
        Ok(decoded)
    }
}
