//! Options of tables and databases.

use sqlparser::tokenizer::Token;

use super::super::error::Result;
use super::ast::TableOptions;
use super::cursor::Cursor;

/// Reads the options of a table up to `PARTITION` or the end.
pub(super) fn parse(cursor: &mut Cursor) -> Result<TableOptions> {
    let mut options = TableOptions::default();
    while option(cursor, &mut options)? {
        cursor.take_token(&Token::Comma);
    }
    Ok(options)
}

fn option(cursor: &mut Cursor, options: &mut TableOptions) -> Result<bool> {
    if let Some(charset) = charset(cursor)? {
        options.charset = Some(charset);
    } else if let Some(collate) = collate(cursor)? {
        options.collate = Some(collate);
    } else if cursor.take(&["COMMENT"]) {
        cursor.take_token(&Token::Eq);
        options.comment = cursor.text()?;
    } else if cursor.take(&["AUTO_INCREMENT"]) {
        options.auto_increment = Some(number(cursor)?);
    } else if cursor.take(&["AUTO_ID_CACHE"]) {
        options.auto_id_cache = Some(number(cursor)?);
    } else if cursor.take(&["AUTO_RANDOM_BASE"]) {
        options.auto_random_base = Some(number(cursor)?);
    } else if cursor.take(&["SHARD_ROW_ID_BITS"]) {
        options.shard_row_id_bits = Some(number(cursor)?);
    } else if cursor.take(&["PRE_SPLIT_REGIONS"]) {
        options.pre_split_regions = Some(number(cursor)?);
    } else if cursor.take(&["ENGINE"]) || cursor.take(&["ROW_FORMAT"]) {
        // MySQL's storage engines: TiDB has one, and reads and drops these.
        cursor.take_token(&Token::Eq);
        cursor.name_or_text()?;
    } else if cursor.is_end() || *cursor.peek() == Token::SemiColon || cursor.is(&["PARTITION"]) {
        return Ok(false);
    } else {
        return Err(cursor.unsupported("table option"));
    }
    Ok(true)
}

fn number(cursor: &mut Cursor) -> Result<u64> {
    cursor.take_token(&Token::Eq);
    cursor.number()
}

/// `[DEFAULT] CHARACTER SET [=] name`, if it comes next.
pub(super) fn charset(cursor: &mut Cursor) -> Result<Option<String>> {
    let found = [
        &["DEFAULT", "CHARACTER", "SET"][..],
        &["DEFAULT", "CHARSET"],
        &["CHARACTER", "SET"],
        &["CHARSET"],
    ]
    .iter()
    .any(|words| cursor.take(words));
    value(cursor, found)
}

/// `[DEFAULT] COLLATE [=] name`, if it comes next.
pub(super) fn collate(cursor: &mut Cursor) -> Result<Option<String>> {
    let found = cursor.take(&["DEFAULT", "COLLATE"]) || cursor.take(&["COLLATE"]);
    value(cursor, found)
}

fn value(cursor: &mut Cursor, found: bool) -> Result<Option<String>> {
    if !found {
        return Ok(None);
    }
    cursor.take_token(&Token::Eq);
    Ok(Some(cursor.name_or_text()?.to_ascii_lowercase()))
}
