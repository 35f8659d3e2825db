//! Metadata as TiDB writes it: the JSON of Go, field for field in its order.

use std::fmt::{Display, Write};

use tifusion_codec::FieldType;
use tifusion_schema::model::state::IndexType;
use tifusion_schema::model::value::DefaultLiteral;
use tifusion_schema::model::{
    CiStr, ColumnInfo, IndexColumn, IndexInfo, PartitionDefinition, PartitionInfo, PartitionType,
    SchemaState, TableInfo, TiFlashReplica,
};

/// An object under construction.
struct Object {
    out: String,
}

impl Object {
    fn new() -> Self {
        Self { out: "{".to_owned() }
    }

    /// Adds a member whose value is JSON, a number or a boolean.
    fn put(mut self, key: &str, value: impl Display) -> Self {
        let comma = if self.out.len() > 1 { "," } else { "" };
        // Writing to a string can't fail.
        let _ = write!(self.out, "{comma}\"{key}\":{value}");
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.put(key, quoted(value))
    }

    fn name(self, key: &str, value: &CiStr) -> Self {
        self.put(key, name(value))
    }

    fn nulls(self, keys: &[&str]) -> Self {
        keys.iter().fold(self, |object, key| object.put(key, "null"))
    }

    fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

/// A string as Go's JSON has it: what HTML or JavaScript could take for something else is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn name(name: &CiStr) -> String {
    Object::new().text("O", &name.original).text("L", &name.lower).finish()
}

/// A list, `null` if it is empty, as Go writes one that was never filled.
fn list<T>(items: &[T], one: impl Fn(&T) -> String) -> String {
    if items.is_empty() {
        return "null".to_owned();
    }
    format!("[{}]", items.iter().map(one).collect::<Vec<_>>().join(","))
}

/// The JSON of a database.
pub(super) fn database(id: i64, db_name: &CiStr, charset: &str, collate: &str) -> String {
    Object::new()
        .put("id", id)
        .name("db_name", db_name)
        .text("charset", charset)
        .text("collate", collate)
        .put("Deprecated", "{}")
        .put("state", 5)
        .put("policy_ref_info", "null")
        .finish()
}

/// The JSON of a schema change that made a database (`type` 1) or a table (`type` 3).
pub(super) fn schema_diff(version: i64, kind: u8, schema_id: i64, table_id: i64) -> String {
    Object::new()
        .put("version", version)
        .put("type", kind)
        .put("schema_id", schema_id)
        .put("table_id", table_id)
        .put("old_table_id", 0)
        .put("old_schema_id", 0)
        .put("regenerate_schema_map", false)
        .put("affected_options", "null")
        .finish()
}

/// The JSON of a table that was just made: what only later changes could set is as TiDB has it then.
pub(super) fn table(table: &TableInfo) -> String {
    let null = || "null".to_owned();
    let partition = table.partition.as_ref().map_or_else(null, partition);
    let replica = table.tiflash_replica.as_ref().map_or_else(null, tiflash_replica);
    Object::new()
        .put("id", table.id)
        .name("name", &table.name)
        .text("charset", &table.charset)
        .text("collate", &table.collate)
        .put("cols", list(&table.columns, column))
        .put("index_info", list(&table.indices, index))
        .nulls(&["constraint_info", "fk_info"])
        .put("state", state(table.state))
        .put("pk_is_handle", table.pk_is_handle)
        .put("is_common_handle", table.is_common_handle)
        .put("common_handle_version", table.common_handle_version)
        .text("comment", &table.comment)
        .put("auto_inc_id", table.auto_inc_id)
        .put("auto_id_cache", table.auto_id_cache)
        .put("auto_rand_id", table.auto_rand_id)
        .put("max_col_id", table.max_column_id)
        .put("max_idx_id", table.max_index_id)
        .put("max_fk_id", 0)
        .put("max_cst_id", 0)
        .put("update_timestamp", table.update_ts)
        .put("ShardRowIDBits", table.shard_row_id_bits)
        .put("max_shard_row_id_bits", table.max_shard_row_id_bits)
        .put("auto_random_bits", table.auto_random_bits)
        .put("auto_random_range_bits", table.auto_random_range_bits)
        .put("pre_split_regions", table.pre_split_regions)
        .put("partition", partition)
        .text("compression", "")
        .nulls(&["view", "sequence", "Lock"])
        .put("version", table.version)
        .put("tiflash_replica", replica)
        .put("is_columnar", false)
        .put("temp_table_type", 0)
        .put("cache_table_status", 0)
        .nulls(&["policy_ref_info", "stats_options", "exchange_partition_info", "ttl_info"])
        .put("revision", table.revision)
        .finish()
}

fn tiflash_replica(replica: &TiFlashReplica) -> String {
    Object::new()
        .put("Count", replica.count)
        .put("LocationLabels", list(&replica.location_labels, |label| quoted(label)))
        .put("Available", replica.available)
        .put("AvailablePartitionIDs", list(&replica.available_partition_ids, i64::to_string))
        .finish()
}

/// A state as a number: only what is public is made here.
fn state(state: SchemaState) -> u8 {
    if state.is_public() { 5 } else { 0 }
}

fn column(column: &ColumnInfo) -> String {
    let bit = column
        .default_bit
        .as_ref()
        .map_or_else(|| "null".to_owned(), |bytes| quoted(&base64(&bytes.0)));
    let default = match &column.default {
        Some(DefaultLiteral::Text(text)) => quoted(text),
        _ => "null".to_owned(),
    };
    Object::new()
        .put("id", column.id)
        .name("name", &column.name)
        .put("offset", column.offset)
        .nulls(&["origin_default", "origin_default_bit"])
        .put("default", default)
        .put("default_bit", bit)
        .put("default_is_expr", false)
        .text("generated_expr_string", "")
        .put("generated_stored", false)
        .put("dependences", "null")
        .put("type", field_type(&column.field_type))
        .put("state", state(column.state))
        .text("comment", &column.comment)
        .put("hidden", false)
        .put("change_state_info", "null")
        .put("version", column.version)
        .finish()
}

fn field_type(field_type: &FieldType) -> String {
    Object::new()
        .put("Tp", field_type.tp)
        .put("Flag", field_type.flag)
        .put("Flen", field_type.flen)
        .put("Decimal", field_type.decimal)
        .text("Charset", &field_type.charset)
        .text("Collate", &field_type.collate)
        .put("Elems", list(&field_type.elems, |elem| quoted(elem)))
        .put("ElemsIsBinaryLit", "null")
        .put("Array", false)
        .finish()
}

fn index(index: &IndexInfo) -> String {
    let kind = match index.index_type {
        IndexType::Hash => 2,
        _ => 1,
    };
    Object::new()
        .put("id", index.id)
        .name("idx_name", &index.name)
        .name("tbl_name", &index.table)
        .put("idx_cols", list(&index.columns, index_column))
        .put("state", state(index.state))
        .put("backfill_state", 0)
        .text("comment", &index.comment)
        .put("index_type", kind)
        .put("is_unique", index.unique)
        .put("is_primary", index.primary)
        .put("is_invisible", index.invisible)
        .put("is_global", index.global)
        .put("mv_index", false)
        .nulls(&["vector_index", "inverted_index", "full_text_index"])
        .finish()
}

fn index_column(column: &IndexColumn) -> String {
    Object::new()
        .name("name", &column.name)
        .put("offset", column.offset)
        .put("length", column.length)
        .finish()
}

fn partition(info: &PartitionInfo) -> String {
    let kind = match info.partition_type {
        PartitionType::Range => 1,
        PartitionType::Hash => 2,
        PartitionType::List => 3,
        PartitionType::Key => 4,
        _ => 0,
    };
    Object::new()
        .put("type", kind)
        .text("expr", &info.expr)
        .put("columns", list(&info.columns, name))
        .put("enable", info.enable)
        .put("is_empty_columns", info.is_empty_columns)
        .put("definitions", list(&info.definitions, definition))
        .nulls(&["adding_definitions", "dropping_definitions", "states"])
        .put("num", info.num)
        .put("ddl_state", 0)
        .finish()
}

fn definition(definition: &PartitionDefinition) -> String {
    let values = |values: &Vec<String>| list(values, |value| quoted(value));
    let object = Object::new()
        .put("id", definition.id)
        .name("name", &definition.name)
        .put("less_than", list(&definition.less_than, |value| quoted(value)))
        .put("in_values", list(&definition.in_values, values))
        .put("policy_ref_info", "null");
    if definition.comment.is_empty() {
        return object.finish();
    }
    object.text("comment", &definition.comment).finish()
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().skip(1).zip(chunk) {
            *to = *from;
        }
        let word = u32::from_be_bytes(word);
        for at in 0..4 {
            let digit = usize::try_from(word >> (18 - 6 * at) & 63).unwrap_or(0);
            let digit = DIGITS.get(digit).copied().map_or('=', char::from);
            out.push(if at <= u32::try_from(chunk.len()).unwrap_or(0) { digit } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_fills_the_last_group_up() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"\x05", "BQ=="),
            (b"\x01\x02", "AQI="),
            (b"\x01\x02\x03", "AQID"),
            (b"\xfb\xff\xbf\xfa", "+/+/+g=="),
        ] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        assert_eq!(
            quoted("a\"b\\c<&>\n\u{1}é\u{2028}"),
            r#""a\"b\\c\u003c\u0026\u003e\n\u0001é\u2028""#
        );
    }
}
