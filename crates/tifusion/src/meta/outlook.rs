//! What is asked of the cluster while somebody works already: whether a schema is the right one, and what time it is.

use std::sync::Arc;
use std::time::Instant;

use datafusion::common::runtime::SpawnedTask;
use tifusion_client::Timestamp;

use super::reader::MetaReader;
use crate::error::Result;

/// An answer that is on its way while somebody works as if it were yes. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Outlook {
    answer: SpawnedTask<Result<bool>>,
}

impl Outlook {
    /// What `question` will say, which is asked at once.
    pub(super) fn new(question: impl Future<Output = Result<bool>> + Send + 'static) -> Self {
        Self { answer: SpawnedTask::spawn(question) }
    }

    /// Whether the work was for something.
    ///
    /// # Errors
    /// Those of asking.
    pub(crate) async fn holds(self) -> Result<bool> {
        // A runtime that is being shut down leaves it open.
        self.answer.join().await.unwrap_or(Ok(false))
    }
}

/// A timestamp that is on its way. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct AskedTimestamp {
    asked: Instant,
    answer: SpawnedTask<Result<Timestamp>>,
}

impl AskedTimestamp {
    /// What PD will say, which is asked at once.
    pub(super) fn new(reader: Arc<dyn MetaReader>, deadline: Option<Instant>) -> Self {
        let asked = Instant::now();
        let question = async move { reader.timestamp(deadline).await };
        Self { asked, answer: SpawnedTask::spawn(question) }
    }

    /// When it was asked for: it is of then, or later.
    pub(super) fn asked(&self) -> Instant {
        self.asked
    }

    /// The timestamp; `None` where a runtime that is being shut down leaves it open.
    ///
    /// # Errors
    /// When PD can't be reached.
    pub(super) async fn answer(self) -> Result<Option<Timestamp>> {
        self.answer.join().await.ok().transpose()
    }
}
