//! What the session's user may do, asked before a statement is planned.
//!
//! A rule refuses a statement while all that it names is still in its plan, for the optimizer leaves out what gives no
//! rows. The planner asks again, with rights that are not too old; and scans and writes ask a last time, for the columns
//! that are left.

use std::sync::Arc;

use datafusion::common::Result as DataFusionResult;
use datafusion::common::config::ConfigOptions;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::AnalyzerRule;

use super::Tables;
use crate::auth::{Authorizer, Privilege, Rights};
use crate::cluster::Cluster;
use crate::error::Result;
use crate::table::TidbTable;

/// Puts the rule into a session.
pub(crate) fn register(builder: &mut SessionStateBuilder, cluster: &Arc<Cluster>) {
    if cluster.authorizer().is_some() {
        let rule = Arc::new(ReadRights { cluster: Arc::clone(cluster) });
        builder.analyzer().get_or_insert_default().rules.insert(0, rule);
    }
}

/// Refuses what the user may not read, as far as that is known without asking.
#[derive(Debug)]
struct ReadRights {
    cluster: Arc<Cluster>,
}

impl AnalyzerRule for ReadRights {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        let rights = self.cluster.authorizer().and_then(Authorizer::fresh);
        if let Some(rights) = rights {
            check_tables(&Tables::of(&plan)?, &rights)?;
        }
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "tidb_read_rights"
    }
}

fn check_tables(tables: &Tables, rights: &Rights) -> Result<()> {
    tables.readable().try_for_each(|table| table.check_read(rights))
}

/// Refuses a statement over tables that the user may not read. `explains`: whether its plan is shown.
///
/// # Errors
/// [`AccessDenied`](crate::AccessDenied), and when TiDB can't be asked.
pub(super) async fn check(
    tables: &Tables,
    authorizer: &Authorizer,
    rights: &Rights,
    explains: bool,
) -> Result<()> {
    check_tables(tables, rights)?;
    for table in tables.readable() {
        if explains {
            check_explained(table, rights)?;
        }
        let (views, reads_table) = table.read_by_user();
        // Whether whoever defined it may still read what is in it is for TiDB to say: nobody sees another's grants.
        if let (Some(outermost), false) = (views.first(), reads_table) {
            let name = outermost.info.name.as_str();
            authorizer.check_view(rights, &outermost.database, name).await?;
        }
    }
    Ok(())
}

/// Refuses to show the plan of a view to who may not see how it is made.
fn check_explained(table: &TidbTable, rights: &Rights) -> Result<()> {
    let (shown, _) = table.read_by_user();
    let all = table.reading().views.iter().enumerate();
    for (depth, view) in all {
        let name = (&*view.database, view.info.name.as_str());
        if depth > 0 {
            rights.check_view_plan(Privilege::Select, name.0, name.1)?;
        }
        if depth < shown.len() {
            rights.check_view_plan(Privilege::ShowView, name.0, name.1)?;
        }
    }
    Ok(())
}
