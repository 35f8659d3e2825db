//! Rules that make physical plans better for reading from TiDB, behind DataFusion's own.

mod join_filters;
mod ordered_scans;

use datafusion::execution::SessionStateBuilder;

/// Adds all rules to a session.
pub(crate) fn register(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
        .with_physical_optimizer_rule(join_filters::rule())
        .with_physical_optimizer_rule(ordered_scans::rule())
}
