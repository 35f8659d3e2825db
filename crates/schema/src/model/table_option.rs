//! Options of a table that have a description of their own.

use super::ci_str::CiStr;
use super::go_json::go_struct;

go_struct! {
    /// When rows of a table expire (`model.TTLInfo`).
    pub struct TtlInfo {
        /// The column that holds a row's time.
        "column" => pub column: CiStr,
        /// How long a row lives, a SQL expression.
        "interval_expr" => pub interval_expr: String,
        /// The unit of that, TiDB's number of it.
        "interval_time_unit" => pub interval_time_unit: i64,
        /// Whether TiDB deletes expired rows.
        "enable" => pub enable: bool,
        /// How often it does; empty for every hour.
        "job_interval" => pub job_interval: String,
    }
}

go_struct! {
    /// A running `EXCHANGE PARTITION` (`model.ExchangePartitionInfo`).
    pub struct ExchangePartitionInfo {
        /// Id of the other table.
        "exchange_partition_id" => pub table_id: i64,
        /// Id of the partition.
        "exchange_partition_def_id" => pub partition_id: i64,
    }
    ignored ["exchange_partition_flag"]
}

go_struct! {
    /// A `LOCK TABLES` (`model.TableLockInfo`).
    pub struct TableLock {
        /// The kind of lock, TiDB's number of it.
        "Tp" => pub lock_type: u8,
        /// The sessions that hold it.
        "Sessions" => pub sessions: Vec<LockSession>,
        /// 0 none, 1 on its way, 2 in force.
        "State" => pub state: u8,
        /// When it was taken, a timestamp of the store.
        "TS" => pub ts: u64,
    }
}

go_struct! {
    /// A session that holds a table's lock.
    pub struct LockSession {
        /// Its TiDB server.
        "ServerID" => pub server_id: String,
        /// Its number there.
        "SessionID" => pub session_id: u64,
    }
}
