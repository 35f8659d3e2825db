//! Rules for DataFusion's physical optimizer: what above a scan the stores can do, they do, and scans read
//! in orders and by filters that others have for them.

mod aggregate;
mod below;
mod join_filters;
mod ordered_scans;
mod top_n;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;

/// The rule of DataFusion's after which filters are where they belong, and before those that add
/// exchanges to a plan.
const AFTER: &str = "FilterPushdown";

/// Has the session that is built use the rules.
pub(crate) fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let rules = &mut builder.physical_optimizers().get_or_insert_default().rules;
    let place = rules.iter().position(|rule| rule.name() == AFTER).map_or(0, |place| place + 1);
    let ours: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 2] =
        [Arc::new(aggregate::AggregatePushdown), Arc::new(top_n::TopNPushdown)];
    rules.splice(place..place, ours);
    // These come behind DataFusion's own.
    builder
        .with_physical_optimizer_rule(join_filters::rule())
        .with_physical_optimizer_rule(ordered_scans::rule())
}
