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

use super::tables::Tables;
use crate::auth::{Authorizer, Privilege, Rights, ViewName};
use crate::cluster::Cluster;
use crate::error::Result;
use crate::table::TidbTable;
use crate::write::check_write;

/// Puts the rule into a session.
pub(crate) fn register(builder: &mut SessionStateBuilder, cluster: &Arc<Cluster>) {
    if cluster.authorizer().is_some() {
        let rule = Arc::new(StatementRights { cluster: Arc::clone(cluster) });
        builder.analyzer().get_or_insert_default().rules.insert(0, rule);
    }
}

/// Refuses what the user may not read or write, as far as that is known without asking.
#[derive(Debug)]
struct StatementRights {
    cluster: Arc<Cluster>,
}

impl AnalyzerRule for StatementRights {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        let rights = self.cluster.authorizer().and_then(Authorizer::fresh);
        if let Some(rights) = rights {
            check_tables(&Tables::of(&plan)?, &rights)?;
        }
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "tidb_statement_rights"
    }
}

fn check_tables(tables: &Tables, rights: &Rights) -> Result<()> {
    for write in &tables.own_writes {
        check_write(&write.table, &write.kind, rights)?;
    }
    tables.readable().try_for_each(|table| table.check_read(rights))
}

/// Refuses a statement over tables that the user may not read, or not write to. `explains`: whether its plan is shown.
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
    if explains {
        tables.readable().try_for_each(|table| check_explained(table, rights))?;
    }
    // Whether whoever defined it may still read what is in it is for TiDB to say: nobody sees another's grants.
    for (database, view) in of_definers(tables) {
        authorizer.check_view(rights, &database, &view).await?;
    }
    Ok(())
}

/// The views that are read by the rights of whoever defined them, or one in them: those that the user names.
pub(super) fn of_definers(tables: &Tables) -> Vec<ViewName> {
    let outermost = tables.readable().filter_map(|table| {
        let (views, reads_table) = table.read_by_user();
        let view = views.first().filter(|_| !reads_table)?;
        Some((Arc::clone(&view.database), view.info.name.original.clone()))
    });
    let mut views: Vec<ViewName> = outermost.collect();
    views.sort_unstable();
    views.dedup();
    views
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
