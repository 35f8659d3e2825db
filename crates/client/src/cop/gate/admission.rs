//! A request let through, from before it is sent until its answer is taken.

use std::sync::Arc;
use std::time::Duration;

use super::{Gate, GaugeError};
use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};

/// Pauses between two looks at a pool without room, doubling: its other users take milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A request that may be sent; dropping it gives its place and its bytes back.
#[derive(Debug)]
pub(in crate::cop) struct Admission {
    gate: Arc<Gate>,
    task: u64,
    in_flight: bool,
    held: usize,
    gauged: usize,
    without_room: bool,
}

impl Admission {
    /// Of a request booked as `held` bytes in the gate, `gauged` of them with the pool.
    pub(super) fn new(gate: Arc<Gate>, task: u64, held: usize, gauged: usize) -> Self {
        Self { gate, task, in_flight: true, held, gauged, without_room: false }
    }

    /// The answer is there: books its true size until the consumer takes it (drops this).
    ///
    /// # Errors
    /// [`NoRoom`] when the pool has none although nothing else is held here.
    pub(in crate::cop) fn answered(mut self, bytes: usize) -> Result<Self, NoRoom> {
        let gate = Arc::clone(&self.gate);
        let no_room = gate.change(|state| {
            state.in_flight -= 1;
            self.in_flight = false;
            state.note_answer(bytes);
            let alone = state.held == self.held;
            state.held = state.held - self.held + bytes;
            state.waiting += bytes;
            self.held = bytes;
            gate.metrics.note_load(state.in_flight, state.waiting);
            // The others go away as the consumer takes them, and no new request is sent before.
            let no_room = self.book(bytes).err().filter(|_| alone);
            if no_room.is_some() {
                state.without_room += 1;
                self.without_room = true;
            }
            no_room
        });
        match no_room {
            None => Ok(self),
            Some(source) => Err(NoRoom { admission: self, bytes, source }),
        }
    }

    /// Answers to the request begin to come, each of which is booked by itself: the guess at their size goes.
    pub(in crate::cop) fn begin_parts(&mut self) {
        self.gate.change(|state| state.held -= self.held);
        self.held = 0;
        self.unbook();
    }

    /// Books an answer of `bytes`, one of several to the request, until the consumer takes it (drops this); `None` when
    /// there is no room for it now.
    pub(in crate::cop) fn try_part(&self, bytes: usize) -> Option<Self> {
        let booked = self.gate.try_part(&mut self.gate.state.lock(), self.task, bytes);
        booked.and_then(|booked| booked.ok()).map(|()| self.part_of(bytes, bytes))
    }

    /// The same, waiting for room: until others that were handed on are taken, then `patience` at most. Whoever waits
    /// must hold no answer that nobody can take.
    ///
    /// # Errors
    /// As [`NoRoom::wait`].
    pub(in crate::cop) async fn part(
        &self,
        bo: &Backoffer,
        bytes: usize,
        patience: Duration,
    ) -> Result<Self> {
        let gate = &self.gate;
        match gate.wait_for(|state| gate.try_part(state, self.task, bytes)).await {
            Ok(()) => Ok(self.part_of(bytes, bytes)),
            Err(source) => {
                gate.change(|state| {
                    state.add_part(self.task, bytes);
                    state.without_room += 1;
                });
                let mut admission = self.part_of(bytes, 0);
                admission.without_room = true;
                NoRoom { admission, bytes, source }.wait(bo, patience).await
            }
        }
    }

    /// Whether `bytes` may ever have room in the pool.
    pub(in crate::cop) fn may_fit(&self, bytes: usize) -> bool {
        self.gate.gauge.as_ref().is_none_or(|gauge| gauge.may_fit(bytes))
    }

    fn part_of(&self, held: usize, gauged: usize) -> Self {
        let (gate, task) = (Arc::clone(&self.gate), self.task);
        Self { gate, task, in_flight: false, held, gauged, without_room: false }
    }

    /// Books `bytes` in all with the pool.
    fn book(&mut self, bytes: usize) -> Result<(), GaugeError> {
        let Some(gauge) = &self.gate.gauge else { return Ok(()) };
        if bytes <= self.gauged {
            gauge.shrink(self.gauged - bytes);
        } else {
            gauge.try_grow(bytes - self.gauged)?;
        }
        self.gauged = bytes;
        Ok(())
    }

    /// Gives back what is booked with the pool.
    fn unbook(&mut self) {
        if let Some(gauge) = &self.gate.gauge
            && self.gauged > 0
        {
            gauge.shrink(self.gauged);
            self.gauged = 0;
        }
    }

    fn found_room(&mut self) {
        if self.without_room {
            self.without_room = false;
            self.gate.change(|state| state.without_room -= 1);
        }
    }
}

/// An answer that is there and has no room.
#[derive(Debug)]
pub(in crate::cop) struct NoRoom {
    admission: Admission,
    bytes: usize,
    source: GaugeError,
}

impl NoRoom {
    /// Waits for room until `bo`'s deadline, `patience` at most.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when there can never be room, or was none in all that time,
    /// [`ErrorKind::DeadlineExceeded`] at the deadline; the gauge's error is the source.
    pub(in crate::cop) async fn wait(
        mut self,
        bo: &Backoffer,
        patience: Duration,
    ) -> Result<Admission> {
        // Several that keep a part of what they need each would wait for one another.
        self.admission.unbook();
        let clock = bo.clock();
        let (began, limit) = (clock.now(), bo.bounded_timeout(patience));
        let mut pause = FIRST_PAUSE;
        loop {
            if !self.may_fit() {
                return Err(self.never());
            }
            let left = limit.saturating_sub(clock.now().saturating_duration_since(began));
            if left.is_zero() {
                return Err(self.not_within(limit, limit < patience));
            }
            clock.sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.admission.book(self.bytes) {
                Ok(()) => {
                    self.admission.found_room();
                    return Ok(self.admission);
                }
                Err(source) => self.source = source,
            }
        }
    }

    /// Whether it may have room once others gave back what they hold.
    pub(in crate::cop) fn may_fit(&self) -> bool {
        self.admission.may_fit(self.bytes)
    }

    fn never(self) -> ClientError {
        let message = format!(
            "an answer of {} bytes does not fit into the memory limit: raise it, or read in pages",
            self.bytes
        );
        ClientError::new(ErrorKind::Refused, message).with_source(self.source)
    }

    fn not_within(self, limit: Duration, at_deadline: bool) -> ClientError {
        let (kind, until) = match at_deadline {
            true => (ErrorKind::DeadlineExceeded, "until the statement's deadline".to_owned()),
            false => (ErrorKind::Refused, format!("within {limit:?}")),
        };
        let message = format!(
            "an answer of {} bytes found no room in the memory limit {until}, others hold it: raise \
             it, run less at once, or read in pages",
            self.bytes
        );
        ClientError::new(kind, message).with_source(self.source)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.gate.change(|state| {
            if self.in_flight {
                state.in_flight -= 1;
            } else {
                state.waiting -= self.held;
            }
            state.held -= self.held;
            state.remove_outstanding(self.task);
        });
        self.unbook();
        self.found_room();
    }
}
