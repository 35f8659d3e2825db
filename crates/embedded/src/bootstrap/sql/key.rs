//! Keys of a table.

use sqlparser::tokenizer::Token;

use super::super::error::Result;
use super::ast::{KeyDef, KeyKind, KeyPart};
use super::column::clustered;
use super::cursor::Cursor;

/// Reads a key, if one comes next.
pub(super) fn parse(cursor: &mut Cursor) -> Result<Option<KeyDef>> {
    let mut name = None;
    if cursor.take(&["CONSTRAINT"]) && !is_kind(cursor) {
        name = Some(cursor.name()?);
    }
    let kind = if cursor.take(&["PRIMARY", "KEY"]) {
        KeyKind::Primary
    } else if cursor.take(&["UNIQUE"]) {
        let _ = cursor.take(&["KEY"]) || cursor.take(&["INDEX"]);
        KeyKind::Unique
    } else if cursor.take(&["KEY"]) || cursor.take(&["INDEX"]) {
        KeyKind::Index
    } else if name.is_some() || is_unknown(cursor) {
        return Err(cursor.unsupported("constraint"));
    } else {
        return Ok(None);
    };
    // A name of its own wins over that of the constraint.
    if !matches!(cursor.peek(), Token::LParen) && !cursor.is(&["USING"]) {
        name = Some(cursor.name()?);
    }
    let mut key = KeyDef {
        kind,
        name,
        columns: Vec::new(),
        is_hash: false,
        comment: String::new(),
        invisible: false,
        global: false,
        clustered: None,
    };
    using(cursor, &mut key)?;
    key.columns = cursor.list(part)?;
    while option(cursor, &mut key)? {}
    Ok(Some(key))
}

fn is_kind(cursor: &Cursor) -> bool {
    ["PRIMARY", "UNIQUE", "KEY", "INDEX", "FOREIGN", "CHECK"].iter().any(|word| cursor.is(&[word]))
}

fn is_unknown(cursor: &Cursor) -> bool {
    [
        &["FOREIGN", "KEY"][..],
        &["CHECK"],
        &["FULLTEXT"],
        &["SPATIAL"],
        &["VECTOR", "INDEX"],
        &["VECTOR", "KEY"],
        &["COLUMNAR"],
    ]
    .iter()
    .any(|words| cursor.is(words))
}

fn part(cursor: &mut Cursor) -> Result<KeyPart> {
    if *cursor.peek() == Token::LParen {
        return Err(cursor.unsupported("an expression in a key"));
    }
    let column = cursor.name()?;
    let length =
        if *cursor.peek() == Token::LParen { Some(cursor.number_in_parens()?) } else { None };
    if cursor.is(&["DESC"]) {
        // TiDB reads it and keeps the index ascending.
        return Err(cursor.unsupported("order of a key's column"));
    }
    cursor.take(&["ASC"]);
    Ok(KeyPart { column, length })
}

fn using(cursor: &mut Cursor, key: &mut KeyDef) -> Result<bool> {
    if !cursor.take(&["USING"]) {
        return Ok(false);
    }
    if cursor.take(&["HASH"]) {
        key.is_hash = true;
    } else if !cursor.take(&["BTREE"]) {
        return Err(cursor.unsupported("kind of index"));
    }
    Ok(true)
}

fn option(cursor: &mut Cursor, key: &mut KeyDef) -> Result<bool> {
    if using(cursor, key)? {
        return Ok(true);
    }
    if let Some(is_clustered) = clustered(cursor) {
        key.clustered = Some(is_clustered);
    } else if cursor.take(&["COMMENT"]) {
        key.comment = cursor.text()?;
    } else if cursor.take(&["INVISIBLE"]) {
        key.invisible = true;
    } else if cursor.take(&["VISIBLE"]) || cursor.take(&["LOCAL"]) {
        // As without.
    } else if cursor.take(&["GLOBAL"]) {
        key.global = true;
    } else if matches!(cursor.peek(), Token::Comma | Token::RParen) {
        return Ok(false);
    } else {
        return Err(cursor.unsupported("option of a key"));
    }
    Ok(true)
}
