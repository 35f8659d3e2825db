//! Faults on demand, and the record of calls.

use std::fmt;
use std::time::Duration;

use tifusion_proto::{errorpb, kvrpcpb};

use super::State;
use crate::transport::{StatusCode, StoreRequest, StoreResponse, TransportError};

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) command: &'static str,
    pub(crate) store: u64,
    pub(crate) context: kvrpcpb::Context,
    pub(crate) request: StoreRequest,
    /// Time since the test began.
    pub(crate) at: Duration,
    pub(crate) timeout: Duration,
}

impl Call {
    pub(crate) fn region(&self) -> u64 {
        self.context.region_id
    }

    /// Coprocessor calls: the ranges, as text.
    pub(crate) fn ranges(&self) -> Vec<(String, String)> {
        let StoreRequest::Coprocessor(request) = &self.request else { return Vec::new() };
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        request.ranges.iter().map(|range| (text(&range.start), text(&range.end))).collect()
    }
}

/// What a fault does.
pub(crate) enum Effect {
    /// Answer with this region error.
    Region(Box<errorpb::Error>),
    /// No answer.
    Transport(fn(&str) -> TransportError),
    /// Answer only after so long.
    Delay(Duration),
    /// Never answer: the call's timeout passes.
    Silence,
    /// Coprocessor: answer with this text.
    OtherError(String),
    /// Answer with this instead of the truth.
    Answer(Box<dyn Fn(&StoreRequest) -> StoreResponse + Send>),
    /// Do what was asked, and lose the answer.
    Lose(Lost),
    /// Change the cluster, then go on.
    Change(Box<dyn FnMut(&mut State) + Send>),
}

/// How an answer gets lost.
#[derive(Debug, Clone)]
pub(crate) enum Lost {
    /// Nothing is heard until the call's timeout.
    Timeout,
    /// The connection breaks.
    Reset,
    /// The store answers with this region error instead.
    Region(Box<errorpb::Error>),
}

impl Effect {
    /// Answer with this region error.
    pub(crate) fn region(error: errorpb::Error) -> Self {
        Self::Region(Box::new(error))
    }
}

/// A fault: for which calls, how often, what.
pub(crate) struct Fault {
    matches: Box<dyn Fn(&Call) -> bool + Send>,
    pub(crate) skip: usize,
    pub(crate) left: usize,
    pub(crate) fired: usize,
    pub(crate) effect: Effect,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault(skip {}, left {}, fired {})", self.skip, self.left, self.fired)
    }
}

impl Fault {
    /// A fault on the first matching call.
    pub(crate) fn once(matches: impl Fn(&Call) -> bool + Send + 'static, effect: Effect) -> Self {
        Self { matches: Box::new(matches), skip: 0, left: 1, fired: 0, effect }
    }

    /// On so many matching calls instead.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.left = times;
        self
    }

    /// After so many matching calls that go well.
    pub(crate) fn after(mut self, calls: usize) -> Self {
        self.skip = calls;
        self
    }

    fn fires(&mut self, call: &Call) -> bool {
        if self.left == 0 || !(self.matches)(call) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.left -= 1;
        self.fired += 1;
        true
    }
}

/// What faults do to one call.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) region_error: Option<errorpb::Error>,
    pub(super) transport: Option<TransportError>,
    pub(super) delay: Duration,
    pub(super) silent: bool,
    pub(super) other_error: Option<String>,
    pub(super) answer: Option<StoreResponse>,
    pub(super) lost: Option<Lost>,
}

impl State {
    /// Lets all faults look at the call.
    pub(super) fn fire(&mut self, call: &Call, address: &str) -> Verdict {
        let mut verdict = Verdict::default();
        let mut faults = std::mem::take(&mut self.faults);
        for fault in &mut faults {
            if !fault.fires(call) {
                continue;
            }
            match &mut fault.effect {
                Effect::Region(error) => verdict.region_error = Some(*error.clone()),
                Effect::Transport(make) => verdict.transport = Some(make(address)),
                Effect::Delay(delay) => verdict.delay += *delay,
                Effect::Silence => verdict.silent = true,
                Effect::OtherError(text) => verdict.other_error = Some(text.clone()),
                Effect::Answer(answer) => verdict.answer = Some(answer(&call.request)),
                Effect::Lose(lost) => verdict.lost = Some(lost.clone()),
                Effect::Change(change) => change(self),
            }
        }
        self.faults = faults;
        verdict
    }
}

pub(crate) fn refused(address: &str) -> TransportError {
    TransportError::Connect { address: address.to_owned(), message: "connection refused".into() }
}

pub(crate) fn reset(address: &str) -> TransportError {
    status(address, StatusCode::Unavailable, "connection reset")
}

pub(crate) fn status(address: &str, code: StatusCode, message: &str) -> TransportError {
    TransportError::Status { address: address.to_owned(), code, message: message.to_owned() }
}

/// One of each region error after which a request succeeds in the end.
pub(crate) fn healing_region_errors() -> Vec<errorpb::Error> {
    let error = errorpb::Error::default;
    let busy = |reason: &str| errorpb::ServerIsBusy {
        reason: reason.to_owned(),
        ..errorpb::ServerIsBusy::default()
    };
    vec![
        errorpb::Error { not_leader: Some(Default::default()), ..error() },
        errorpb::Error { region_not_found: Some(Default::default()), ..error() },
        errorpb::Error { key_not_in_region: Some(Default::default()), ..error() },
        errorpb::Error { epoch_not_match: Some(Default::default()), ..error() },
        errorpb::Error { server_is_busy: Some(busy("busy")), ..error() },
        errorpb::Error { server_is_busy: Some(busy("deadline is exceeded")), ..error() },
        errorpb::Error { stale_command: Some(Default::default()), ..error() },
        errorpb::Error { store_not_match: Some(Default::default()), ..error() },
        errorpb::Error { max_timestamp_not_synced: Some(Default::default()), ..error() },
        errorpb::Error { read_index_not_ready: Some(Default::default()), ..error() },
        errorpb::Error { proposal_in_merging_mode: Some(Default::default()), ..error() },
        errorpb::Error { data_is_not_ready: Some(Default::default()), ..error() },
        errorpb::Error { region_not_initialized: Some(Default::default()), ..error() },
        errorpb::Error { disk_full: Some(Default::default()), ..error() },
        errorpb::Error { recovery_in_progress: Some(Default::default()), ..error() },
        errorpb::Error { is_witness: Some(Default::default()), ..error() },
        errorpb::Error { mismatch_peer_id: Some(Default::default()), ..error() },
        errorpb::Error { bucket_version_not_match: Some(Default::default()), ..error() },
        errorpb::Error { undetermined_result: Some(Default::default()), ..error() },
        errorpb::Error { message: "Deadline is exceeded".to_owned(), ..error() },
        errorpb::Error { message: "something new".to_owned(), ..error() },
    ]
}
