//! What the user at TiDB's SQL port may do.

use super::patient::Patient;
use super::{Finding, Health, unchecked};
use crate::auth::{Authorizer, Privilege, PrivilegeSet, Rights};
use crate::config::Settings;
use crate::sql_port::SqlPort;

/// Places that are named, of those where a user has a privilege.
const NAMED: usize = 8;

/// What the user may read and write, by TiDB's grants.
pub(super) async fn privileges(patient: &Patient) -> Vec<Finding> {
    let settings = patient.config.settings();
    let Some(port) = SqlPort::of(settings) else {
        return unchecked(
            "tidb.addr is not set: whoever reaches PD and the stores reads everything",
        );
    };
    let subject = port.place().to_string();
    let authorizer = Authorizer::new(port.into(), settings);
    match authorizer.rights().await {
        Ok(rights) => findings(&rights, settings),
        Err(error) => {
            let mend = "see tidb.addr, tidb.port, tidb.user, tidb.password and jdbc.*, and whether TiDB runs there";
            vec![Finding::new(Health::Bad, subject, error.to_string()).mend(mend)]
        }
    }
}

fn findings(rights: &Rights, settings: &Settings) -> Vec<Finding> {
    let user = rights.user();
    let mut findings = vec![match settings.auth_enable {
        true => Finding::new(
            Health::Good,
            "sql.auth.enable",
            format!("true: the grants of {user} count"),
        ),
        false => Finding::new(
            Health::Note,
            "sql.auth.enable",
            format!("false: TiDB's grants are not looked at, {user} reads everything here"),
        )
        .mend("set sql.auth.enable where that is not meant"),
    }];
    let writes = [Privilege::Insert, Privilege::Update, Privilege::Delete];
    let wanted = writes.into_iter().filter(|_| settings.write_enable);
    for privilege in [Privilege::Select].into_iter().chain(wanted) {
        findings.push(finding(rights, privilege));
    }
    findings
}

fn finding(rights: &Rights, privilege: Privilege) -> Finding {
    let places = rights.places(PrivilegeSet::from(privilege));
    let user = rights.user();
    if places.is_empty() {
        let finding =
            Finding::new(Health::Warning, privilege.name(), format!("{user} has it nowhere"));
        return finding.mend(format!("GRANT {privilege} ON <database>.* TO {user}"));
    }
    let mut named: Vec<&str> = places.iter().take(NAMED).map(String::as_str).collect();
    let more = match places.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named.sort_unstable();
    let message = format!("{user} has it on {}{more}", named.join(", "));
    let finding = Finding::new(Health::Good, privilege.name(), message);
    match places.first().is_some_and(|place| place == "*.*") {
        true => finding,
        false => {
            finding.mend(format!("for more, GRANT {privilege} ON <database>.<table> TO {user}"))
        }
    }
}
