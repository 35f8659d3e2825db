//! Views of TiDB.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use parking_lot::Mutex;
use tifusion_schema::TableInfo;

use super::unreadable::UnreadableTable;
use super::{Source, TidbCatalog};
use crate::auth::Privilege;
use crate::error::{Error, Result, RetrySafety};
use crate::meta::View;
use crate::reading::ViewUse;

/// Most views one within another.
const DEEPEST: usize = 16;

/// What makes a plan of a view.
#[async_trait]
pub(crate) trait ViewPlanner: Debug + Send + Sync {
    /// The plan of the view `used`, over the tables of `catalog`, in a session like `state`.
    ///
    /// # Errors
    /// When its text can't be understood, or means something else here; and those of its tables.
    async fn plan(
        &self,
        used: &ViewUse,
        catalog: TidbCatalog,
        state: SessionState,
    ) -> Result<LogicalPlan>;
}

/// Views that were opened, by the ids of their databases and their own, within those around them, the outermost first: by whose
/// rights a view is read is decided by these.
pub(super) type OpenedViews = Arc<Mutex<HashMap<Vec<(i64, i64)>, Arc<dyn TableProvider>>>>;

/// The view `info` as a table; one that can't be read if something is wrong with it.
///
/// # Errors
/// When the cluster can't be reached.
pub(super) async fn open(
    source: &Source,
    view: View,
    database: (i64, Arc<str>),
    info: Arc<TableInfo>,
) -> Result<Arc<dyn TableProvider>> {
    let around = source.inside.iter().map(|view| (view.database_id, view.info.id));
    let key: Vec<_> = around.chain([(database.0, info.id)]).collect();
    if let Some(opened) = source.opened.as_ref().and_then(|all| all.lock().get(&key).cloned()) {
        return Ok(opened);
    }
    let (database_id, database) = database;
    let used = ViewUse { database_id, database, info, schema_version: view.version() };
    let used = Arc::new(used);
    let opened: Arc<dyn TableProvider> = match plan(source, view, &used).await {
        Ok(plan) => match denied(source, &used, &plan).await? {
            Some(denied) => Arc::new(UnreadableTable::forbidden_view(&used, denied)),
            None => {
                let text = used.info.view.as_ref().map(|view| view.select.clone());
                Arc::new(ViewTable::new(plan, text))
            }
        },
        Err(error) if error.retry() == RetrySafety::Safe => return Err(error),
        Err(error) => Arc::new(UnreadableTable::broken_view(&used, error)),
    };
    if let Some(all) = &source.opened {
        all.lock().insert(key, Arc::clone(&opened));
    }
    Ok(opened)
}

/// Why the user may not read a view without tables, if so: where there are some, each scan asks for the views around it.
async fn denied(source: &Source, used: &ViewUse, plan: &LogicalPlan) -> Result<Option<Error>> {
    if source.inside.iter().any(|view| view.is_definers()) || reads_table(plan)? {
        return Ok(None);
    }
    let Some(rights) = source.cluster.rights().await? else { return Ok(None) };
    let columns = used.info.public_columns().into_iter().map(|column| column.name.as_str());
    let name = (&*used.database, used.info.name.as_str());
    Ok(rights.check_columns(Privilege::Select, name, columns).err())
}

fn reads_table(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::TableScan(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

async fn plan(source: &Source, view: View, used: &Arc<ViewUse>) -> Result<LogicalPlan> {
    let is_same = |outer: &Arc<ViewUse>| {
        (outer.database_id, outer.info.id) == (used.database_id, used.info.id)
    };
    if source.inside.iter().any(is_same) {
        return Err(Error::invalid(format!("`{}` contains view recursion", used.label())));
    }
    if source.inside.len() >= DEEPEST {
        return Err(Error::unsupported(format!(
            "{} views within another are more than the {DEEPEST} that are opened",
            source.inside.len() + 1
        )));
    }
    let Some(state) = source.config.session() else {
        return Err(Error::unsupported("views are opened in the session of a TidbContext alone"));
    };
    source.views.plan(used, source.within(view, used), state).await
}
