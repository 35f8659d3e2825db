//! Rules for DataFusion's physical optimizer: what above a scan the stores can do, they do, and scans read
//! in orders and by filters that others have for them, each once, and side by side where they can be.

mod aggregate;
mod below;
mod early_builds;
mod filter_paths;
mod join_filters;
mod join_order;
mod ordered_scans;
mod shared_scans;
mod top_n;

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// The rule of DataFusion's after which filters are where they belong, and before those that add
/// exchanges to a plan.
const AFTER: &str = "FilterPushdown";

/// The rule of DataFusion's that chooses which side of a join is built.
const SIDES: &str = "join_selection";

/// A plan of DataFusion's.
type Plan = Arc<dyn ExecutionPlan>;

/// A rule that keeps the schemas of all nodes.
struct Rule {
    name: &'static str,
    optimize: fn(Plan, &ConfigOptions) -> Result<Plan>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PhysicalOptimizerRule for Rule {
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        (self.optimize)(plan, config)
    }

    fn name(&self) -> &str {
        self.name
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Has the session that is built use the rules.
pub(crate) fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let rule = |name, optimize| -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
        Arc::new(Rule { name, optimize })
    };
    let rules = &mut builder.physical_optimizers().get_or_insert_default().rules;
    let place = rules.iter().position(|rule| rule.name() == SIDES).unwrap_or(0);
    rules.insert(place, rule("JoinOrder", join_order::optimize));
    let place = rules.iter().position(|rule| rule.name() == AFTER).map_or(0, |place| place + 1);
    let ours = [
        rule("tidb_aggregate_pushdown", aggregate::optimize),
        rule("tidb_top_n_pushdown", top_n::optimize),
    ];
    rules.splice(place..place, ours);
    // These come behind DataFusion's own, which give scans their dynamic filters and take sorts away.
    let reads_ahead = early_builds::has_room(builder.runtime_env().as_ref());
    let builder = builder
        .with_physical_optimizer_rule(rule("FilterPaths", filter_paths::optimize))
        .with_physical_optimizer_rule(rule("JoinFilters", join_filters::optimize))
        .with_physical_optimizer_rule(rule("OrderedScans", ordered_scans::optimize))
        .with_physical_optimizer_rule(rule("SharedScans", shared_scans::optimize));
    match reads_ahead {
        true => builder.with_physical_optimizer_rule(rule("EarlyBuilds", early_builds::optimize)),
        false => builder,
    }
}

/// `plan` with what takes the place of each of its nodes, the lower ones first; `None` for itself.
fn replaced(plan: Plan, mut replace: impl FnMut(&Plan) -> Result<Option<Plan>>) -> Result<Plan> {
    plan.transform_up(|node| {
        Ok(match replace(&node)? {
            Some(other) => Transformed::yes(other),
            None => Transformed::no(node),
        })
    })
    .data()
}
