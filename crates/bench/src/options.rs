//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use tifusion_testkit::tpch;

/// TPC-H side by side: TiFusion, TiDB by its SQL port, `DataFusion` on Parquet, and TiSpark.
#[derive(Debug, Parser)]
#[command(name = "tifusion-bench")]
pub(crate) struct Options {
    /// TPC-H's scale factor: 1 is a gigabyte
    #[arg(long, default_value_t = 0.1)]
    pub(crate) scale: f64,
    /// Rounds whose medians count; one more comes first, to warm all sides
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Numbers of the queries, separated by commas; all 22 without it
    #[arg(long, value_delimiter = ',')]
    query: Vec<usize>,
    /// A region of the playground is split above one and a half times these bytes
    #[arg(long)]
    pub(crate) region_size: Option<u64>,
    /// Bytes of answers that the connector may keep (`coprocessor.cache_size`); its default without it
    #[arg(long)]
    pub(crate) cache: Option<u64>,
    /// Measure TiSpark too: a folder with Spark's and TiSpark's jars, or a class path of them
    #[arg(long)]
    pub(crate) tispark: Option<OsString>,
    /// Print how TiFusion and TiDB answer the queries (`EXPLAIN ANALYZE`) instead
    #[arg(long)]
    pub(crate) explain: bool,
    /// Measure the cost as work grows instead: the scale's data and ten times as much, in up to a hundred regions
    #[arg(long)]
    pub(crate) growth: bool,
    /// Measure processes from their start to their first row instead, in a cluster with so many tables
    #[arg(long)]
    pub(crate) tables: Option<usize>,
    /// Be such a process: PD's address
    #[arg(long, hide = true, requires = "cache_dir")]
    pub(crate) one_row: Option<String>,
    /// Its name cache
    #[arg(long, hide = true)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Draw the figures into this file (SVG)
    #[arg(long)]
    pub(crate) picture: Option<PathBuf>,
}

impl Options {
    /// The queries to measure.
    pub(crate) fn queries(&self) -> Vec<usize> {
        let all = 1..=tpch::QUERIES;
        if self.query.is_empty() {
            return all.collect();
        }
        all.filter(|number| self.query.contains(number)).collect()
    }
}
