//! Commit and rollback records: what became of a transaction on a key.
//!
//! The bytes are those of TiKV's write column (`txn_types::Write`). Its guard against garbage collection on other
//! replicas (`gc_fence`) and its short cut past many locks (`last_change`) are not written: there are no other
//! replicas, and walking costs little here.

use tifusion_codec::{Result, number};

use super::lock::{LockKind, SHORT_VALUE, decode_short_value, encode_short_value, take_byte};

/// Letter of an overlapped rollback.
const OVERLAPPED_ROLLBACK: u8 = b'R';
/// Short value by which a rollback record says that it must stay.
const PROTECTED: &[u8] = b"p";

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteKind {
    /// A value was written.
    Put,
    /// The key was deleted.
    Delete,
    /// The key was locked and its value stayed.
    Lock,
    /// The transaction was rolled back; the record's timestamp is its start.
    Rollback,
}

impl WriteKind {
    /// What committing a lock writes; nothing for a pessimistic one.
    pub(crate) fn of_lock(kind: LockKind) -> Option<Self> {
        match kind {
            LockKind::Put => Some(Self::Put),
            LockKind::Delete => Some(Self::Delete),
            LockKind::Lock => Some(Self::Lock),
            LockKind::Pessimistic => None,
        }
    }

    fn letter(self) -> u8 {
        match self {
            Self::Put => b'P',
            Self::Delete => b'D',
            Self::Lock => b'L',
            Self::Rollback => b'R',
        }
    }

    fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'P' => Some(Self::Put),
            b'D' => Some(Self::Delete),
            b'L' => Some(Self::Lock),
            b'R' => Some(Self::Rollback),
            _ => None,
        }
    }
}

/// A record of the write column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    /// What it says.
    pub(crate) kind: WriteKind,
    /// The transaction.
    pub(crate) start_ts: u64,
    /// The value, if it is short.
    pub(crate) short_value: Option<Vec<u8>>,
    /// A transaction that began at this record's commit timestamp was rolled back too, and that must be kept.
    pub(crate) has_overlapped_rollback: bool,
}

impl Write {
    /// The commit record of `lock`; `None` for a pessimistic lock.
    pub(crate) fn of_lock(kind: LockKind, start_ts: u64, value: Option<Vec<u8>>) -> Option<Self> {
        let kind = WriteKind::of_lock(kind)?;
        Some(Self { kind, start_ts, short_value: value, has_overlapped_rollback: false })
    }

    /// The record of a rollback; a protected one is never removed to make room for another.
    pub(crate) fn rollback(start_ts: u64, protected: bool) -> Self {
        Self {
            kind: WriteKind::Rollback,
            start_ts,
            short_value: protected.then(|| PROTECTED.to_vec()),
            has_overlapped_rollback: false,
        }
    }

    /// Whether it is a rollback that must stay.
    pub(crate) fn is_protected(&self) -> bool {
        self.kind == WriteKind::Rollback && self.short_value.as_deref() == Some(PROTECTED)
    }

    /// Whether it says that the transaction which began at this record's timestamp was rolled back.
    pub(crate) fn is_rollback_or_overlapped(&self) -> bool {
        self.kind == WriteKind::Rollback || self.has_overlapped_rollback
    }

    /// The bytes of the write column.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(13 + self.short_value.as_ref().map_or(0, Vec::len));
        out.push(self.kind.letter());
        number::encode_uvarint(&mut out, self.start_ts);
        if let Some(value) = &self.short_value {
            encode_short_value(&mut out, value);
        }
        if self.has_overlapped_rollback {
            out.push(OVERLAPPED_ROLLBACK);
        }
        out
    }

    /// Reads the bytes of the write column.
    ///
    /// # Errors
    /// The codec's error when they are no record.
    pub(crate) fn parse(input: &[u8]) -> Result<Self> {
        WriteRef::parse(input).map(|write| write.to_owned())
    }
}

/// A record that borrows its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteRef<'a> {
    /// What it says.
    pub(crate) kind: WriteKind,
    /// The transaction.
    pub(crate) start_ts: u64,
    /// The value, if it is short.
    pub(crate) short_value: Option<&'a [u8]>,
    has_overlapped_rollback: bool,
}

impl<'a> WriteRef<'a> {
    /// Reads the bytes of the write column.
    ///
    /// # Errors
    /// The codec's error when they are no record.
    pub(crate) fn parse(mut input: &'a [u8]) -> Result<Self> {
        let input = &mut input;
        let letter = take_byte(input)?;
        let kind = WriteKind::from_letter(letter).ok_or_else(|| malformed("kind", letter))?;
        let start_ts = number::decode_uvarint(input)?;
        let mut write = Self { kind, start_ts, short_value: None, has_overlapped_rollback: false };
        while !input.is_empty() {
            match take_byte(input)? {
                SHORT_VALUE => write.short_value = Some(decode_short_value(input)?),
                OVERLAPPED_ROLLBACK => write.has_overlapped_rollback = true,
                letter => return Err(malformed("field", letter)),
            }
        }
        Ok(write)
    }

    /// The record with a value of its own.
    pub(crate) fn to_owned(self) -> Write {
        Write {
            kind: self.kind,
            start_ts: self.start_ts,
            short_value: self.short_value.map(<[u8]>::to_vec),
            has_overlapped_rollback: self.has_overlapped_rollback,
        }
    }
}

fn malformed(what: &str, letter: u8) -> tifusion_codec::Error {
    tifusion_codec::Error::Malformed {
        what: "commit record",
        reason: format!("{what} {letter:#04x}").into(),
    }
}
