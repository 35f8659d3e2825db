//! Many commands over one stream to each store, as TiDB sends them: a command costs a part of a message, not a
//! call of its own.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tifusion_proto::tikvpb as tikv;
use tikv::batch_commands_request::request::Cmd as Request;
use tikv::batch_commands_response::response::Cmd as Answer;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::raw::{Raw, Target};

/// Most commands in one message.
const MOST: usize = 64;

/// Streams to all stores.
#[derive(Debug)]
pub(crate) struct Wire {
    raw: Arc<Raw>,
    lines: Mutex<HashMap<u64, mpsc::UnboundedSender<Ask>>>,
}

#[derive(Debug)]
struct Ask {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

impl Wire {
    pub(crate) fn new(raw: &Arc<Raw>) -> Self {
        Self { raw: Arc::clone(raw), lines: Mutex::default() }
    }

    /// The answer to a command; `None` when it was lost on its way or back.
    pub(crate) async fn ask(&self, target: &Target, request: Request) -> Option<Answer> {
        let store = target.context.peer.map_or(0, |peer| peer.store_id);
        let (reply, answer) = oneshot::channel();
        let line = self.lines.lock().entry(store).or_insert_with(|| self.open(store)).clone();
        line.send(Ask { request, reply }).ok()?;
        answer.await.ok()
    }

    fn open(&self, store: u64) -> mpsc::UnboundedSender<Ask> {
        let (line, mut asks) = mpsc::unbounded_channel();
        let raw = Arc::clone(&self.raw);
        tokio::spawn(async move {
            // A new stream whenever the old one has ended and there is something to send.
            while let Some(first) = asks.recv().await {
                // What was under way is lost with the stream.
                let _ = stream(&raw, store, first, &mut asks).await;
            }
        });
        line
    }
}

/// One stream, until it breaks.
async fn stream(
    raw: &Raw,
    store: u64,
    first: Ask,
    asks: &mut mpsc::UnboundedReceiver<Ask>,
) -> Option<()> {
    let mut client = raw.store(store).await?;
    let (requests, outgoing) = mpsc::unbounded_channel();
    let mut under_way = HashMap::new();
    let mut last = 0;
    requests.send(message(first, asks, &mut under_way, &mut last)).ok()?;
    let answers = client.batch_commands(UnboundedReceiverStream::new(outgoing)).await;
    let mut answers = answers.ok()?.into_inner();
    loop {
        tokio::select! {
            ask = asks.recv() => {
                requests.send(message(ask?, asks, &mut under_way, &mut last)).ok()?;
            }
            told = answers.message() => {
                let told = told.ok()??;
                for (id, answer) in told.request_ids.into_iter().zip(told.responses) {
                    let reply: Option<oneshot::Sender<Answer>> = under_way.remove(&id);
                    if let (Some(reply), Some(answer)) = (reply, answer.cmd) {
                        // Who died does not wait for it.
                        let _ = reply.send(answer);
                    }
                }
            }
        }
    }
}

/// All that is there to be sent.
fn message(
    first: Ask,
    asks: &mut mpsc::UnboundedReceiver<Ask>,
    under_way: &mut HashMap<u64, oneshot::Sender<Answer>>,
    last: &mut u64,
) -> tikv::BatchCommandsRequest {
    let mut message = tikv::BatchCommandsRequest::default();
    let mut next = Some(first);
    while let Some(Ask { request, reply }) = next {
        *last += 1;
        under_way.insert(*last, reply);
        message.request_ids.push(*last);
        let request = tikv::batch_commands_request::Request { cmd: Some(request) };
        message.requests.push(request);
        next = if message.requests.len() < MOST { asks.try_recv().ok() } else { None };
    }
    message
}

/// The answer of the same kind to a command, if it came and is none of a region that is another by now.
macro_rules! ask {
    ($wire:expr, $target:expr, $kind:ident, $request:expr) => {{
        use tifusion_proto::tikvpb::batch_commands_request::request::Cmd as Request;
        use tifusion_proto::tikvpb::batch_commands_response::response::Cmd as Answer;
        async {
            match $wire.ask($target, Request::$kind($request)).await {
                Some(Answer::$kind(answer)) if answer.region_error.is_none() => Some(answer),
                _ => None,
            }
        }
    }};
}
pub(crate) use ask;
