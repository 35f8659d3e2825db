//! What stands around the list of columns.

use tifusion_codec::field_type::flag;

use super::column::{table_charset, table_collation};
use super::{Surroundings, Words, quote};
use crate::model::TableInfo;
use crate::model::state::{TableCacheStatus, TempTableType};
use crate::model::table_option::TtlInfo;

/// How often TiDB 6.5 looked for rows that have expired, which did not write it down.
const OLD_TTL_JOB_INTERVAL: &str = "1h";

/// The words before the name.
pub(super) fn create(table: &TableInfo) -> Words {
    Ok(match table.temp_table_type {
        TempTableType::None => "CREATE TABLE",
        TempTableType::Global => "CREATE GLOBAL TEMPORARY TABLE",
        TempTableType::Local => "CREATE TEMPORARY TABLE",
        TempTableType::Other(kind) => return Err(format!("temporary tables of kind {kind}")),
    }
    .to_owned())
}

/// The words behind the list of columns.
pub(super) fn options(table: &TableInfo, around: &Surroundings<'_>) -> Words {
    let (charset, collation) = (table_charset(table), table_collation(table));
    let mut text = format!(" ENGINE=InnoDB DEFAULT CHARSET={charset}");
    if !collation.is_empty() && collation != "binary" {
        text.push_str(&format!(" COLLATE={collation}"));
    }
    if !table.compression.is_empty() {
        text.push_str(&format!(" COMPRESSION='{}'", table.compression));
    }
    text.push_str(&ids(table, around));
    if !table.comment.is_empty() {
        text.push_str(&format!(" COMMENT={}", quote::text(&table.comment)));
    }
    if table.temp_table_type == TempTableType::Global {
        text.push_str(" ON COMMIT DELETE ROWS");
    }
    if let Some(policy) = &table.placement_policy {
        let policy = quote::name(&policy.name.original);
        text.push_str(&format!(" /*T![placement] PLACEMENT POLICY={policy} */"));
    }
    if table.cache_status == TableCacheStatus::Enable {
        text.push_str(" /* CACHED ON */");
    }
    if let Some(ttl) = &table.ttl {
        text.push_str(&expiry(ttl)?);
    }
    Ok(text)
}

/// How rows get their numbers.
fn ids(table: &TableInfo, around: &Surroundings<'_>) -> String {
    let mut text = String::new();
    let counts = |column: &&crate::model::ColumnInfo| {
        column.is_visible() && column.has_flag(flag::AUTO_INCREMENT)
    };
    if table.columns.iter().any(|column| counts(&column)) {
        match around.next.auto_increment {
            Some(next) if next > 1 => text.push_str(&format!(" AUTO_INCREMENT={next}")),
            Some(_) => {}
            None => text.push_str(" /* AUTO_INCREMENT: only the TiDB servers know */"),
        }
    }
    if table.auto_id_cache != 0 {
        let cache = table.auto_id_cache;
        text.push_str(&format!(" /*T![auto_id_cache] AUTO_ID_CACHE={cache} */"));
    }
    if table.auto_random_bits > 0 && around.next.auto_random > 1 {
        let next = around.next.auto_random;
        text.push_str(&format!(" /*T![auto_rand_base] AUTO_RANDOM_BASE={next} */"));
    }
    let regions = table.pre_split_regions;
    if table.shard_row_id_bits > 0 {
        text.push_str(&format!(" /*T! SHARD_ROW_ID_BITS={} ", table.shard_row_id_bits));
        if regions > 0 {
            text.push_str(&format!("PRE_SPLIT_REGIONS={regions} "));
        }
        text.push_str("*/");
    }
    if table.auto_random_bits > 0 && regions > 0 {
        text.push_str(&format!(" /*T! PRE_SPLIT_REGIONS={regions} */"));
    }
    text
}

/// When rows expire.
fn expiry(ttl: &TtlInfo) -> Words {
    let column = quote::name(&ttl.column.original);
    let unit = time_unit(ttl.interval_time_unit)
        .ok_or_else(|| format!("TTL with time unit {}", ttl.interval_time_unit))?;
    let enabled = if ttl.enable { "ON" } else { "OFF" };
    let every = match ttl.job_interval.as_str() {
        "" => OLD_TTL_JOB_INTERVAL,
        every => every,
    };
    Ok(format!(
        " /*T![ttl] TTL={column} + INTERVAL {} {unit} */ /*T![ttl] TTL_ENABLE='{enabled}' */ \
         /*T![ttl] TTL_JOB_INTERVAL='{every}' */",
        ttl.interval_expr
    ))
}

/// The parser's number of a unit.
fn time_unit(number: i64) -> Option<&'static str> {
    Some(match number {
        1 => "MICROSECOND",
        2 => "SECOND",
        3 => "MINUTE",
        4 => "HOUR",
        5 => "DAY",
        6 => "WEEK",
        7 => "MONTH",
        8 => "QUARTER",
        9 => "YEAR",
        _ => return None,
    })
}
