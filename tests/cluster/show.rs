//! `SHOW CREATE TABLE`, `SHOW INDEX`, `SHOW STATS`: word for word what TiDB says.

use std::time::{Duration, Instant};

use tifusion::ErrorKind;
use tifusion_testkit::cell::{Cell, Rows};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

async fn connect(test: &str, settings: &[(&str, &str)]) -> Option<(Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    let connector = Connector::connect(&cluster, settings).await;
    connector.use_database(test).await;
    Some((tidb, connector))
}

/// All tables, views and sequences of the current database, by name.
async fn tables(tidb: &mut Tidb) -> Vec<String> {
    let tables = tidb.query("SHOW TABLES").await;
    tables.rows.iter().map(|row| row[0].plain()).collect()
}

fn texts(rows: &Rows) -> Vec<Vec<String>> {
    rows.rows.iter().map(|row| row.iter().map(Cell::plain).collect()).collect()
}

/// Makes tables by these statements and compares what both sides show of each.
async fn show_create_agrees<S: AsRef<str>>(
    test: &str,
    settings: &[(&str, &str)],
    statements: impl IntoIterator<Item = S>,
) {
    let Some((mut tidb, connector)) = connect(test, settings).await else { return };
    tidb.run(["SET time_zone = '+00:00'"]).await;
    if let Some((_, zone)) = settings.iter().find(|(key, _)| *key == "time_zone") {
        tidb.run([format!("SET time_zone = '{zone}'")]).await;
    }
    tidb.run(statements).await;
    let mut wrong = Vec::new();
    for table in tables(&mut tidb).await {
        let table = table.replace('`', "``");
        let theirs = tidb.query(&format!("SHOW CREATE TABLE `{table}`")).await;
        match connector.try_query(&format!("SHOW CREATE TABLE `{table}`")).await {
            Ok(ours) if (&ours.columns, texts(&ours)) == (&theirs.columns, texts(&theirs)) => {}
            Ok(ours) => wrong.push(format!(
                "{table}:\n  ours {:?} {:#?}\ntheirs {:?} {:#?}",
                ours.columns,
                texts(&ours),
                theirs.columns,
                texts(&theirs)
            )),
            Err(error) => wrong.push(format!("{table}: {error}\ntheirs {:?}", texts(&theirs))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_every_type_are_shown_as_tidb_does() {
    let statements = [
        "CREATE TABLE numbers (
            a TINYINT, b TINYINT(1), c BOOL, d TINYINT UNSIGNED, e SMALLINT(5) ZEROFILL,
            f MEDIUMINT, g INT(11), h INT(7) ZEROFILL, i BIGINT UNSIGNED, j BIGINT(20) NOT NULL,
            k FLOAT, l FLOAT(7,3), m FLOAT(40), n DOUBLE, o DOUBLE(10,2) UNSIGNED, p REAL,
            q DECIMAL, r DECIMAL(10), s DECIMAL(65,30), t NUMERIC(5,2) UNSIGNED ZEROFILL,
            u BIT, v BIT(17), w SERIAL)",
        "CREATE TABLE texts (
            a CHAR, b CHAR(10), c VARCHAR(20), d VARBINARY(20), e BINARY, f BINARY(16),
            g TINYTEXT, h TEXT, i MEDIUMTEXT, j LONGTEXT, k TINYBLOB, l BLOB, m MEDIUMBLOB,
            n LONGBLOB, o TEXT(10), p BLOB(300), q JSON, r ENUM('a', 'it''s', 'b,c'), s SET('x', 'y'),
            t CHAR(0), u VARCHAR(5) COMMENT 'o''clock \\\\ \n end', v NCHAR(3))",
        "CREATE TABLE times (
            a DATE, b DATETIME, c DATETIME(6), d TIME, e TIME(3), f YEAR, g TIMESTAMP,
            h TIMESTAMP(2) NULL, i TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            j TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
            k DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
        "CREATE TABLE defaults (
            a INT DEFAULT 5, b INT NOT NULL DEFAULT -7, c BIGINT UNSIGNED DEFAULT 18446744073709551615,
            d DECIMAL(10,3) DEFAULT 1.5, e DOUBLE DEFAULT 1e30, f FLOAT DEFAULT 0.1,
            g CHAR(5) DEFAULT 'it''s', h VARCHAR(9) DEFAULT '', i VARBINARY(5) DEFAULT 'ab',
            j BINARY(3) DEFAULT 'a', k BIT(5) DEFAULT b'101', l BIT(10) DEFAULT 0, m ENUM('x','y') DEFAULT 'y',
            n SET('x','y') DEFAULT 'x,y', o DATE DEFAULT '2024-02-29', p DATETIME(3) DEFAULT '2024-01-01 01:02:03.5',
            q TIME DEFAULT '-12:00:00', r YEAR DEFAULT 1999, s TIMESTAMP DEFAULT '2024-06-01 12:00:00',
            t TIMESTAMP(3) NULL DEFAULT '2024-06-01 12:00:00.25', u BOOL NOT NULL DEFAULT TRUE,
            v VARCHAR(40) DEFAULT (UUID()), w DOUBLE DEFAULT (RAND()), x TEXT,
            y VARCHAR(20) DEFAULT 'a\\\\b\nc\td', z DATE DEFAULT (CURRENT_DATE))",
        "CREATE TABLE vectors (a VECTOR, b VECTOR(3) NOT NULL, c VECTOR(5) COMMENT 'v')",
    ];
    show_create_agrees("show_types", &[], statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_of_timestamps_are_shown_in_the_sessions_zone() {
    let statements = [
        "CREATE TABLE t (a TIMESTAMP DEFAULT '2024-06-01 12:00:00',
            b TIMESTAMP(6) NULL DEFAULT '2024-01-01 00:00:00.000001',
            c DATETIME DEFAULT '2024-06-01 12:00:00')",
        "ALTER TABLE t ADD COLUMN d TIMESTAMP DEFAULT '2024-03-31 02:30:00'",
    ];
    show_create_agrees("show_zone_kolkata", &[("time_zone", "+05:30")], statements).await;
    show_create_agrees("show_zone_negative", &[("time_zone", "-03:30")], statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn character_sets_and_collations_are_shown_where_they_differ() {
    let statements = [
        "CREATE TABLE plain (a CHAR(5), b CHAR(5) COLLATE utf8mb4_general_ci,
            c CHAR(5) CHARACTER SET latin1, d CHAR(5) CHARACTER SET ascii, e TEXT CHARACTER SET utf8,
            f ENUM('a') CHARACTER SET utf8 COLLATE utf8_unicode_ci, g SET('b'), h CHAR(5) CHARACTER SET binary,
            i VARCHAR(5) CHARACTER SET gbk, j VARCHAR(5) CHARACTER SET gbk COLLATE gbk_bin, k TEXT COLLATE utf8mb4_0900_ai_ci,
            l VARBINARY(3), m JSON, n VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)",
        "CREATE TABLE general (a CHAR(5), b CHAR(5) COLLATE utf8mb4_bin, c ENUM('a'))
            DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci",
        "CREATE TABLE latin (a CHAR(5), b CHAR(5) CHARACTER SET utf8mb4) DEFAULT CHARSET latin1",
        "CREATE TABLE bytes (a CHAR(5), b CHAR(5) CHARACTER SET utf8mb4, c BLOB) DEFAULT CHARSET binary",
        "CREATE TABLE chinese (a CHAR(5), b CHAR(5) CHARACTER SET utf8mb4) DEFAULT CHARSET gbk",
        "CREATE TABLE old (a CHAR(5)) DEFAULT CHARSET utf8",
    ];
    show_create_agrees("show_charsets", &[], statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_shown_as_tidb_does() {
    let statements = [
        "CREATE TABLE parent (id INT PRIMARY KEY, other INT, UNIQUE KEY (other))",
        "CREATE TABLE clustered (a INT, b VARCHAR(20), PRIMARY KEY (b(10), a) CLUSTERED)",
        "CREATE TABLE nonclustered (a INT, b INT, PRIMARY KEY (a, b) NONCLUSTERED)",
        "CREATE TABLE nonclustered_int (a INT PRIMARY KEY NONCLUSTERED COMMENT 'key')",
        "CREATE TABLE `we``ird name` (`select` INT, `größe` INT, `a``b` INT PRIMARY KEY, KEY `k``ey` (`größe`))",
        "CREATE TABLE many (a INT, b VARCHAR(100), c TEXT, j JSON, KEY a (a), UNIQUE KEY ba (b, a),
            KEY prefix (b(5), c(7)), KEY expr ((a + 1), (UPPER(b))), KEY hidden (a) INVISIBLE,
            KEY told (a) COMMENT 'it''s', UNIQUE KEY u (b), KEY mv ((CAST(j->'$.x' AS UNSIGNED ARRAY))))",
        "CREATE TABLE made (a INT, b INT AS (a + 1), c INT AS (a * 2) STORED NOT NULL,
            d VARCHAR(20) GENERATED ALWAYS AS (CONCAT('x', a)) VIRTUAL COMMENT 'd', KEY (b))",
        "SET GLOBAL tidb_enable_check_constraint = ON",
        "CREATE TABLE checked (a INT CHECK (a > 1), b INT, CONSTRAINT named CHECK (a < b),
            CONSTRAINT lax CHECK (b <> 7) NOT ENFORCED)",
        "SET GLOBAL tidb_enable_check_constraint = OFF",
        "CREATE TABLE child (a INT, b INT, CONSTRAINT fk FOREIGN KEY (a) REFERENCES parent (id),
            FOREIGN KEY (b) REFERENCES parent (other) ON DELETE CASCADE ON UPDATE SET NULL)",
        "DROP DATABASE IF EXISTS show_keys_other",
        "CREATE DATABASE show_keys_other",
        "CREATE TABLE show_keys_other.far (id INT PRIMARY KEY)",
        "CREATE TABLE abroad (a INT, CONSTRAINT far FOREIGN KEY (a) REFERENCES show_keys_other.far (id)
            ON DELETE RESTRICT ON UPDATE NO ACTION)",
    ];
    show_create_agrees("show_keys", &[], statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_tables_are_shown_as_tidb_does() {
    let statements = [
        "CREATE TABLE counted (id INT AUTO_INCREMENT PRIMARY KEY, a INT)",
        "INSERT INTO counted (a) VALUES (1), (2)",
        "CREATE TABLE fresh (id INT AUTO_INCREMENT PRIMARY KEY)",
        "CREATE TABLE from_hundred (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, KEY (id)) AUTO_INCREMENT = 100",
        "CREATE TABLE cached_ids (id INT AUTO_INCREMENT PRIMARY KEY) AUTO_ID_CACHE 100",
        "CREATE TABLE drawn (id BIGINT AUTO_RANDOM PRIMARY KEY)",
        "INSERT INTO drawn VALUES (), ()",
        "CREATE TABLE drawn_few (id BIGINT AUTO_RANDOM(3, 54) PRIMARY KEY, a INT) AUTO_RANDOM_BASE = 1000",
        "CREATE TABLE drawn_split (id BIGINT UNSIGNED AUTO_RANDOM(4) PRIMARY KEY) PRE_SPLIT_REGIONS = 2",
        "CREATE TABLE sharded (a INT) SHARD_ROW_ID_BITS = 4 PRE_SPLIT_REGIONS = 2",
        "CREATE TABLE sharded_only (a INT) SHARD_ROW_ID_BITS = 4",
        "CREATE TABLE told (a INT) COMMENT = 'it''s a\nlong \\\\ one'",
        "CREATE TABLE expiring (a INT, at DATETIME) TTL = at + INTERVAL 3 MONTH TTL_ENABLE = 'OFF'",
        "CREATE TABLE expiring_hourly (at TIMESTAMP) TTL = `at` + INTERVAL 36 HOUR TTL_JOB_INTERVAL = '3h'
            COMMENT = 'x'",
        "CREATE GLOBAL TEMPORARY TABLE fleeting (a INT) ON COMMIT DELETE ROWS",
        "CREATE TABLE kept (a INT PRIMARY KEY)",
        "ALTER TABLE kept CACHE",
        "CREATE PLACEMENT POLICY IF NOT EXISTS show_policy FOLLOWERS = 1",
        "CREATE TABLE placed (a INT) PLACEMENT POLICY = show_policy",
        "CREATE TABLE renamed_here (id INT AUTO_INCREMENT PRIMARY KEY, a INT)",
        "DROP DATABASE IF EXISTS show_options_other",
        "CREATE DATABASE show_options_other",
        "CREATE TABLE show_options_other.moving (id INT AUTO_INCREMENT PRIMARY KEY, a INT)",
        "INSERT INTO show_options_other.moving (a) VALUES (1)",
        "RENAME TABLE show_options_other.moving TO moved",
        "CREATE SEQUENCE seq",
        "CREATE SEQUENCE seq_more START WITH 5 INCREMENT BY -2 MINVALUE -100 MAXVALUE 50 NOCACHE CYCLE COMMENT 'c'",
        "CREATE VIEW seen AS SELECT id, a + 1 AS b FROM counted WHERE a > 1",
        "CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW seen_too (x, `y z`) AS SELECT id, a FROM counted",
    ];
    show_create_agrees("show_options", &[], statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_all_kinds_are_shown_as_tidb_does() {
    let statements = [
        "CREATE TABLE by_hash (a INT, b INT) PARTITION BY HASH (a + 1) PARTITIONS 4",
        "CREATE TABLE by_hash_named (a INT) PARTITION BY HASH (a) (PARTITION x, PARTITION y COMMENT 'why')",
        "CREATE TABLE by_key (a INT, b VARCHAR(9), PRIMARY KEY (a, b)) PARTITION BY KEY (b) PARTITIONS 3",
        "CREATE TABLE by_key_primary (a INT PRIMARY KEY) PARTITION BY KEY () PARTITIONS 3",
        "CREATE TABLE by_key_named (a INT, b INT) PARTITION BY KEY (a, b) (PARTITION one, PARTITION two)",
        "CREATE TABLE by_range (a INT, at DATE) PARTITION BY RANGE (YEAR(at)) (
            PARTITION p0 VALUES LESS THAN (2000), PARTITION `p 1` VALUES LESS THAN (2010) COMMENT 'it''s',
            PARTITION rest VALUES LESS THAN MAXVALUE)",
        "CREATE TABLE by_range_columns (a INT, b VARCHAR(20), c DATE) PARTITION BY RANGE COLUMNS (c, b) (
            PARTITION p0 VALUES LESS THAN ('2024-01-01', 'it''s'), PARTITION p1 VALUES LESS THAN (MAXVALUE, MAXVALUE))",
        "CREATE TABLE by_list (a INT) PARTITION BY LIST (a) (
            PARTITION p0 VALUES IN (1, 2, NULL), PARTITION p1 VALUES IN (3), PARTITION p2 DEFAULT)",
        "CREATE TABLE by_list_columns (a INT, b VARCHAR(20)) PARTITION BY LIST COLUMNS (a, b) (
            PARTITION p0 VALUES IN ((1, 'a'), (2, 'b''c')), PARTITION p1 VALUES IN ((3, NULL)))",
        "CREATE TABLE by_list_text (b VARCHAR(20)) PARTITION BY LIST COLUMNS (b) (
            PARTITION p0 VALUES IN ('a\tb', 'ü'), PARTITION p1 VALUES IN ('x', DEFAULT))",
        "CREATE TABLE by_range_bytes (b VARBINARY(20)) PARTITION BY RANGE COLUMNS (b) (
            PARTITION p0 VALUES LESS THAN (x'00ff'), PARTITION p1 VALUES LESS THAN (x'ffff'))",
        "CREATE TABLE by_time (at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) PARTITION BY RANGE (UNIX_TIMESTAMP(at)) (
            PARTITION p0 VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-01 00:00:00')))",
        "SET SESSION tidb_enable_global_index = ON",
        "CREATE TABLE global_key (a INT, b INT, UNIQUE KEY (b) GLOBAL) PARTITION BY HASH (a) PARTITIONS 2",
        "CREATE PLACEMENT POLICY IF NOT EXISTS show_policy FOLLOWERS = 1",
        "CREATE TABLE placed (a INT) PARTITION BY RANGE (a) (
            PARTITION p0 VALUES LESS THAN (10) PLACEMENT POLICY = show_policy)",
        "CREATE TABLE no_more (a INT) PARTITION BY HASH (a) PARTITIONS 2",
        "ALTER TABLE no_more REMOVE PARTITIONING",
    ];
    show_create_agrees("show_partitions", &[], statements).await;
}

/// TiDB writes these options behind the partitions, where it does not read them itself; later
/// versions don't.
#[tokio::test(flavor = "multi_thread")]
async fn the_options_of_a_partitioned_table_that_expires_can_be_read_back() {
    let Some((mut tidb, connector)) = connect("show_expiring", &[]).await else { return };
    tidb.run(["CREATE TABLE t (at DATETIME) TTL = at + INTERVAL 1 DAY \
               PARTITION BY HASH (YEAR(at)) PARTITIONS 2"])
        .await;
    let ours = connector.query("SHOW CREATE TABLE t").await.rows[0][1].plain();
    let theirs = tidb.query("SHOW CREATE TABLE t").await.rows[0][1].plain();
    let parts = |text: &str| {
        let mut parts: Vec<String> =
            text.replace(" /*T!", "\n/*T!").lines().map(str::to_owned).collect();
        parts.sort();
        parts
    };
    assert_eq!(parts(&ours), parts(&theirs));
    tidb.run(["DROP TABLE t", &ours]).await;
    assert_eq!(connector.query("SHOW CREATE TABLE t").await.rows[0][1].plain(), ours);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_only_tidb_knows_are_said_to_be_so() {
    let Some((mut tidb, connector)) = connect("show_ids", &[]).await else { return };
    tidb.run([
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT) AUTO_ID_CACHE 1",
        "INSERT INTO t (a) VALUES (1), (2)",
    ])
    .await;
    let shown = connector.query("SHOW CREATE TABLE t").await.rows[0][1].plain();
    let expected =
        " /* AUTO_INCREMENT: only the TiDB servers know */ /*T![auto_id_cache] AUTO_ID_CACHE=1 */";
    assert!(shown.ends_with(expected), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn show_create_finds_tables_as_statements_do() {
    let Some((mut tidb, connector)) = connect("Show_Names", &[]).await else { return };
    tidb.run(["CREATE TABLE Mixed (a INT)", "CREATE VIEW v AS SELECT a FROM Mixed"]).await;
    let expected = tidb.query("SHOW CREATE TABLE Mixed").await.rows[0][1].plain();
    for name in ["mixed", "show_names.MIXED", "tidb.Show_Names.\"mixed\"", "`Mixed`"] {
        let shown = connector.query(&format!("SHOW CREATE TABLE {name}")).await;
        assert_eq!(shown.rows[0][1].plain(), expected, "{name}");
    }
    assert_eq!(connector.query("SHOW CREATE VIEW v").await.columns[0], "View");
    for (statement, kind, words) in [
        ("SHOW CREATE TABLE absent", ErrorKind::NotFound, "no table absent"),
        ("SHOW CREATE TABLE nowhere.t", ErrorKind::NotFound, "no database nowhere"),
        ("SHOW CREATE VIEW mixed", ErrorKind::InvalidInput, "is no VIEW"),
        ("SHOW INDEX FROM absent", ErrorKind::NotFound, "no table absent"),
        ("SHOW INDEX FROM mixed WHERE Key_name LIKE 'a'", ErrorKind::InvalidInput, "no condition"),
        ("SHOW INDEX", ErrorKind::InvalidInput, "FROM and a table"),
        ("SHOW STATS FROM nowhere", ErrorKind::NotFound, "no database nowhere"),
        ("SHOW STATS LIKE t", ErrorKind::InvalidInput, "FROM and a database"),
    ] {
        let error = connector.try_query(statement).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{statement}: {error}");
        assert!(error.to_string().contains(words), "{statement}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_are_shown_as_tidb_does() {
    let Some((mut tidb, connector)) = connect("show_index", &[]).await else { return };
    tidb.run([
        "CREATE TABLE int_key (id INT PRIMARY KEY, a INT NOT NULL, b VARCHAR(20), KEY ab (a, b(5)),
            UNIQUE KEY (b) COMMENT 'it''s', KEY e ((a + 1), b) INVISIBLE)",
        "CREATE TABLE common_key (a VARCHAR(9), b INT, PRIMARY KEY (a, b) CLUSTERED, KEY (b))",
        "CREATE TABLE other_key (a INT, PRIMARY KEY (a) NONCLUSTERED)",
        "CREATE TABLE no_key (a INT)",
        "INSERT INTO int_key VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 1, 'z')",
        "ANALYZE TABLE int_key ALL COLUMNS",
    ])
    .await;
    for table in ["int_key", "common_key", "other_key", "no_key"] {
        let theirs = tidb.query(&format!("SHOW INDEX FROM {table}")).await;
        for statement in [
            format!("SHOW INDEX FROM {table}"),
            format!("SHOW KEYS IN {}", table.to_uppercase()),
            format!("show indexes from {table} from show_index"),
            format!("SHOW INDEXES FROM tidb.show_index.{table}"),
        ] {
            let ours = connector.query(&statement).await;
            assert_eq!(ours.columns, theirs.columns, "{statement}");
            assert_eq!(texts(&ours), texts(&theirs), "{statement}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_those_that_tidb_has() {
    let Some((mut tidb, connector)) = connect("show_stats", &[]).await else { return };
    tidb.run([
        "CREATE TABLE b (id INT PRIMARY KEY)",
        "INSERT INTO b VALUES (1), (2), (3)",
        "CREATE TABLE a (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2",
        "INSERT INTO a VALUES (1), (2), (3), (5)",
        "ANALYZE TABLE a",
        "ANALYZE TABLE b",
    ])
    .await;
    let key = |row: &[Cell]| {
        let [database, table, partition, _, modified, count] = &row[..6] else { panic!("{row:?}") };
        [database, table, partition, modified, count].map(Cell::plain)
    };
    let keys = |rows: &Rows| rows.rows.iter().map(|row| key(row)).collect::<Vec<_>>();
    let begin = Instant::now();
    let ours = loop {
        let ours = connector.query("SHOW STATS").await;
        let theirs = tidb.query("SHOW STATS_META WHERE db_name = 'show_stats'").await;
        assert_eq!(ours.columns, theirs.columns[..6]);
        let places: Vec<String> = keys(&ours).iter().map(|row| row[2].clone()).collect();
        assert_eq!(places, ["global", "p0", "p1", ""], "in the order of tables and partitions");
        let (mut shown, mut expected) = (keys(&ours), keys(&theirs));
        shown.sort();
        expected.sort();
        if shown == expected {
            break ours;
        }
        // TiDB shows what it has in memory, which follows the table.
        assert!(begin.elapsed() < Duration::from_secs(60), "{shown:?} {expected:?}");
    };
    assert_eq!(connector.query("SHOW STATS FROM Show_Stats").await.rows, ours.rows);
    let all = connector.query("SHOW STATS_META").await;
    assert!(ours.rows.iter().all(|row| all.rows.contains(row)), "{:?}", texts(&all));
    let elsewhere = connector.query("SHOW STATS IN mysql").await;
    assert!(elsewhere.rows.iter().all(|row| row[0].plain() == "mysql"));
}
