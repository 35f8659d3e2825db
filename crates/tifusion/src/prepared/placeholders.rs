//! Parameters as MySQL writes them: `?` is `$1`, the next one `$2`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Expr, Value, VisitMut as _, VisitorMut};

use crate::error::{Error, Result};

/// Gives each `?` of a statement its number, in the order of its text.
///
/// # Errors
/// When there are parameters with names or numbers too.
pub(super) fn number(statement: &mut DfStatement) -> Result<()> {
    let DfStatement::Statement(statement) = statement else { return Ok(()) };
    let mut numbers = Numbers::default();
    let _ = statement.visit(&mut numbers);
    match numbers.unnamed > 0 && numbers.named > 0 {
        false => Ok(()),
        true => Err(Error::invalid("parameters are all ?, or all have names or numbers")),
    }
}

#[derive(Default)]
struct Numbers {
    unnamed: usize,
    named: usize,
}

impl VisitorMut for Numbers {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &mut value.value
        {
            if name == "?" {
                self.unnamed += 1;
                *name = format!("${}", self.unnamed);
            } else {
                self.named += 1;
            }
        }
        ControlFlow::Continue(())
    }
}
