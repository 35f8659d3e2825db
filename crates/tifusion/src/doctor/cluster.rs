//! What TiDB keeps in the cluster.

use super::patient::Patient;
use super::{Finding, Health, unchecked};
use crate::meta::Need;

const UNREACHABLE: &str = "the cluster can't be reached";

/// Whether TiDB's metadata can be read.
pub(super) async fn metadata(patient: &Patient) -> Vec<Finding> {
    const SUBJECT: &str = "metadata";
    let mend = "see the stores above: the first region of the cluster must have a leader";
    let cluster = match &patient.cluster {
        Some(Ok(cluster)) => cluster,
        Some(Err(error)) => {
            let finding = Finding::new(Health::Bad, SUBJECT, error.to_string());
            return vec![finding.mend(mend)];
        }
        None => return unchecked(UNREACHABLE),
    };
    let deadline = cluster.deadline(&patient.config);
    vec![match cluster.meta().view(Need::Databases, deadline).await {
        Ok(view) => {
            let message = format!("schema version {} can be read", view.version());
            Finding::new(Health::Good, SUBJECT, message)
        }
        Err(error) => Finding::new(Health::Bad, SUBJECT, error.to_string()).mend(mend),
    }]
}

/// Whether it is known how text is compared.
pub(super) fn collation(patient: &Patient) -> Vec<Finding> {
    const SUBJECT: &str = "new_collation_enable";
    let Some(Ok(cluster)) = &patient.cluster else { return unchecked(UNREACHABLE) };
    let taken = cluster.new_collation();
    vec![match cluster.known_collation() {
        Some(known) => {
            let source = match patient.config.settings().new_collation {
                Some(_) => "as configured",
                None => "as mysql.tidb records",
            };
            Finding::new(Health::Good, SUBJECT, format!("{known}, {source}"))
        }
        None => {
            let message = format!(
                "mysql.tidb does not say, {taken} is a guess: indexes on text are not used"
            );
            let finding = Finding::new(Health::Warning, SUBJECT, message);
            finding.mend("set new_collation_enable to what the cluster was set up with")
        }
    }]
}
