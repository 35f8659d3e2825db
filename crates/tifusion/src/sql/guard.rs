//! Statements that are refused by their plans: those that would change the cluster by DataFusion's own ways, and joins whose keys
//! would be lost.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{
    JoinConstraint, JoinType, ResolvedTableReference, SchemaReference, TableReference,
};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};

use crate::catalog::read_only;
use crate::error::{Error, Result};

/// Refuses a plan that would create, change or drop anything in `catalog`.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), with where such things go.
pub(super) fn refuse_writes(plan: &LogicalPlan, state: &SessionState, catalog: &str) -> Result<()> {
    let (what, name) = match plan {
        LogicalPlan::Dml(dml) => ("write to", &dml.table_name),
        LogicalPlan::Ddl(ddl) => match ddl {
            DdlStatement::CreateExternalTable(create) => ("create", &create.name),
            DdlStatement::CreateMemoryTable(create) => ("create", &create.name),
            DdlStatement::CreateView(create) => ("create", &create.name),
            DdlStatement::DropTable(drop) => ("drop", &drop.name),
            DdlStatement::DropView(drop) => ("drop", &drop.name),
            DdlStatement::CreateIndex(create) => ("create an index on", &create.table),
            DdlStatement::CreateCatalogSchema(create) => {
                return refuse_schema(&create.schema_name, "create", state, catalog);
            }
            DdlStatement::DropCatalogSchema(drop) => {
                let name = match &drop.name {
                    SchemaReference::Bare { schema } => schema.to_string(),
                    SchemaReference::Full { schema, catalog } => format!("{catalog}.{schema}"),
                };
                return refuse_schema(&name, "drop", state, catalog);
            }
            DdlStatement::CreateCatalog(create) => {
                return Err(read_only("create", &format!("database {}", create.catalog_name)));
            }
            DdlStatement::CreateFunction(_) | DdlStatement::DropFunction(_) => return Ok(()),
        },
        _ => return Ok(()),
    };
    let resolved = resolve(name, state);
    if *resolved.catalog == *catalog {
        return Err(read_only(what, &format!("{}.{}", resolved.schema, resolved.table)));
    }
    Ok(())
}

/// Refuses `RIGHT` and `FULL JOIN … USING`, and `NATURAL` ones: a key by its bare name is the left side's to DataFusion 55.2, which is
/// `NULL` where only the right side has a row.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), with the way out.
pub(super) fn refuse_lost_keys(plan: &LogicalPlan) -> Result<()> {
    let mut lost = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node
            && join.join_constraint == JoinConstraint::Using
            && matches!(join.join_type, JoinType::Right | JoinType::Full)
        {
            lost = Some(join.join_type);
        }
        Ok(if lost.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    match lost {
        None => Ok(()),
        Some(kind) => Err(Error::unsupported(format!(
            "{} JOIN … USING, or NATURAL: rows of the right side alone would have no key. Join ON the keys, and name the side of each",
            kind.to_string().to_uppercase()
        ))),
    }
}

fn refuse_schema(name: &str, what: &str, state: &SessionState, catalog: &str) -> Result<()> {
    let of = match name.split_once('.') {
        Some((of, _)) => of,
        None => &state.config_options().catalog.default_catalog,
    };
    if of == catalog {
        return Err(Error::unsupported(format!(
            "can't {what} database {name}: databases are made and dropped in TiDB itself. A schema of this \
             session goes into DataFusion's own catalog, as datafusion.<name>"
        )));
    }
    Ok(())
}

/// The full name that `name` stands for.
pub(super) fn resolve(name: &TableReference, state: &SessionState) -> ResolvedTableReference {
    let options = &state.config_options().catalog;
    name.clone().resolve(&options.default_catalog, &options.default_schema)
}
