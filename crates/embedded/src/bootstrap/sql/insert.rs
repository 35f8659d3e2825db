//! `INSERT` of literals.

use sqlparser::tokenizer::Token;

use super::super::error::Result;
use super::ast::{Insert, Value};
use super::cursor::Cursor;
use super::literal::{table_name, value};

/// Reads what follows `INSERT`.
pub(super) fn parse(cursor: &mut Cursor) -> Result<Insert> {
    cursor.take(&["INTO"]);
    let name = table_name(cursor)?;
    let columns =
        if *cursor.peek() == Token::LParen { Some(cursor.list(Cursor::name)?) } else { None };
    if !cursor.take(&["VALUES"]) {
        cursor.expect(&["VALUE"])?;
    }
    let mut rows = vec![row(cursor)?];
    while cursor.take_token(&Token::Comma) {
        rows.push(row(cursor)?);
    }
    Ok(Insert { name, columns, rows })
}

fn row(cursor: &mut Cursor) -> Result<Vec<Value>> {
    cursor.list(value)
}
