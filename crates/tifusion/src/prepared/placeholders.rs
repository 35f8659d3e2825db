//! Parameters as MySQL writes them: `?` is `$1`, the next one `$2`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Expr, Value, VisitMut as _, VisitorMut};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::error::{Error, Result};

/// Gives each `?` of a statement its number, in the order of its text.
///
/// # Errors
/// When there are parameters with names or numbers too.
pub(super) fn number(statement: &mut DfStatement) -> Result<()> {
    let DfStatement::Statement(statement) = statement else { return Ok(()) };
    let mut found = Found::default();
    let _ = statement.visit(&mut found);
    if !found.unnamed.is_empty() && found.named > 0 {
        return Err(Error::invalid("parameters are all ?, or all have names or numbers"));
    }
    let _ = statement.visit(&mut Numbers::of(&found.unnamed));
    Ok(())
}

/// The parameters of a statement, in the order in which it is visited: a LIMIT before its OFFSET, wherever they were written.
#[derive(Default)]
struct Found {
    /// Where those without a name are.
    unnamed: Vec<Location>,
    named: usize,
}

impl VisitorMut for Found {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
        {
            match name == "?" {
                true => self.unnamed.push(value.span.start),
                false => self.named += 1,
            }
        }
        ControlFlow::Continue(())
    }
}

/// Their numbers, in the order in which they are visited.
struct Numbers(std::vec::IntoIter<usize>);

impl Numbers {
    fn of(places: &[Location]) -> Self {
        let mut by_place: Vec<(usize, &Location)> = places.iter().enumerate().collect();
        by_place.sort_by_key(|(_, place)| **place);
        let mut numbers: Vec<_> =
            (1..).zip(by_place).map(|(number, (at, _))| (at, number)).collect();
        numbers.sort_unstable();
        let numbers = numbers.into_iter().map(|(_, number)| number);
        Self(numbers.collect::<Vec<usize>>().into_iter())
    }
}

impl VisitorMut for Numbers {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &mut value.value
            && name == "?"
            && let Some(number) = self.0.next()
        {
            *name = format!("${number}");
        }
        ControlFlow::Continue(())
    }
}
