//! Whether a schema that is worked with already is the right one.

use datafusion::common::runtime::SpawnedTask;

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
