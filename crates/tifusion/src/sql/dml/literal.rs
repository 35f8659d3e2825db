//! Words that stand where values do.

use datafusion::sql::sqlparser::ast::{Expr, Ident};

/// Whether an expression is the word `DEFAULT`.
pub(super) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(Ident { value, quote_style: None, .. })
        if value.eq_ignore_ascii_case("default"))
}
