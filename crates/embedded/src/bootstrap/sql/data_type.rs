//! Data types.

use sqlparser::tokenizer::Token;

use super::super::error::Result;
use super::ast::TypeDef;
use super::cursor::Cursor;

/// Reads a data type with its attributes.
pub(super) fn parse(cursor: &mut Cursor) -> Result<TypeDef> {
    let mut data_type = TypeDef { name: name(cursor)?, ..TypeDef::default() };
    if matches!(data_type.name.as_str(), "enum" | "set") {
        data_type.elems = cursor.list(Cursor::text)?;
    } else if cursor.take_token(&Token::LParen) {
        data_type.length = Some(cursor.number()?);
        if cursor.take_token(&Token::Comma) {
            data_type.scale = Some(cursor.number()?);
        }
        cursor.expect_token(&Token::RParen)?;
    }
    loop {
        if cursor.take(&["UNSIGNED"]) {
            data_type.unsigned = true;
        } else if cursor.take(&["SIGNED"]) {
            data_type.unsigned = false;
        } else if cursor.take(&["ZEROFILL"]) {
            data_type.zerofill = true;
        } else if cursor.take(&["BINARY"]) {
            data_type.binary = true;
        } else if cursor.take(&["CHARACTER", "SET"]) || cursor.take(&["CHARSET"]) {
            data_type.charset = Some(cursor.name_or_text()?.to_ascii_lowercase());
        } else if cursor.take(&["COLLATE"]) {
            data_type.collate = Some(cursor.name_or_text()?.to_ascii_lowercase());
        } else {
            return Ok(data_type);
        }
    }
}

/// The type's name, synonyms of several words as one.
fn name(cursor: &mut Cursor) -> Result<String> {
    for (words, name) in [
        (&["DOUBLE", "PRECISION"][..], "double"),
        (&["CHARACTER", "VARYING"], "varchar"),
        (&["CHAR", "VARYING"], "varchar"),
        (&["NATIONAL", "CHARACTER", "VARYING"], "varchar"),
        (&["NATIONAL", "VARCHAR"], "varchar"),
        (&["NATIONAL", "CHARACTER"], "char"),
        (&["NATIONAL", "CHAR"], "char"),
        (&["CHAR", "BYTE"], "binary"),
        (&["LONG", "VARCHAR"], "mediumtext"),
        (&["LONG", "VARBINARY"], "mediumblob"),
    ] {
        if cursor.take(words) {
            return Ok(name.to_owned());
        }
    }
    let word = cursor.word()?;
    Ok(match word.as_str() {
        "integer" | "int4" => "int".to_owned(),
        "int1" => "tinyint".to_owned(),
        "int2" => "smallint".to_owned(),
        "int3" | "middleint" => "mediumint".to_owned(),
        "int8" => "bigint".to_owned(),
        "boolean" => "bool".to_owned(),
        "dec" | "numeric" | "fixed" => "decimal".to_owned(),
        "real" | "float8" => "double".to_owned(),
        "float4" => "float".to_owned(),
        "character" | "nchar" => "char".to_owned(),
        "nvarchar" => "varchar".to_owned(),
        _ => word,
    })
}
