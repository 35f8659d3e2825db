//! Walking over the newest versions of a range of keys.
//!
//! Locks are looked at first: a key with a lock that stops the read stands in the result as an error and counts like
//! any other, so that a page is the same whichever keys are locked.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use tifusion_proto::kvrpcpb::IsolationLevel;

use super::error::{MvccError, Result};
use super::key::{self, OwnedSpan};
use super::lock::Lock;
use super::reader::{Entry, Reader, Standing, read_through};
use super::rows::{Blocked, Pair, Rows};
use super::versions::{Versions, parse_lock, walk};
use super::write::{WriteKind, WriteRef};
use crate::engine::{Column, EngineError, Order};

/// Keys of a range in the order of the walk, each with its version or with why it cannot be read.
pub(crate) type Page = Vec<(Vec<u8>, Result<Entry>)>;

impl Reader {
    /// The first `limit` keys of `range` that the snapshot shows or that a lock hides. An empty end of the range is
    /// the end of all keys; so is an empty end when descending.
    ///
    /// # Errors
    /// [`MvccError::Engine`]. What is wrong with single keys stands in their place.
    pub(crate) fn page(&self, range: Range<&[u8]>, limit: usize, order: Order) -> Result<Page> {
        page(self, range, limit, order, true)
    }

    /// As [`Reader::page`], with empty values.
    ///
    /// # Errors
    /// As [`Reader::page`].
    pub(crate) fn keys(&self, range: Range<&[u8]>, limit: usize, order: Order) -> Result<Page> {
        page(self, range, limit, order, false)
    }
}

impl From<MvccError> for Blocked {
    fn from(error: MvccError) -> Self {
        match error {
            MvccError::Locked(info) => Self::Locked(info),
            other => Self::Engine(other.to_string()),
        }
    }
}

impl Rows for Reader {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Blocked> {
        Ok(self.entry(key, false)?.map(|entry| entry.value))
    }

    fn scan(
        &mut self,
        range: Range<&[u8]>,
        limit: usize,
        descending: bool,
    ) -> Result<Vec<Pair>, Blocked> {
        let order = if descending { Order::Descending } else { Order::Ascending };
        let page = self.page(range, limit, order)?;
        page.into_iter()
            .map(|(key, entry)| Ok((key, entry?.value)))
            .collect::<Result<_, MvccError>>()
            .map_err(Blocked::from)
    }

    fn met_newer(&self) -> bool {
        self.met_newer_ts_data()
    }
}

/// A key with a lock that matters.
enum Stop {
    /// The lock has the value.
    Through(Lock),
    /// The key cannot be read.
    Error(MvccError),
}

/// Where the value of a version is.
enum Found {
    /// In its record.
    Short(Vec<u8>),
    /// In the default column, by the transaction's start timestamp.
    Long(u64),
    /// There is a newer version, which the isolation level does not allow.
    Newer,
}

/// The first `limit` keys of `range`; without `values`, they are left empty.
fn page(
    reader: &Reader,
    range: Range<&[u8]>,
    limit: usize,
    order: Order,
    values: bool,
) -> Result<Page> {
    if limit == 0 || (!range.end.is_empty() && range.end <= range.start) {
        return Ok(Page::new());
    }
    let span = OwnedSpan::of_keys(range.start, range.end);
    let stops = if reader.options.isolation == IsolationLevel::Rc {
        BTreeMap::new()
    } else {
        stops(reader, &range, &span, limit, order)?
    };
    let mut walk_ = VersionWalk { reader, stops: &stops, limit, values, found: Vec::new() };
    match order {
        Order::Ascending => walk_.ascending(&span)?,
        Order::Descending => walk_.descending(&span)?,
    }
    let found = walk_.found;
    let versions = Versions::new(reader.view()?);
    let mut page = Page::with_capacity(found.len());
    for (key, commit_ts, found) in found {
        let entry = match found {
            Found::Short(value) => Ok(Entry { value, commit_ts }),
            Found::Long(start_ts) => {
                versions.long_value(&key, start_ts).map(|value| Entry { value, commit_ts })
            }
            Found::Newer => Err(reader.newer_version(&key, 0, commit_ts, &[])),
        };
        page.push((key, entry));
    }
    if !stops.is_empty() {
        for (key, stop) in stops {
            match stop {
                Stop::Error(error) => page.push((key, Err(error))),
                Stop::Through(lock) => {
                    if let Some(entry) = read_through(&versions, &key, lock)? {
                        page.push((key, Ok(entry)));
                    }
                }
            }
        }
        page.sort_by(|(a, _), (b, _)| match order {
            Order::Ascending => a.cmp(b),
            Order::Descending => b.cmp(a),
        });
        page.truncate(limit);
    }
    Ok(page)
}

/// The keys with locks that matter, up to the `limit`-th that stops the read.
fn stops(
    reader: &Reader,
    range: &Range<&[u8]>,
    span: &OwnedSpan,
    limit: usize,
    order: Order,
) -> Result<BTreeMap<Vec<u8>, Stop>> {
    let mut stops = BTreeMap::new();
    let mut errors = 0;
    walk(reader.view()?, Column::Lock, span, order, &mut |key, bytes| {
        reader.note_newer();
        let lock = parse_lock(key, bytes)?;
        let raw = key::raw(Column::Lock, key)?;
        if let Some(stop) = stop(reader, &raw, &lock) {
            errors += usize::from(matches!(stop, Stop::Error(_)));
            stops.insert(raw, stop);
        }
        Ok(if errors < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let inside = |key: &[u8]| key >= range.start && (range.end.is_empty() || key < range.end);
    for (key, lock) in reader.memory_locks.iter().filter(|(key, _)| inside(key)) {
        reader.note_newer();
        if let Some(stop) = stop(reader, key, lock) {
            stops.insert(key.clone(), stop);
        }
    }
    Ok(stops)
}

fn stop(reader: &Reader, key: &[u8], lock: &Lock) -> Option<Stop> {
    match reader.check_lock(key, lock) {
        Standing::Passed => None,
        Standing::Committed => Some(Stop::Through(lock.clone())),
        Standing::Stops(error) => Some(Stop::Error(error)),
    }
}

/// A walk over the write column that picks one version of each key.
struct VersionWalk<'a> {
    reader: &'a Reader,
    stops: &'a BTreeMap<Vec<u8>, Stop>,
    limit: usize,
    values: bool,
    found: Vec<(Vec<u8>, u64, Found)>,
}

impl VersionWalk<'_> {
    /// Takes a version, unless the key's lock has the last word; tells whether to go on.
    fn take(
        &mut self,
        user: &[u8],
        commit_ts: u64,
        found: Found,
    ) -> Result<ControlFlow<()>, EngineError> {
        let raw = key::raw(Column::Write, user)?;
        if !self.stops.contains_key(&raw) {
            self.found.push((raw, commit_ts, found));
        }
        Ok(if self.found.len() < self.limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }

    fn value(&self, write: &WriteRef<'_>) -> Found {
        match write.short_value {
            _ if !self.values => Found::Short(Vec::new()),
            Some(value) => Found::Short(value.to_vec()),
            None => Found::Long(write.start_ts),
        }
    }

    /// Versions come newest first: the first one that counts decides over the key.
    fn ascending(&mut self, span: &OwnedSpan) -> Result<()> {
        let reader = self.reader;
        let ts = reader.options.ts;
        let fails_on_newer = reader.options.isolation == IsolationLevel::RcCheckTs;
        let view = reader.view()?;
        let mut decided: Vec<u8> = Vec::new();
        walk(view, Column::Write, span, Order::Ascending, &mut |key, bytes| {
            let (user, commit_ts) = key::split_version(Column::Write, key)?;
            if user == decided {
                return Ok(ControlFlow::Continue(()));
            }
            if commit_ts > ts {
                reader.note_newer();
                if !fails_on_newer {
                    return Ok(ControlFlow::Continue(()));
                }
            }
            let write = parse(key, bytes)?;
            let found = match write.kind {
                _ if commit_ts > ts => Some(Found::Newer),
                WriteKind::Put => Some(self.value(&write)),
                WriteKind::Delete => None,
                WriteKind::Lock | WriteKind::Rollback => return Ok(ControlFlow::Continue(())),
            };
            decided.clear();
            decided.extend_from_slice(user);
            match found {
                Some(found) => self.take(user, commit_ts, found),
                None => Ok(ControlFlow::Continue(())),
            }
        })?;
        Ok(())
    }

    /// Versions come oldest first: the last one that counts decides over the key.
    fn descending(&mut self, span: &OwnedSpan) -> Result<()> {
        let reader = self.reader;
        let ts = reader.options.ts;
        let fails_on_newer = reader.options.isolation == IsolationLevel::RcCheckTs;
        let view = reader.view()?;
        let mut current: Vec<u8> = Vec::new();
        let mut candidate: Option<(u64, Found)> = None;
        walk(view, Column::Write, span, Order::Descending, &mut |key, bytes| {
            let (user, commit_ts) = key::split_version(Column::Write, key)?;
            if user != current {
                if let Some((commit_ts, found)) = candidate.take()
                    && self.take(&current, commit_ts, found)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                current.clear();
                current.extend_from_slice(user);
            }
            if commit_ts > ts {
                reader.note_newer();
                if fails_on_newer {
                    candidate = Some((commit_ts, Found::Newer));
                }
                return Ok(ControlFlow::Continue(()));
            }
            let write = parse(key, bytes)?;
            match write.kind {
                WriteKind::Put => candidate = Some((commit_ts, self.value(&write))),
                WriteKind::Delete => candidate = None,
                WriteKind::Lock | WriteKind::Rollback => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some((commit_ts, found)) = candidate
            && self.found.len() < self.limit
        {
            let _ = self.take(&current, commit_ts, found)?;
        }
        Ok(())
    }
}

fn parse<'a>(key: &[u8], bytes: &'a [u8]) -> Result<WriteRef<'a>, EngineError> {
    WriteRef::parse(bytes).map_err(|error| key::corrupted(Column::Write, key, &error))
}
