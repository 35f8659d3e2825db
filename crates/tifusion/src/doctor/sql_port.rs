//! TiDB's SQL port: whether it answers, as whom one is there, whether the way is encrypted.

use super::patient::Patient;
use super::{Finding, Health};
use crate::config::ReadMode;
use crate::error::{Error, ErrorKind, Result};
use crate::sql_port::{SqlPort, SqlSession};

const ADDRESS: &str = "tidb.addr";

/// What can be seen from a connection.
struct Seen {
    version: String,
    user: String,
    cipher: String,
}

/// Whether statements can be sent there.
pub(super) async fn sql_port(patient: &Patient) -> Vec<Finding> {
    let settings = patient.config.settings();
    let Some(port) = SqlPort::of(settings) else {
        let message = "not set: nothing goes through TiDB's SQL port";
        let finding = Finding::new(Health::Note, ADDRESS, message);
        let mend =
            "for changes of schema and writes by write.mode = sql, set tidb.addr and tidb.user";
        return vec![finding.mend(mend)];
    };
    let place = port.place().to_string();
    let seen = match look(&port).await {
        Ok(seen) => seen,
        Err(error) => {
            let finding = Finding::new(Health::Bad, place, error.to_string());
            return vec![finding.mend(what_to_mend(&error))];
        }
    };
    let role = match settings.read_mode {
        ReadMode::Bypass => "for changes of schema and writes by write.mode = sql",
        ReadMode::Sql => "for all that is read and written",
    };
    let message = format!("{} as {}, {role}", seen.version, seen.user);
    let answers = Finding::new(Health::Good, place.clone(), message);
    let is_verified = settings.jdbc_server_store.is_some();
    let tls = match (seen.cipher.as_str(), is_verified) {
        ("", _) => {
            let message =
                "not encrypted: whoever is on the way reads along, the rows and the statements";
            Finding::new(Health::Note, place, message)
                .mend("set jdbc.tls_enable and jdbc.server_cert_store")
        }
        (cipher, false) => {
            let message =
                format!("encrypted by {cipher}, but whoever answers there is taken for TiDB");
            Finding::new(Health::Warning, place, message).mend("set jdbc.server_cert_store")
        }
        (cipher, true) => Finding::new(Health::Good, place, format!("encrypted by {cipher}")),
    };
    vec![answers, tls]
}

async fn look(port: &SqlPort) -> Result<Seen> {
    let mut session = port.reading_session(None).await?;
    Ok(Seen {
        version: cell(&mut session, "SELECT VERSION()", 0).await?,
        user: cell(&mut session, "SELECT CURRENT_USER()", 0).await?,
        cipher: cell(&mut session, "SHOW STATUS LIKE 'Ssl_cipher'", 1).await?,
    })
}

/// A cell of the one row of a query.
async fn cell(session: &mut SqlSession, sql: &str, place: usize) -> Result<String> {
    let rows = session.query("SELECT", sql).await?.rows;
    let cell = rows.into_iter().next().and_then(|row| row.into_iter().nth(place).flatten());
    Ok(cell.unwrap_or_default())
}

fn what_to_mend(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Security => {
            "check tidb.user and tidb.password, and the files of jdbc.server_cert_store and jdbc.client_cert_store"
        }
        _ => {
            "see whether TiDB runs there and the network lets this machine through; else correct tidb.addr and \
             tidb.port"
        }
    }
}
