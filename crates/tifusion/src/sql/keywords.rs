//! Names of columns that the parser takes for something else.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, ObjectNamePart, visit_expressions_mut,
};

/// Makes a column of the bare word `user`, which the parser takes for the function of the SQL
/// standard. In TiDB it is a name like any other, of a column of `mysql.user` for one.
pub(super) fn release(statement: &mut DfStatement) {
    match statement {
        DfStatement::Statement(statement) => {
            let _: ControlFlow<()> = visit_expressions_mut(&mut **statement, |expr| {
                if let Expr::Function(function) = expr
                    && matches!(function.args, FunctionArguments::None)
                    && let [ObjectNamePart::Identifier(word)] = function.name.0.as_slice()
                    && word.value.eq_ignore_ascii_case("user")
                {
                    *expr = Expr::Identifier(word.clone());
                }
                ControlFlow::Continue(())
            });
        }
        DfStatement::Explain(explain) => release(&mut explain.statement),
        _ => {}
    }
}
