//! Locks: what a transaction leaves on a key until it is committed or rolled back.
//!
//! The bytes are those of TiKV's lock column (`txn_types::Lock`): kind, primary, start timestamp and time to live,
//! then optional fields, each behind a letter. Fields of its pipelined and shared locks do not occur here.

use tifusion_codec::{Result, bytes, number};
use tifusion_proto::kvrpcpb::{LockInfo, Op};

/// Longest value that is kept inside a lock or commit record.
pub(crate) const SHORT_VALUE_MAX_LEN: usize = 255;
/// Letter before a short value, in locks and commit records.
pub(crate) const SHORT_VALUE: u8 = b'v';

const FOR_UPDATE_TS: u8 = b'f';
const TXN_SIZE: u8 = b't';
const MIN_COMMIT_TS: u8 = b'c';
const ASYNC_COMMIT: u8 = b'a';
const ROLLBACK_TS: u8 = b'r';
const LOCKED_WITH_CONFLICT: u8 = b'F';

/// What a lock is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockKind {
    /// A value is to be written.
    Put,
    /// The key is to be deleted.
    Delete,
    /// The key is locked, its value stays.
    Lock,
    /// Taken before the prewrite; says nothing about the value yet.
    Pessimistic,
}

impl LockKind {
    fn letter(self) -> u8 {
        match self {
            Self::Put => b'P',
            Self::Delete => b'D',
            Self::Lock => b'L',
            Self::Pessimistic => b'S',
        }
    }

    fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'P' => Some(Self::Put),
            b'D' => Some(Self::Delete),
            b'L' => Some(Self::Lock),
            b'S' => Some(Self::Pessimistic),
            _ => None,
        }
    }

    fn op(self) -> Op {
        match self {
            Self::Put => Op::Put,
            Self::Delete => Op::Del,
            Self::Lock => Op::Lock,
            Self::Pessimistic => Op::PessimisticLock,
        }
    }
}

/// A transaction's lock on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    /// What it is for.
    pub(crate) kind: LockKind,
    /// The key whose lock decides over the transaction.
    pub(crate) primary: Vec<u8>,
    /// When the transaction began, which is its name.
    pub(crate) start_ts: u64,
    /// Milliseconds after `start_ts` for which the lock must be respected.
    pub(crate) ttl: u64,
    /// The value to be written, if it is short.
    pub(crate) short_value: Option<Vec<u8>>,
    /// The newest data that a pessimistic transaction has seen; 0 in an optimistic one.
    pub(crate) for_update_ts: u64,
    /// How many keys the transaction locks in the region: a hint.
    pub(crate) txn_size: u64,
    /// The transaction will not commit before it.
    pub(crate) min_commit_ts: u64,
    /// The transaction is committed as soon as all its keys are locked.
    pub(crate) use_async_commit: bool,
    /// All keys but the primary, on the primary of an async commit.
    pub(crate) secondaries: Vec<Vec<u8>>,
    /// Protected rollbacks of others that the commit record of this transaction may fall upon.
    pub(crate) rollback_ts: Vec<u64>,
    /// Pessimistic lock taken although there was a newer version.
    pub(crate) locked_with_conflict: bool,
    /// The transaction is being committed in one phase. Only ever in memory.
    pub(crate) use_one_pc: bool,
}

impl Lock {
    /// Whether it is a pessimistic lock, not yet prewritten.
    pub(crate) fn is_pessimistic(&self) -> bool {
        self.kind == LockKind::Pessimistic
    }

    /// The lock as errors and answers show it.
    pub(crate) fn info(&self, key: &[u8]) -> LockInfo {
        LockInfo {
            primary_lock: self.primary.clone(),
            lock_version: self.start_ts,
            key: key.to_vec(),
            lock_ttl: self.ttl,
            txn_size: self.txn_size,
            lock_type: self.kind.op().into(),
            lock_for_update_ts: self.for_update_ts,
            use_async_commit: self.use_async_commit,
            min_commit_ts: self.min_commit_ts,
            secondaries: self.secondaries.clone(),
            ..LockInfo::default()
        }
    }

    /// Whether a snapshot read of `key` at `ts` has to stop at this lock. `resolved` are start timestamps whose
    /// locks the reader knows to be harmless.
    ///
    /// The newest read of all (`u64::MAX`) passes a primary, which cannot be committed before it is read.
    pub(crate) fn blocks_read(&self, key: &[u8], ts: u64, resolved: &[u64]) -> bool {
        let writes = matches!(self.kind, LockKind::Put | LockKind::Delete);
        let commits_later = self.start_ts > ts || self.min_commit_ts > ts;
        let undecided_primary =
            ts == u64::MAX && key == self.primary && !self.use_async_commit && !self.use_one_pc;
        writes && !commits_later && !resolved.contains(&self.start_ts) && !undecided_primary
    }

    /// The bytes of the lock column.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push(self.kind.letter());
        bytes::encode_compact_bytes(&mut out, &self.primary);
        number::encode_uvarint(&mut out, self.start_ts);
        number::encode_uvarint(&mut out, self.ttl);
        if let Some(value) = &self.short_value {
            encode_short_value(&mut out, value);
        }
        for (letter, number) in [
            (FOR_UPDATE_TS, self.for_update_ts),
            (TXN_SIZE, self.txn_size),
            (MIN_COMMIT_TS, self.min_commit_ts),
        ] {
            if number > 0 {
                out.push(letter);
                number::encode_u64(&mut out, number);
            }
        }
        if self.use_async_commit {
            out.push(ASYNC_COMMIT);
            encode_len(&mut out, self.secondaries.len());
            for key in &self.secondaries {
                bytes::encode_compact_bytes(&mut out, key);
            }
        }
        if !self.rollback_ts.is_empty() {
            out.push(ROLLBACK_TS);
            encode_len(&mut out, self.rollback_ts.len());
            for ts in &self.rollback_ts {
                number::encode_u64(&mut out, *ts);
            }
        }
        if self.locked_with_conflict {
            out.push(LOCKED_WITH_CONFLICT);
        }
        out
    }

    /// Reads the bytes of the lock column.
    ///
    /// # Errors
    /// The codec's error when they are no lock.
    pub(crate) fn parse(mut input: &[u8]) -> Result<Self> {
        let input = &mut input;
        let letter = take_byte(input)?;
        let kind = LockKind::from_letter(letter)
            .ok_or_else(|| malformed(format!("kind {letter:#04x}")))?;
        let primary = bytes::decode_compact_bytes(input)?.to_vec();
        let start_ts = number::decode_uvarint(input)?;
        let ttl = number::decode_uvarint(input)?;
        let mut lock = Self {
            kind,
            primary,
            start_ts,
            ttl,
            short_value: None,
            for_update_ts: 0,
            txn_size: 0,
            min_commit_ts: 0,
            use_async_commit: false,
            secondaries: Vec::new(),
            rollback_ts: Vec::new(),
            locked_with_conflict: false,
            use_one_pc: false,
        };
        while !input.is_empty() {
            lock.parse_field(input)?;
        }
        Ok(lock)
    }

    fn parse_field(&mut self, input: &mut &[u8]) -> Result<()> {
        match take_byte(input)? {
            SHORT_VALUE => self.short_value = Some(decode_short_value(input)?.to_vec()),
            FOR_UPDATE_TS => self.for_update_ts = number::decode_u64(input)?,
            TXN_SIZE => self.txn_size = number::decode_u64(input)?,
            MIN_COMMIT_TS => self.min_commit_ts = number::decode_u64(input)?,
            ASYNC_COMMIT => {
                self.use_async_commit = true;
                for _ in 0..number::decode_uvarint(input)? {
                    self.secondaries.push(bytes::decode_compact_bytes(input)?.to_vec());
                }
            }
            ROLLBACK_TS => {
                for _ in 0..number::decode_uvarint(input)? {
                    self.rollback_ts.push(number::decode_u64(input)?);
                }
            }
            LOCKED_WITH_CONFLICT => self.locked_with_conflict = true,
            letter => return Err(malformed(format!("field {letter:#04x}"))),
        }
        Ok(())
    }
}

fn malformed(reason: String) -> tifusion_codec::Error {
    tifusion_codec::Error::Malformed { what: "lock or commit record", reason: reason.into() }
}

fn encode_len(out: &mut Vec<u8>, len: usize) {
    number::encode_uvarint(out, u64::try_from(len).unwrap_or(u64::MAX));
}

/// Appends a value of at most [`SHORT_VALUE_MAX_LEN`] bytes with its letter and length.
pub(crate) fn encode_short_value(out: &mut Vec<u8>, value: &[u8]) {
    out.push(SHORT_VALUE);
    out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(value);
}

/// Reads the length and the bytes of a short value.
///
/// # Errors
/// The codec's error when the input ends inside it.
pub(crate) fn decode_short_value<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let len = usize::from(take_byte(input)?);
    let Some((value, rest)) = input.split_at_checked(len) else {
        return Err(malformed(format!("short value of {len} bytes, {} left", input.len())));
    };
    *input = rest;
    Ok(value)
}

/// Reads one byte.
///
/// # Errors
/// The codec's error when there is none.
pub(crate) fn take_byte(input: &mut &[u8]) -> Result<u8> {
    let Some((byte, rest)) = input.split_first() else {
        return Err(malformed("it ends too early".to_owned()));
    };
    *input = rest;
    Ok(*byte)
}
