//! `TIME` beside text: `opens > '09:30'`.
//!
//! A `TIME` is a duration in Arrow, and DataFusion compares no duration with text. As in MySQL the
//! text is read as a `TIME`, where it is a constant in a comparison, a `BETWEEN` or an `IN`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable as _, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use tifusion_codec::duration;

use crate::error::Error;

const TIME: DataType = DataType::Duration(TimeUnit::Microsecond);

/// Makes `TIME`s of texts beside `TIME`s, in SQL and in frames.
#[derive(Debug)]
struct TimeText;

/// Has the session that is built read texts beside `TIME`s.
pub(crate) fn register(builder: &mut SessionStateBuilder) {
    builder.expr_planners().get_or_insert_default().insert(0, Arc::new(TimeText));
    // DataFusion's own type coercion, a rule too, would refuse what this one makes right.
    builder.analyzer().get_or_insert_default().rules.insert(0, Arc::new(TimeText));
}

impl ExprPlanner for TimeText {
    /// Needed besides the rule, since a projection asks for the type of a comparison at once.
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq, Spaceship};
        if matches!(expr.op, Eq | NotEq | Lt | LtEq | Gt | GtEq | Spaceship) {
            beside(&expr.left, &mut expr.right, schema)?;
            beside(&expr.right, &mut expr.left, schema)?;
        }
        Ok(PlannerResult::Original(expr))
    }
}

impl AnalyzerRule for TimeText {
    fn name(&self) -> &'static str {
        "tidb_time_text"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let changed = expr.transform_up(|expr| read_texts(expr, &schema))?;
                Ok(changed.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }
}

fn read_texts(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) => {
            beside(left, right, schema)? | beside(right, left, schema)?
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            beside(expr, low, schema)? | beside(expr, high, schema)?
        }
        Expr::InList(InList { expr, list, .. }) => {
            let mut changed = false;
            for text in list {
                changed |= beside(expr, text, schema)?;
            }
            changed
        }
        _ => false,
    };
    Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
}

fn compares(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Reads `text` as a `TIME` if it is a constant text and `other` is a `TIME`; whether it was.
fn beside(other: &Expr, text: &mut Expr, schema: &DFSchema) -> Result<bool> {
    let Expr::Literal(value, _) = text else { return Ok(false) };
    let Some(Some(value)) = value.try_as_str() else { return Ok(false) };
    if !other.get_type(schema).is_ok_and(|data_type| data_type == TIME) {
        return Ok(false);
    }
    let time = time(value)?;
    *text = Expr::Literal(ScalarValue::DurationMicrosecond(Some(time)), None);
    Ok(true)
}

/// Microseconds of a `TIME` as people write it: `9:30`, `09:30:00.5`, `-1 09:30:00` (days first).
fn time(text: &str) -> Result<i64> {
    let whole = text.trim();
    let (sign, rest) = match whole.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", whole),
    };
    let (days, clock) = match rest.split_once(' ') {
        Some((days, clock)) => (days.parse::<u8>().ok(), clock.trim_start()),
        None => (Some(0), rest),
    };
    let seconds = if clock.matches(':').count() == 1 { ":00" } else { "" };
    let canonical = days.and_then(|days| {
        let (hours, rest) = clock.split_once(':')?;
        let hours = u32::from(days) * 24 + hours.parse::<u16>().ok().map(u32::from)?;
        Some(format!("{sign}{hours}:{rest}{seconds}"))
    });
    let nanos = duration::parse(canonical.as_deref().unwrap_or(whole), 6).map_err(|source| {
        let advice = "a TIME is compared with text such as '09:30', '-12:00:00.25' or '2 06:00:00'";
        Error::invalid(format!("{text:?} is no TIME: {advice}")).with_source(source)
    })?;
    Ok(duration::to_micros(nanos))
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_read_as_people_write_them() {
        let hour = 3_600_000_000;
        for (text, expected) in [
            ("09:30", 9 * hour + hour / 2),
            ("9:30:00", 9 * hour + hour / 2),
            (" -00:00:00.5 ", -500_000),
            ("1 01:00", 25 * hour),
            ("-2 06:00:00", -54 * hour),
            ("838:59:59", 838 * hour + 59 * hour / 60 + 59_000_000),
        ] {
            assert_eq!(time(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_an_error_that_shows_it() {
        for text in
            ["", "now", "12", "1:60", "839:00:00", "1:2:3:4", "x 1:00", "300 1:00", "1:00-", "-"]
        {
            let error = time(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?} is no TIME")), "{text}: {error}");
        }
    }
}
