//! A case's way to a cluster: it sends, and everything that comes back is written down.

use std::sync::Arc;

use tifusion_proto::kvrpcpb as kv;
use tifusion_testkit::raw_cluster::StoreRequest;

use super::names::{NEIGHBOURHOOD, Names};
use super::reflect::Writer;
use super::side::{Side, Store};
use super::transcript::{Step, Transcript};

/// A running case.
pub(crate) struct Script {
    side: Arc<Side>,
    names: Names,
    transcript: Transcript,
}

impl Script {
    /// A case on a cluster, in which no other keys begin with `prefix`.
    pub(crate) fn new(side: Arc<Side>, case: &str, prefix: Vec<u8>) -> Self {
        let transcript = Transcript { case: case.to_owned(), steps: Vec::new() };
        Self { side, names: Names::new(prefix), transcript }
    }

    /// The cluster.
    pub(crate) fn side(&self) -> &Arc<Side> {
        &self.side
    }

    /// What was answered.
    pub(crate) fn into_transcript(self) -> Transcript {
        self.transcript
    }

    /// A key of this case.
    pub(crate) fn key(&self, key: &str) -> Vec<u8> {
        [self.names.prefix(), key.as_bytes()].concat()
    }

    /// A new timestamp from PD, with room on both sides.
    pub(crate) async fn ts(&mut self) -> u64 {
        let room = u32::try_from(2 * NEIGHBOURHOOD).expect("a small number");
        let timestamp = self.side.raw.timestamps(room).await - NEIGHBOURHOOD;
        self.names.add_timestamp(timestamp);
        timestamp
    }

    /// The timestamp that is so much later.
    pub(crate) fn later(&mut self, timestamp: u64, millis: u64) -> u64 {
        let later = timestamp + (millis << 18);
        self.names.add_later(timestamp, later, millis);
        later
    }

    /// Sends a request to the region of this case's keys and writes the answer down.
    pub(crate) async fn send<R: StoreRequest>(&mut self, request: R) -> R::Response {
        let key = self.names.prefix().to_vec();
        let (lines, response) = match self.side.raw.send(&key, request).await {
            Ok(response) => {
                let lines = self.lines(R::RESPONSE, &response);
                (lines, response)
            }
            Err(status) if status.code() == tonic::Code::Unavailable => {
                panic!("{}: the store is gone: {status}", self.transcript.case)
            }
            Err(status) => (vec![format!("status: {:?}", status.code())], R::Response::default()),
        };
        self.note(R::METHOD, lines);
        response
    }

    /// The fields of a message of this name.
    pub(crate) fn lines(&self, name: &str, message: &impl prost::Message) -> Vec<String> {
        let writer = Writer { names: &self.names, store: self.side.store };
        writer.lines(name, &message.encode_to_vec())
    }

    /// As [`Script::send`], but unistore is spared the request, for what it `would` do has nothing to do with TiKV.
    pub(crate) async fn send_to_tikv<R: StoreRequest>(&mut self, request: R, would: &str) {
        match self.side.store {
            Store::TiKv => {
                self.send(request).await;
            }
            Store::Unistore => self.note(R::METHOD, vec![format!("unistore: {would}")]),
        }
    }

    /// Writes down the locks on the case's keys.
    pub(crate) async fn locks(&mut self) {
        self.locks_until(u64::MAX).await;
    }

    /// Writes down the locks of old transactions on the case's keys. Unistore tells those of the whole region,
    /// whatever keys it is asked about.
    pub(crate) async fn locks_until(&mut self, max: u64) {
        let request = kv::ScanLockRequest { limit: u32::MAX, ..self.scan_lock("", "\u{7f}", max) };
        let prefix = self.names.prefix().to_vec();
        let mut response = self.side.raw.send(&prefix, request).await.expect("an answer");
        response.locks.retain(|lock| lock.key.starts_with(&prefix));
        let lines = self.lines("kvrpcpb.ScanLockResponse", &response);
        self.note("locks", lines);
    }

    /// Writes down lines of the case's own making.
    pub(crate) fn note(&mut self, what: &str, lines: Vec<String>) {
        let label = format!("{} {what}", self.transcript.steps.len() + 1);
        self.transcript.steps.push(Step { label, lines });
    }

    /// Commits values without a word: what the case begins with. Tells start and commit.
    pub(crate) async fn put(&mut self, pairs: &[(&str, &str)]) -> (u64, u64) {
        let mutations = pairs.iter().map(|(key, value)| self.put_of(key, value)).collect();
        self.change(mutations).await
    }

    /// Commits deletions without a word.
    pub(crate) async fn delete(&mut self, keys: &[&str]) -> (u64, u64) {
        let mutations = keys.iter().map(|key| self.mutation(kv::Op::Del, key)).collect();
        self.change(mutations).await
    }

    /// Commits mutations without a word.
    pub(crate) async fn change(&mut self, mutations: Vec<kv::Mutation>) -> (u64, u64) {
        let (start, commit) = (self.ts().await, self.ts().await);
        let keys: Vec<_> = mutations.iter().map(|mutation| mutation.key.clone()).collect();
        let request = kv::PrewriteRequest {
            primary_lock: keys[0].clone(),
            mutations,
            start_version: start,
            lock_ttl: 3000,
            ..kv::PrewriteRequest::default()
        };
        let told = self.side.raw.send(&keys[0], request).await.expect("an answer");
        assert!(told.errors.is_empty(), "{told:?}");
        let request = kv::CommitRequest {
            start_version: start,
            commit_version: commit,
            keys: keys.clone(),
            ..kv::CommitRequest::default()
        };
        let told = self.side.raw.send(&keys[0], request).await.expect("an answer");
        assert!(told.error.is_none(), "{told:?}");
        (start, commit)
    }
}
