//! What is read is what TiDB wrote.

use tifusion::AnalyzedTable;
use tifusion::statistics::{Distribution, HistogramId, StatsVersion};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::tidb::Tidb;

use super::{TRIES, analyze, histogram_id, int, statistics, table_id};

/// Columns of all types that have an index of their own, whose bounds TiDB writes as keys.
const INDEXED: [&str; 15] =
    ["i", "u", "f", "d", "dec1", "neg", "dt", "dtt", "ts", "tm", "y", "b", "vc", "vb", "ci"];

fn definition() -> String {
    let columns = "id INT PRIMARY KEY, i INT, u BIGINT UNSIGNED, f FLOAT, d DOUBLE, \
                   dec1 DECIMAL(10,2), neg DECIMAL(38,10), dt DATE, dtt DATETIME(3), ts TIMESTAMP(6), \
                   tm TIME(2), y YEAR, b BIT(10), e ENUM('x','y','z'), s SET('a','b','c'), \
                   vc VARCHAR(20), vb VARBINARY(20), ci VARCHAR(20) COLLATE utf8mb4_general_ci, \
                   j JSON, tx TEXT";
    let indexes = INDEXED.map(|column| format!("KEY i_{column} ({column})")).join(", ");
    format!("CREATE TABLE t ({columns}, {indexes}, KEY both2 (i, vc))")
}

async fn fill(tidb: &mut Tidb) {
    let row = |k: u32| {
        let n = k % 10;
        let day = k % 28 + 1;
        format!(
            "({k}, {n} - 5, {n} * 1000000000000000000, {n}.5, {n} * 1e100, {n}.25, \
             -{n}00000000000.0000000005, '2024-01-{day:02}', '2024-01-{day:02} 10:00:00.123', \
             '2024-01-{day:02} 10:00:00.123456', '-{n}:00:00.25', {}, b'1{}1', {}, {}, \
             'V{}é', 'b{}', 'Abc{} ', '[{n}]', 'tx{n}')",
            2000 + n,
            n % 2,
            n % 3 + 1,
            n % 7,
            k % 20,
            k % 20,
            k % 20,
        )
    };
    let rows: Vec<String> = (1..=60).map(row).collect();
    let nulls = vec!["NULL"; 19].join(", ");
    tidb.run([
        "SET sql_mode = ''".to_owned(),
        definition(),
        format!("INSERT INTO t VALUES {}, (100, {nulls})", rows.join(", ")),
    ])
    .await;
}

fn distribution(table: &AnalyzedTable, id: HistogramId) -> &Distribution {
    table.statistics().distribution(id).unwrap_or_else(|| panic!("no statistics of {id:?}"))
}

/// The numbers that TiDB has of each column and index.
async fn numbers(tidb: &mut Tidb, table_id: i128) -> Vec<Vec<Cell>> {
    tidb.query(&format!(
        "SELECT is_index, hist_id, distinct_count, null_count, tot_col_size, stats_ver \
         FROM mysql.stats_histograms WHERE table_id = {table_id} ORDER BY is_index, hist_id"
    ))
    .await
    .rows
}

/// Statistics of `t` as they are read, and TiDB's numbers of the same moment: TiDB writes rows for the columns of a new
/// table some time after it made it, also for those that `ANALYZE` leaves out.
async fn read(tidb: &mut Tidb, cluster: &Cluster, test: &str) -> (AnalyzedTable, Vec<Vec<Cell>>) {
    let id = table_id(tidb, test, "t").await;
    for _ in 0..TRIES {
        let heads = numbers(tidb, id).await;
        let table = statistics(cluster, test, "t").await;
        if numbers(tidb, id).await == heads {
            return (table, heads);
        }
    }
    panic!("the statistics of {test} did not come to rest");
}

/// Numbers of all columns and indexes together, and sums over their buckets and frequent values.
async fn check_numbers(
    tidb: &mut Tidb,
    table: &AnalyzedTable,
    table_id: i128,
    heads: &[Vec<Cell>],
) {
    for head in heads {
        let [is_index, id, ndv, nulls, size, version] =
            head.iter().map(int).collect::<Vec<_>>()[..]
        else {
            panic!("{head:?}")
        };
        let id = histogram_id(is_index, id);
        let ours = distribution(table, id);
        let theirs = (ndv, nulls, size, version);
        let summary = ours.summary;
        let numbers = (
            i128::from(summary.ndv),
            i128::from(summary.null_count),
            i128::from(summary.total_size),
            summary.version.map_or(0, |version| i128::from(version.number())),
        );
        assert_eq!(numbers, theirs, "{id:?}");
        let Some(values) = &ours.values else { continue };
        let (name, number) = match id {
            HistogramId::Column(id) => (0, id),
            HistogramId::Index(id) => (1, id),
        };
        let of = format!("table_id = {table_id} AND is_index = {name} AND hist_id = {number}");
        let buckets = format!(
            "SELECT CAST(COUNT(*) * 1000000 + COALESCE(SUM(count), 0) * 1000 + \
             COALESCE(SUM(LEAST(repeats, count)), 0) AS SIGNED) FROM mysql.stats_buckets WHERE {of}"
        );
        let repeats: u64 = values.histogram.buckets().iter().map(|bucket| bucket.repeats).sum();
        let mine = values.histogram.buckets().len() as u64 * 1_000_000
            + values.histogram.rows() * 1000
            + repeats;
        assert_eq!(i128::from(mine), tidb.number(&buckets).await, "buckets of {id:?}");
        // Version 1 has all members of an ENUM for one and the same.
        let top = format!(
            "SELECT CAST(COUNT(*) * 1000 + COALESCE(SUM(most), 0) AS SIGNED) FROM \
             (SELECT MAX(count) AS most FROM mysql.stats_top_n WHERE {of} GROUP BY value) x"
        );
        let mine = values.top.len() as u64 * 1000 + values.top.rows();
        assert_eq!(i128::from(mine), tidb.number(&top).await, "frequent values of {id:?}");
    }
}

/// Columns whose values are as an index over them alone has them.
fn check_keys(table: &AnalyzedTable, version: StatsVersion) {
    for name in INDEXED {
        let column = distribution(table, table.column(name).unwrap());
        let index = distribution(table, table.index(&format!("i_{name}")).unwrap());
        let (Some(of_column), Some(of_index)) = (&column.values, &index.values) else {
            panic!("no values of {name}")
        };
        let keys = |distribution: &Distribution| {
            let bounds = distribution.bounds().unwrap_or_else(|| panic!("no bounds of {name}"));
            (bounds.0.to_vec(), bounds.1.to_vec())
        };
        assert_eq!(keys(column), keys(index), "the ends of {name}");
        if version == StatsVersion::V2 {
            let keys = |values: &tifusion::statistics::Values| {
                values.top.values().iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()
            };
            assert_eq!(keys(of_column), keys(of_index), "the frequent values of {name}");
        }
        let sketches = of_column.sketch.is_some() && of_index.sketch.is_some();
        assert_eq!(sketches, version == StatsVersion::V1, "{name}");
    }
}

async fn judge(test: &str, shape: Shape, version: u8) {
    let Some(cluster) = Cluster::of(shape, test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    let options = if version == 2 { "WITH 3 TOPN, 4 BUCKETS" } else { "WITH 4 BUCKETS" };
    analyze(&mut tidb, shape, version, "t", options).await;
    let (table, heads) = read(&mut tidb, &cluster, test).await;
    let id = table_id(&mut tidb, test, "t").await;
    check_numbers(&mut tidb, &table, id, &heads).await;
    assert!(heads.len() >= 30, "{}", heads.len());
    check_keys(&table, if version == 2 { StatsVersion::V2 } else { StatsVersion::V1 });
    // What TiDB counted before it wrote that down is added some time later.
    let rows = table.statistics().rows.unwrap();
    assert!(rows == 61 || rows == 122, "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_version_2_are_those_that_tidb_wrote() {
    judge("stats_v2", Shape::default(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_version_1_are_those_that_tidb_wrote() {
    judge("stats_v1", Shape::default(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_an_old_tidb_are_those_that_it_wrote() {
    judge("stats_old_v1", Shape::old_generation(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_table_has_the_rows_of_its_partitions_and_statistics_of_the_whole() {
    let test = "stats_partitions";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    let rows: Vec<String> = (1..300).map(|k| format!("({k}, {})", k % 7)).collect();
    for mode in ["static", "dynamic"] {
        tidb.run([
            format!("SET tidb_partition_prune_mode = '{mode}'"),
            format!(
                "CREATE TABLE {mode} (id INT PRIMARY KEY, v INT, KEY (v)) PARTITION BY RANGE (id) \
                 (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (1000))"
            ),
            format!("INSERT INTO {mode} VALUES {}", rows.join(", ")),
        ])
        .await;
        analyze(&mut tidb, Shape::default(), 2, mode, "").await;
        let table = statistics(&cluster, test, mode).await;
        let rows = table.statistics().counted_rows();
        assert!(matches!(rows, Some(299..=598)), "{mode}: {rows:?}");
        let ndv = table.statistics().distinct_values(2);
        assert_eq!(ndv, (mode == "dynamic").then_some(7), "{mode}");
    }
}
