//! Where PD is, as TiDB says.

use crate::error::{Error, ErrorKind, Result};
use crate::sql_port::SqlPort;

const QUESTION: &str = "SELECT INSTANCE FROM information_schema.cluster_info WHERE TYPE = 'pd'";

/// The endpoints of PD that TiDB knows.
///
/// # Errors
/// When TiDB can't be asked, does not tell the user, or knows none.
pub(crate) async fn pd_addresses(port: &SqlPort) -> Result<Vec<String>> {
    let mut session = port.reading_session(None).await?;
    let answer = session.query("SELECT", QUESTION).await.map_err(Error::from);
    let rows = answer.map_err(|error| {
        let message = format!(
            "where PD is could not be asked of TiDB: set pd.addresses, or GRANT PROCESS ON *.* to the user ({})",
            error.message()
        );
        Error::new(error.kind(), message).with_source(error)
    })?;
    let found = rows.into_column();
    match found.is_empty() {
        true => Err(Error::new(
            ErrorKind::NotFound,
            "TiDB knows no PD: set pd.addresses, as for a cluster that hides it",
        )),
        false => Ok(found),
    }
}
