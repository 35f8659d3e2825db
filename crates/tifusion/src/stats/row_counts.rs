//! How many rows tables have, as TiDB tells where the tables of statistics are not read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tifusion_schema::stats::TableStatistics;

use super::need::Need;
use crate::error::Result;
use crate::sql_port::SqlPort;

/// How long a count is believed.
const FRESH: Duration = Duration::from_secs(30);

/// Most tables whose counts are kept.
const MOST: usize = 10_000;

/// Counts by tables' ids, and when they were asked for; `None` where TiDB knows none.
#[derive(Debug, Default)]
pub(crate) struct RowCounts {
    known: Mutex<HashMap<i64, (Instant, Option<u64>)>>,
}

impl RowCounts {
    /// What is known of tables, one for each of `needs` in their order, as far as it can be had in time.
    pub(crate) async fn load(
        &self,
        port: &SqlPort,
        needs: &[Need],
        now: Instant,
        patience: Duration,
    ) -> Vec<TableStatistics> {
        let mut wanted: Vec<i64> = needs.iter().map(|need| need.table.id).collect();
        wanted.sort_unstable();
        wanted.dedup();
        {
            let known = self.known.lock();
            wanted
                .retain(|id| known.get(id).is_none_or(|(at, _)| now.duration_since(*at) >= FRESH));
        }
        if !wanted.is_empty() {
            match tokio::time::timeout(patience, ask(port, &wanted)).await {
                Ok(Ok(counts)) => {
                    let mut known = self.known.lock();
                    if known.len() > MOST {
                        known.clear();
                    }
                    let count = |id: i64| (id, (now, counts.get(&id).copied()));
                    known.extend(wanted.into_iter().map(count));
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "TiDB tells no numbers of rows: plans go by guesses")
                }
                Err(_) => tracing::warn!(
                    ?patience,
                    "TiDB tells no numbers of rows in time: plans go by guesses"
                ),
            }
        }
        let known = self.known.lock();
        let statistics = |need: &Need| {
            let rows = known.get(&need.table.id).and_then(|(_, rows)| *rows);
            TableStatistics { rows, ..TableStatistics::unknown() }
        };
        needs.iter().map(statistics).collect()
    }
}

async fn ask(port: &SqlPort, ids: &[i64]) -> Result<HashMap<i64, u64>> {
    let mut session = port.reading_session(None).await?;
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let sql = format!(
        "SELECT TIDB_TABLE_ID, TABLE_ROWS FROM information_schema.TABLES WHERE TIDB_TABLE_ID IN ({})",
        ids.join(", ")
    );
    let rows = session.query("SELECT", &sql).await?.rows;
    let count = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        Some((cells.next()??.parse().ok()?, cells.next()??.parse().ok()?))
    };
    Ok(rows.into_iter().filter_map(count).collect())
}
