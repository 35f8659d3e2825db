//! `PARTITION BY`.

use sqlparser::tokenizer::Token;

use super::super::error::Result;
use super::ast::{PartitionDef, PartitionMethod, PartitionOf};
use super::cursor::Cursor;

/// Reads the partitioning, if it comes next.
pub(super) fn parse(cursor: &mut Cursor) -> Result<Option<PartitionDef>> {
    if !cursor.take(&["PARTITION", "BY"]) {
        return Ok(None);
    }
    let method = method(cursor)?;
    let count = if cursor.take(&["PARTITIONS"]) { Some(cursor.number()?) } else { None };
    if cursor.is(&["SUBPARTITION"]) {
        return Err(cursor.unsupported("partition of a partition"));
    }
    let partitions =
        if *cursor.peek() == Token::LParen { cursor.list(definition)? } else { Vec::new() };
    Ok(Some(PartitionDef { method, count, partitions }))
}

fn method(cursor: &mut Cursor) -> Result<PartitionMethod> {
    if cursor.take(&["RANGE", "COLUMNS"]) {
        cursor.list(Cursor::name).map(PartitionMethod::RangeColumns)
    } else if cursor.take(&["RANGE"]) {
        parenthesized(cursor).map(PartitionMethod::Range)
    } else if cursor.take(&["LIST", "COLUMNS"]) {
        cursor.list(Cursor::name).map(PartitionMethod::ListColumns)
    } else if cursor.take(&["LIST"]) {
        parenthesized(cursor).map(PartitionMethod::List)
    } else if cursor.take(&["HASH"]) {
        parenthesized(cursor).map(PartitionMethod::Hash)
    } else if cursor.take(&["KEY"]) {
        cursor.expect_token(&Token::LParen)?;
        let mut columns = Vec::new();
        while *cursor.peek() != Token::RParen {
            columns.push(cursor.name()?);
            cursor.take_token(&Token::Comma);
        }
        cursor.expect_token(&Token::RParen)?;
        Ok(PartitionMethod::Key(columns))
    } else {
        Err(cursor.unsupported("partitioning by"))
    }
}

fn parenthesized(cursor: &mut Cursor) -> Result<String> {
    cursor.expect_token(&Token::LParen)?;
    let text = cursor.expression()?;
    cursor.expect_token(&Token::RParen)?;
    Ok(text)
}

fn definition(cursor: &mut Cursor) -> Result<PartitionOf> {
    cursor.expect(&["PARTITION"])?;
    let mut partition = PartitionOf {
        name: cursor.name()?,
        less_than: Vec::new(),
        in_values: Vec::new(),
        comment: String::new(),
    };
    if cursor.take(&["VALUES", "LESS", "THAN"]) {
        partition.less_than = if cursor.take(&["MAXVALUE"]) {
            vec!["MAXVALUE".to_owned()]
        } else {
            cursor.list(Cursor::expression)?
        };
    } else if cursor.take(&["VALUES", "IN"]) {
        partition.in_values = cursor.list(|cursor| {
            if *cursor.peek() == Token::LParen {
                cursor.list(Cursor::expression)
            } else {
                Ok(vec![cursor.expression()?])
            }
        })?;
    } else if cursor.take(&["DEFAULT"]) {
        partition.in_values = vec![vec!["DEFAULT".to_owned()]];
    }
    loop {
        if cursor.take(&["COMMENT"]) {
            cursor.take_token(&Token::Eq);
            partition.comment = cursor.text()?;
        } else if cursor.take(&["ENGINE"]) {
            cursor.take_token(&Token::Eq);
            cursor.name_or_text()?;
        } else if matches!(cursor.peek(), Token::Comma | Token::RParen) {
            return Ok(partition);
        } else {
            return Err(cursor.unsupported("option of a partition"));
        }
    }
}
