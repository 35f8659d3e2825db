//! Changes of schema on clusters without a TiDB server.

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;

/// Carries out statements that change a cluster's schema where no TiDB server does: the embedded cluster of tests and
/// examples, say. Given to [`TidbContext::with_schema_changer`](crate::TidbContext::with_schema_changer).
#[async_trait]
pub trait SchemaChanger: fmt::Debug + Send + Sync {
    /// Who it is, for `EXPLAIN`.
    fn name(&self) -> &str;

    /// Carries out one statement, in which names without a database are of `database`. When this returns, the
    /// cluster's metadata has the change.
    ///
    /// # Errors
    /// When it is refused or failed: [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for what can't be done
    /// there.
    async fn change(&self, database: Option<&str>, statement: &str) -> Result<()>;
}
