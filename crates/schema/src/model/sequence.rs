//! Sequences.

use super::go_json::go_struct;

go_struct! {
    /// What makes a table a sequence (`model.SequenceInfo`).
    pub struct SequenceInfo {
        /// `START WITH`.
        "sequence_start" => pub start: i64,
        /// Whether values are handed out in batches.
        "sequence_cache" => pub cache: bool,
        /// Whether it starts again at its end.
        "sequence_cycle" => pub cycle: bool,
        /// `MINVALUE`.
        "sequence_min_value" => pub min_value: i64,
        /// `MAXVALUE`.
        "sequence_max_value" => pub max_value: i64,
        /// `INCREMENT BY`.
        "sequence_increment" => pub increment: i64,
        /// Values in a batch.
        "sequence_cache_value" => pub cache_value: i64,
        /// Its comment.
        "sequence_comment" => pub comment: String,
    }
}
