//! What the words of a view mean in TiDB, as far as that can be told without types.
//!
//! What DataFusion has another meaning for is put into its words, or refused by name; so is all that is
//! not known to mean the same.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DateTimeField, Expr, GroupByExpr, Select, Statement, TableFactor,
    UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut,
};

use super::{differs, functions};
use crate::error::{Error, Result};

/// Introducers of literals that are text in Unicode as they stand.
const UNICODE: [&str; 4] = ["_utf8mb4", "_utf8", "_utf8mb3", "_ascii"];

/// Puts the statement of a view into DataFusion's words.
///
/// # Errors
/// When it has something that means something else there, or is no query.
pub(super) fn check(statement: &mut DfStatement) -> Result<()> {
    let DfStatement::Statement(statement) = statement else {
        return Err(Error::unsupported(format!("a view that is no query: {statement}")));
    };
    if !matches!(&**statement, Statement::Query(_)) {
        return Err(Error::unsupported(format!("a view that is no query: {statement}")));
    }
    match statement.visit(&mut Words) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Words;

impl VisitorMut for Words {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table { version: Some(_), name, .. } => {
                ControlFlow::Break(differs(format!("AS OF TIMESTAMP of {name}"), NOT_KNOWN))
            }
            TableFactor::Table { args: Some(_), name, .. } => {
                ControlFlow::Break(differs(format!("the table function {name}"), NOT_KNOWN))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        match &select.group_by {
            GroupByExpr::Expressions(_, modifiers) if modifiers.is_empty() => {
                ControlFlow::Continue(())
            }
            other => ControlFlow::Break(differs(other, NOT_KNOWN)),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match known(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Prefixed { value, .. } => *expr = (**value).clone(),
            Expr::Cast { data_type: data_type @ DataType::Signed, .. } => {
                *data_type = DataType::BigInt(None);
            }
            Expr::Cast { data_type: data_type @ DataType::Unsigned, .. } => {
                *data_type = DataType::BigIntUnsigned(None);
            }
            Expr::Function(function) => match functions::in_datafusion(function) {
                Ok(Some(other)) => *expr = other,
                Ok(None) => {}
                Err(error) => return ControlFlow::Break(error),
            },
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<Error> {
        if let Value::DoubleQuotedString(text) = &mut value.value {
            // Names in double quotes are stored in backticks: what has them is text.
            value.value = Value::SingleQuotedString(std::mem::take(text));
        }
        match &value.value {
            Value::Number(text, _) if text.contains(['e', 'E']) => ControlFlow::Break(differs(
                text,
                "a DOUBLE in TiDB, and a DECIMAL to DataFusion: write it without an exponent",
            )),
            Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => {
                ControlFlow::Continue(())
            }
            other => ControlFlow::Break(differs(other, NOT_KNOWN)),
        }
    }
}

const NOT_KNOWN: &str = "it is not known to mean the same in DataFusion";

/// Refuses an expression that means something else, or is not known to mean the same.
fn known(expr: &Expr) -> Result<()> {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..)
        | Expr::Value(_)
        | Expr::Nested(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::Case { .. }
        | Expr::Like { any: false, .. }
        | Expr::Trim { trim_what: None, trim_characters: None, .. } => Ok(()),
        Expr::TypedString(_) => Ok(()),
        Expr::Interval(interval) if whole(&interval.value).is_some() => Ok(()),
        Expr::Interval(_) => Err(differs(expr, "only whole numbers of a unit are the same")),
        Expr::Cast { data_type, .. } => cast_to(expr, data_type),
        Expr::UnaryOp {
            op: UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus,
            ..
        } => Ok(()),
        Expr::BinaryOp { op, right, .. } => operator(op, right),
        Expr::Prefixed { prefix, .. } => {
            let is_unicode = UNICODE.iter().any(|name| prefix.value.eq_ignore_ascii_case(name));
            if is_unicode { Ok(()) } else { Err(differs(expr, NOT_KNOWN)) }
        }
        Expr::Extract { field, .. } => part(field),
        Expr::Substring { substring_from, substring_for, .. } => {
            let is_known = |place: &Option<Box<Expr>>, least: u64| {
                place.as_deref().is_none_or(|place| whole(place).is_some_and(|n| n >= least))
            };
            if is_known(substring_from, 1) && is_known(substring_for, 0) {
                return Ok(());
            }
            Err(differs(expr, "places below 1 count from the end, or before the beginning"))
        }
        Expr::Function(function) => functions::check(function),
        other => Err(differs(other, NOT_KNOWN)),
    }
}

fn operator(op: &BinaryOperator, right: &Expr) -> Result<()> {
    match op {
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Multiply
        | BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq
        | BinaryOperator::Spaceship
        | BinaryOperator::And
        | BinaryOperator::Or => Ok(()),
        BinaryOperator::Modulo if whole(right).is_some_and(|n| n > 0) => Ok(()),
        BinaryOperator::Modulo => {
            Err(differs("%", "the remainder of a division by zero is NULL in TiDB"))
        }
        BinaryOperator::Divide | BinaryOperator::MyIntegerDivide => Err(differs(
            op,
            "integers divide to a DECIMAL in TiDB, and by zero to NULL; not so in DataFusion",
        )),
        BinaryOperator::StringConcat => {
            Err(differs("||", "it is OR in TiDB, and joins text in DataFusion"))
        }
        other => Err(differs(other, NOT_KNOWN)),
    }
}

/// Refuses a cast that cuts, or rounds, what DataFusion leaves as it is.
fn cast_to(expr: &Expr, to: &DataType) -> Result<()> {
    match to {
        DataType::Char(None)
        | DataType::Date
        | DataType::Decimal(_)
        | DataType::Double(_)
        | DataType::Signed
        | DataType::Unsigned => Ok(()),
        _ => Err(differs(expr, NOT_KNOWN)),
    }
}

/// Refuses a part of a time that the two count differently.
fn part(field: &DateTimeField) -> Result<()> {
    match field {
        DateTimeField::Year
        | DateTimeField::Quarter
        | DateTimeField::Month
        | DateTimeField::Day
        | DateTimeField::Hour
        | DateTimeField::Minute => Ok(()),
        other => Err(differs(format!("EXTRACT({other} …)"), NOT_KNOWN)),
    }
}

/// The whole number that a literal is.
fn whole(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        Expr::Nested(inner) => whole(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::parse::parse_view;
    use super::*;

    fn checked(select: &str) -> Result<String> {
        let mut statement = parse_view(select, 50)?;
        check(&mut statement)?;
        Ok(statement.to_string())
    }

    #[test]
    fn words_of_tidb_become_those_of_datafusion() {
        for (theirs, ours) in [
            ("SELECT _UTF8MB4'a',\"b\"", "SELECT 'a', 'b'"),
            ("SELECT CONCAT(`a`,_UTF8MB4'-',`b`) FROM `t`", "SELECT (`a` || '-' || `b`) FROM `t`"),
            ("SELECT YEAR(`d`),LENGTH(`s`)", "SELECT EXTRACT(YEAR FROM `d`), octet_length(`s`)"),
            ("SELECT IF(`a`>1,2,3)", "SELECT CASE WHEN `a` > 1 THEN 2 ELSE 3 END"),
            ("SELECT CAST(`a` AS SIGNED)", "SELECT CAST(`a` AS BIGINT)"),
            ("SELECT IFNULL(`a`,0)", "SELECT coalesce(`a`, 0)"),
            ("SELECT DATE_ADD(`d`, INTERVAL 1 DAY)", "SELECT (`d` + INTERVAL 1 DAY)"),
            ("SELECT REPLACE(`a`,_UTF8MB4'x',`b`)", "SELECT REPLACE(`a`, 'x', `b`)"),
            ("SELECT `a`%2,SUBSTR(`s`,1,3)", "SELECT `a` % 2, SUBSTR(`s`, 1, 3)"),
        ] {
            assert_eq!(checked(theirs).unwrap(), ours, "{theirs}");
        }
    }

    #[test]
    fn what_means_something_else_is_refused_by_name() {
        for (select, named) in [
            ("SELECT `a`||`b` FROM `t`", "||"),
            ("SELECT `a`/2 FROM `t`", "/"),
            ("SELECT `a` DIV 2 FROM `t`", "DIV"),
            ("SELECT `a`%`b` FROM `t`", "%"),
            ("SELECT `a`&1 FROM `t`", "&"),
            ("SELECT `a`^1 FROM `t`", "^"),
            ("SELECT 1e3", "1e3"),
            ("SELECT _BINARY'a'", "_BINARY"),
            ("SELECT CAST(`a` AS CHAR(2)) FROM `t`", "CHAR(2)"),
            ("SELECT CAST(`a` AS DATETIME) FROM `t`", "DATETIME"),
            ("SELECT x'61'", "'61'"),
            ("SELECT `a` COLLATE utf8mb4_general_ci FROM `t`", "COLLATE"),
            ("SELECT `a` FROM `t` WHERE `a` REGEXP 'x'", "REGEXP"),
            ("SELECT GROUP_CONCAT(`a`) FROM `t`", "GROUP_CONCAT"),
            ("SELECT NOW()", "NOW"),
            ("SELECT ROUND(`a`) FROM `t`", "ROUND"),
            ("SELECT UPPER(`a`) FROM `t`", "UPPER"),
            ("SELECT LOWER(`a`) FROM `t`", "LOWER"),
            ("SELECT UCASE(`a`) FROM `t`", "UCASE"),
            ("SELECT LCASE(`a`) FROM `t`", "LCASE"),
            ("SELECT DATE_ADD(`d`, INTERVAL 1.5 DAY) FROM `t`", "INTERVAL 1.5"),
            ("SELECT DATE_ADD(`d`, INTERVAL `a` DAY) FROM `t`", "INTERVAL `a`"),
            ("SELECT DATE_ADD(`d`, INTERVAL '1:30' MINUTE) FROM `t`", "INTERVAL '1:30'"),
            ("SELECT REPLACE(`a`,_UTF8MB4'',`b`) FROM `t`", "REPLACE"),
            ("SELECT `s`.`substr`(`a`) FROM `t`", "substr"),
            ("SELECT SUBSTR(`a`,-1) FROM `t`", "from the end"),
            ("SELECT (`a`,`b`) IN ((1,2)) FROM `t`", "(`a`, `b`)"),
            ("SELECT `a`,COUNT(1) FROM `t` GROUP BY `a` WITH ROLLUP", "WITH"),
            ("SELECT * FROM `t` AS OF TIMESTAMP '2024-01-01'", "AS OF TIMESTAMP"),
            ("UPDATE `t` SET `a` = 1", "no query"),
        ] {
            let error = checked(select).unwrap_err().to_string();
            assert!(error.contains(named), "{select}: {error}");
        }
    }
}
