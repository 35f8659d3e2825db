//! Reading a user's rights, and reading them again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::grant::{Account, roles};
use super::holder::Holder;
use super::rights::Rights;
use crate::config::Settings;
use crate::error::{Error, ErrorKind, Result, RetrySafety};
use crate::sql_port::text::{quoted_name, quoted_text};
use crate::sql_port::{SqlPort, SqlSession};

/// TiDB's number for a view that whoever defined it has no right to read any more.
const LACKS_RIGHTS: &str = "1356";

/// A view, by its database and its own name.
pub(crate) type ViewName = (Arc<str>, String);

/// What the user that a process logs in to TiDB as may do.
#[derive(Debug)]
pub(crate) struct Authorizer {
    port: Arc<SqlPort>,
    /// The age beyond which rights are read again before they decide anything.
    interval: Duration,
    patience: Duration,
    last: Mutex<Option<Arc<Rights>>>,
    /// Held by whoever reads them: the others wait for what that one finds.
    reading: tokio::sync::Mutex<()>,
}

impl Authorizer {
    /// That of the user who logs in at `port`.
    pub(crate) fn new(port: Arc<SqlPort>, settings: &Settings) -> Self {
        Self {
            port,
            interval: settings.auth_refresh_interval,
            patience: settings.request_timeout,
            last: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The rights of now: read since the interval began.
    ///
    /// # Errors
    /// When TiDB can't be asked, or lets nobody in as the user.
    pub(crate) async fn rights(&self) -> Result<Arc<Rights>> {
        if let Some(rights) = self.fresh() {
            return Ok(rights);
        }
        let _reading = self.reading.lock().await;
        if let Some(rights) = self.fresh() {
            return Ok(rights);
        }
        let mut read = self.read().await;
        // A connection that was kept may have broken while nobody used it.
        if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable) {
            read = self.read().await;
        }
        match read {
            Ok(rights) => {
                let rights = Arc::new(rights);
                *self.last.lock() = Some(Arc::clone(&rights));
                Ok(rights)
            }
            Err(error) => {
                *self.last.lock() = None;
                tracing::warn!(%error, "what the user may do can't be read: statements are refused until it can be");
                Err(self.unknown(error))
            }
        }
    }

    /// The rights as they were last read, where that is not longer ago than the interval.
    pub(crate) fn fresh(&self) -> Option<Arc<Rights>> {
        self.last().filter(|rights| rights.read_at().elapsed() < self.interval)
    }

    /// The rights as they were last read; `None` if they could not be.
    pub(crate) fn last(&self) -> Option<Arc<Rights>> {
        self.last.lock().clone()
    }

    fn unknown(&self, cause: Error) -> Error {
        let message = format!(
            "what {} may do can't be read from TiDB, so nothing is allowed (sql.auth.enable): {cause}",
            self.port.place()
        );
        let retry = match cause.kind() {
            ErrorKind::Security => RetrySafety::Never,
            _ => cause.retry(),
        };
        Error::new(cause.kind(), message).with_retry(retry).with_source(cause)
    }

    async fn read(&self) -> Result<Rights> {
        let read = async {
            let read_at = Instant::now();
            let mut session = self.session().await?;
            let who = session.query("SELECT", "SELECT CURRENT_USER(), CURRENT_ROLE()").await?;
            let cell = |at: usize| who.rows.first()?.get(at)?.clone();
            let account = cell(0)
                .and_then(|text| Account::of(&text))
                .ok_or_else(|| Error::new(ErrorKind::Data, "TiDB does not say who is logged in"))?;
            let own = grants(&mut session, &account, None).await?;
            let own = Holder::of(own.iter().map(String::as_str), &account);
            let mut holders = Vec::new();
            for role in active_roles(&cell(1).unwrap_or_default()) {
                let both = grants(&mut session, &account, Some(&role)).await?;
                let both = Holder::of(both.iter().map(String::as_str), &account);
                holders.push(both.beyond(&own));
            }
            holders.insert(0, own);
            let rights = Rights::new(account, holders, read_at);
            let by_column = match rights.some_read_column() {
                Some(column) => reads_column(&mut session, column).await?,
                None => false,
            };
            Ok(rights.by_column(by_column))
        };
        match tokio::time::timeout(self.patience, read).await {
            Ok(read) => read,
            Err(_) => Err(Error::new(
                ErrorKind::DeadlineExceeded,
                format!("no answer within {:?} (grpc.timeout_in_sec)", self.patience),
            )),
        }
    }

    /// Refuses to run what was planned by the rights `planned_by` where the user has others by now, or one of these
    /// views, which others have defined, can't be read any more.
    ///
    /// # Errors
    /// So, and when TiDB can't be asked.
    pub(crate) async fn check_unchanged(
        &self,
        planned_by: &Rights,
        views: &[ViewName],
    ) -> Result<()> {
        let now = self.rights().await?;
        if !now.is_same(planned_by) {
            let user = now.user();
            let message = format!(
                "what {user} may do has changed since the statement was planned: run it again"
            );
            return Err(Error::new(ErrorKind::Security, message).with_retry(RetrySafety::Safe));
        }
        for (database, view) in views {
            self.check_view(&now, database, view).await?;
        }
        Ok(())
    }

    /// A connection of the user, with the roles that a session begins with: it may have been used before.
    async fn session(&self) -> Result<SqlSession> {
        let mut session = self.port.reading_session(None).await?;
        session.execute("SET", "SET ROLE DEFAULT").await?;
        Ok(session)
    }

    /// Has TiDB say whether the user may read a view: what is in it is read by the rights of whoever defined it, and
    /// these are TiDB's to know.
    ///
    /// # Errors
    /// TiDB's refusal, and when it can't be asked.
    pub(crate) async fn check_view(
        &self,
        rights: &Rights,
        database: &str,
        view: &str,
    ) -> Result<()> {
        if rights.has_view(database, view) {
            return Ok(());
        }
        let asked = async {
            let mut session = self.session().await?;
            let name = format!("{}.{}", quoted_name(database), quoted_name(view));
            // TiDB plans it, finds that there is nothing to read, and reads nothing.
            session.query("SELECT", &format!("SELECT 1 FROM {name} LIMIT 0")).await?;
            Ok(())
        };
        let answer: Result<()> = match tokio::time::timeout(self.patience, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(ErrorKind::DeadlineExceeded, "TiDB did not answer")),
        };
        answer.map_err(|error| {
            let view = format!("{database}.{view}");
            match error
                .context()
                .iter()
                .any(|(name, value)| *name == "code" && value == LACKS_RIGHTS)
            {
                true => Error::new(ErrorKind::Security, error.message())
                    .with_context("code", LACKS_RIGHTS)
                    .with_context("view", view),
                false => error.with_context("view", view),
            }
        })?;
        rights.keep_view(database, view);
        Ok(())
    }
}

/// The user's grants, with those of a role or without.
async fn grants(
    session: &mut SqlSession,
    account: &Account,
    role: Option<&Account>,
) -> Result<Vec<String>> {
    let named = |it: &Account| format!("{}@{}", quoted_text(&it.user), quoted_text(&it.host));
    let mut statement = format!("SHOW GRANTS FOR {}", named(account));
    if let Some(role) = role {
        statement.push_str(" USING ");
        statement.push_str(&named(role));
    }
    Ok(session.query("SHOW", &statement).await?.into_column())
}

fn active_roles(text: &str) -> Vec<Account> {
    roles(text).unwrap_or_else(|error| {
        tracing::warn!(%error, roles = text, "roles that can't be understood give nothing");
        Vec::new()
    })
}

/// Whether TiDB lets the user read this column, on which there is a grant, of a table on which there is none.
async fn reads_column(
    session: &mut SqlSession,
    (database, table, column): (&str, &str, &str),
) -> Result<bool> {
    let statement = format!(
        "SELECT {} FROM {}.{} LIMIT 0",
        quoted_name(column),
        quoted_name(database),
        quoted_name(table)
    );
    match session.query("SELECT", &statement).await.map_err(Error::from) {
        Ok(_) => Ok(true),
        // The table may be gone, and its grants still be there.
        Err(error) if matches!(error.kind(), ErrorKind::Security | ErrorKind::NotFound) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
