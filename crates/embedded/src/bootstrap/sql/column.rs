//! Columns and their attributes.

use sqlparser::tokenizer::Token;

use super::super::error::Result;
use super::ast::{AutoRandom, ColumnDef, DefaultDef, KeyDef, KeyKind, KeyPart};
use super::cursor::Cursor;
use super::{data_type, literal};

/// Reads a column; keys it declares go to `keys`.
pub(super) fn parse(cursor: &mut Cursor, keys: &mut Vec<KeyDef>) -> Result<ColumnDef> {
    let name = cursor.name()?;
    let data_type = data_type::parse(cursor)?;
    let mut column = ColumnDef { name, data_type, ..ColumnDef::default() };
    while attribute(cursor, &mut column, keys)? {}
    Ok(column)
}

/// Reads an attribute; `false` if there is none.
fn attribute(cursor: &mut Cursor, column: &mut ColumnDef, keys: &mut Vec<KeyDef>) -> Result<bool> {
    if cursor.take(&["NOT", "NULL"]) {
        column.not_null = Some(true);
    } else if cursor.take(&["NULL"]) {
        column.not_null = Some(false);
    } else if cursor.take(&["DEFAULT"]) {
        column.default = Some(default(cursor)?);
    } else if cursor.take(&["ON", "UPDATE"]) {
        let fsp = now(cursor)?;
        column.on_update_now = Some(fsp.ok_or_else(|| cursor.unexpected("CURRENT_TIMESTAMP"))?);
    } else if cursor.take(&["AUTO_INCREMENT"]) {
        column.auto_increment = true;
    } else if cursor.take(&["AUTO_RANDOM"]) {
        column.auto_random = Some(auto_random(cursor)?);
    } else if cursor.take(&["PRIMARY", "KEY"]) || cursor.take(&["KEY"]) {
        let clustered = clustered(cursor);
        keys.push(key_of(&column.name, KeyKind::Primary, clustered));
    } else if cursor.take(&["UNIQUE"]) {
        cursor.take(&["KEY"]);
        let mut key = key_of(&column.name, KeyKind::Unique, None);
        key.global = cursor.take(&["GLOBAL"]);
        keys.push(key);
    } else if cursor.take(&["COMMENT"]) {
        column.comment = cursor.text()?;
    } else if cursor.take(&["COLLATE"]) {
        column.data_type.collate = Some(cursor.name_or_text()?.to_ascii_lowercase());
    } else if matches!(cursor.peek(), Token::Comma | Token::RParen) {
        return Ok(false);
    } else {
        return Err(cursor.unsupported(&format!("attribute of column {}", column.name)));
    }
    Ok(true)
}

fn key_of(column: &str, kind: KeyKind, clustered: Option<bool>) -> KeyDef {
    KeyDef {
        kind,
        name: None,
        columns: vec![KeyPart { column: column.to_owned(), length: None }],
        is_hash: false,
        comment: String::new(),
        invisible: false,
        global: false,
        clustered,
    }
}

/// `CLUSTERED` or `NONCLUSTERED`, if either comes next.
pub(super) fn clustered(cursor: &mut Cursor) -> Option<bool> {
    if cursor.take(&["CLUSTERED"]) {
        Some(true)
    } else if cursor.take(&["NONCLUSTERED"]) {
        Some(false)
    } else {
        None
    }
}

fn default(cursor: &mut Cursor) -> Result<DefaultDef> {
    if let Some(fsp) = now(cursor)? {
        return Ok(DefaultDef::Now(fsp));
    }
    if *cursor.peek() == Token::LParen {
        return Err(cursor.unsupported("an expression as default"));
    }
    literal::value(cursor).map(DefaultDef::Value)
}

/// `CURRENT_TIMESTAMP` and its synonyms, if they come next: the fraction digits.
fn now(cursor: &mut Cursor) -> Result<Option<u8>> {
    let names = ["CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"];
    if !names.iter().any(|name| cursor.take(&[name])) {
        return Ok(None);
    }
    let mut fsp = 0;
    if cursor.take_token(&Token::LParen) {
        if *cursor.peek() != Token::RParen {
            let digits = cursor.number()?;
            fsp = u8::try_from(digits)
                .ok()
                .filter(|fsp| *fsp <= 6)
                .ok_or_else(|| cursor.unexpected("up to 6 fraction digits"))?;
        }
        cursor.expect_token(&Token::RParen)?;
    }
    Ok(Some(fsp))
}

/// The bits of `AUTO_RANDOM`, 5 and 64 if nothing is said.
fn auto_random(cursor: &mut Cursor) -> Result<AutoRandom> {
    let mut bits = AutoRandom { shard_bits: 5, range_bits: 64 };
    if cursor.take_token(&Token::LParen) {
        bits.shard_bits = cursor.number()?;
        if cursor.take_token(&Token::Comma) {
            bits.range_bits = cursor.number()?;
        }
        cursor.expect_token(&Token::RParen)?;
    }
    Ok(bits)
}
