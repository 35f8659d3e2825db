//! Whole statements.

use sqlparser::tokenizer::Token;

use super::super::error::Result;
use super::ast::{CreateDatabase, CreateTable, Statement};
use super::cursor::Cursor;
use super::literal::table_name;
use super::{column, insert, key, option, partition};

/// Reads statements separated by semicolons.
///
/// # Errors
/// [`BootstrapError::Syntax`](super::super::error::BootstrapError::Syntax) and
/// [`BootstrapError::Unsupported`](super::super::error::BootstrapError::Unsupported), for the first
/// that is not known.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>> {
    let mut cursor = Cursor::new(text)?;
    let mut statements = Vec::new();
    loop {
        while cursor.take_token(&Token::SemiColon) {}
        if cursor.is_end() {
            return Ok(statements);
        }
        statements.push(statement(&mut cursor)?);
        if !cursor.is_end() {
            cursor.expect_token(&Token::SemiColon)?;
        }
    }
}

fn statement(cursor: &mut Cursor) -> Result<Statement> {
    if cursor.take(&["CREATE", "DATABASE"]) || cursor.take(&["CREATE", "SCHEMA"]) {
        return create_database(cursor).map(Statement::CreateDatabase);
    }
    if cursor.take(&["CREATE", "TABLE"]) {
        return create_table(cursor).map(|table| Statement::CreateTable(Box::new(table)));
    }
    if cursor.take(&["USE"]) {
        return cursor.name().map(Statement::Use);
    }
    if cursor.take(&["INSERT"]) {
        return insert::parse(cursor).map(Statement::Insert);
    }
    Err(cursor.unsupported("statement"))
}

fn create_database(cursor: &mut Cursor) -> Result<CreateDatabase> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.name()?;
    let mut database = CreateDatabase { name, if_not_exists, charset: None, collate: None };
    loop {
        if let Some(charset) = option::charset(cursor)? {
            database.charset = Some(charset);
        } else if let Some(collate) = option::collate(cursor)? {
            database.collate = Some(collate);
        } else if cursor.is_end() || *cursor.peek() == Token::SemiColon {
            return Ok(database);
        } else {
            return Err(cursor.unsupported("option of a database"));
        }
    }
}

fn create_table(cursor: &mut Cursor) -> Result<CreateTable> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = table_name(cursor)?;
    let (mut columns, mut keys, mut column_keys) = (Vec::new(), Vec::new(), Vec::new());
    cursor.expect_token(&Token::LParen)?;
    loop {
        match key::parse(cursor)? {
            Some(key) => keys.push(key),
            None => columns.push(column::parse(cursor, &mut column_keys)?),
        }
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    keys.append(&mut column_keys);
    let options = option::parse(cursor)?;
    let partition = partition::parse(cursor)?;
    Ok(CreateTable { name, if_not_exists, columns, keys, options, partition })
}
