use super::*;

/// Statements that TiDB refuses, or that this version does not know; each with what its error names.
#[test]
fn statements_are_refused_by_name() {
    for (statement, named) in [
        ("DROP TABLE t", "DROP"),
        ("CREATE TABLE t", "("),
        ("CREATE TABLE t (a INT) ENGIN=x", "ENGIN"),
        ("CREATE TABLE t (a INT, b INT AS (a + 1))", "AS"),
        ("CREATE TABLE t (a INT CHECK (a > 0))", "CHECK"),
        ("CREATE TABLE t (a INT, CHECK (a > 0))", "CHECK"),
        ("CREATE TABLE t (a INT, CONSTRAINT c CHECK (a > 0))", "CHECK"),
        ("CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES u (a))", "FOREIGN"),
        ("CREATE TABLE t (a INT, FULLTEXT KEY (a))", "FULLTEXT"),
        ("CREATE TABLE t (a INT, KEY ((a + 1)))", "expression"),
        ("CREATE TABLE t (a INT, KEY (a DESC))", "DESC"),
        ("CREATE TABLE t (a GEOMETRY)", "geometry"),
        ("CREATE TABLE t (a VARCHAR)", "length"),
        ("CREATE TABLE t (a VARCHAR(16384))", "16383"),
        ("CREATE TABLE t (a CHAR(256))", "255"),
        ("CREATE TABLE t (a DECIMAL(66, 2))", "66"),
        ("CREATE TABLE t (a DECIMAL(5, 6))", "decimal(5, 6)"),
        ("CREATE TABLE t (a DATETIME(7))", "6"),
        ("CREATE TABLE t (a BIT(65))", "64"),
        ("CREATE TABLE t (a DATE UNSIGNED)", "UNSIGNED"),
        ("CREATE TABLE t (a INT COLLATE utf8mb4_bin)", "character set"),
        ("CREATE TABLE t (a VARCHAR(3) CHARACTER SET gbk)", "gbk"),
        ("CREATE TABLE t (a VARCHAR(3) CHARACTER SET utf8 COLLATE utf8mb4_bin)", "utf8mb4_bin"),
        ("CREATE TABLE t (a VARCHAR(3) COLLATE klingon_ci)", "klingon_ci"),
        ("CREATE TABLE t (a ENUM('x', 'X') COLLATE utf8mb4_general_ci)", "\"X\""),
        ("CREATE TABLE t (a SET('x,y'))", "comma"),
        ("CREATE TABLE t (a TEXT DEFAULT 'x')", "default of column a"),
        ("CREATE TABLE t (a INT DEFAULT 'x')", "\"x\""),
        ("CREATE TABLE t (a TINYINT DEFAULT 200)", "200"),
        ("CREATE TABLE t (a INT NOT NULL DEFAULT NULL)", "NULL"),
        ("CREATE TABLE t (a DATETIME(3) DEFAULT CURRENT_TIMESTAMP)", "CURRENT_TIMESTAMP"),
        ("CREATE TABLE t (a INT DEFAULT (1 + 1))", "expression"),
        ("CREATE TABLE t (a INT DEFAULT UUID())", "UUID"),
        ("CREATE TABLE t (a INT, a INT)", "a"),
        ("CREATE TABLE t (a INT, KEY (b))", "\"b\""),
        ("CREATE TABLE t (a INT, KEY (a, a))", "twice"),
        ("CREATE TABLE t (a INT, KEY k (a), KEY K (a))", "\"K\""),
        ("CREATE TABLE t (a TEXT, KEY (a))", "length"),
        ("CREATE TABLE t (a JSON, KEY (a))", "key"),
        ("CREATE TABLE t (a INT, KEY (a(3)))", "length"),
        ("CREATE TABLE t (a VARCHAR(3), KEY (a(4)))", "length"),
        ("CREATE TABLE t (a VARCHAR(1000), KEY (a))", "3072"),
        ("CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)", "primary"),
        ("CREATE TABLE t (a INT NULL PRIMARY KEY)", "NULL"),
        ("CREATE TABLE t (a INT AUTO_INCREMENT)", "key"),
        ("CREATE TABLE t (a VARCHAR(3) AUTO_INCREMENT PRIMARY KEY)", "integer"),
        ("CREATE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY, b INT AUTO_INCREMENT UNIQUE)", "two"),
        ("CREATE TABLE t (a INT AUTO_RANDOM PRIMARY KEY)", "BIGINT"),
        ("CREATE TABLE t (a BIGINT AUTO_RANDOM PRIMARY KEY NONCLUSTERED)", "clustered"),
        ("CREATE TABLE t (a BIGINT AUTO_RANDOM(16) PRIMARY KEY)", "15"),
        ("CREATE TABLE t (a INT PRIMARY KEY) SHARD_ROW_ID_BITS = 4", "clustered"),
        ("CREATE TABLE t (a INT) SHARD_ROW_ID_BITS = 16", "15"),
        ("CREATE TABLE t (a INT) PRE_SPLIT_REGIONS = 2", "PRE_SPLIT_REGIONS"),
        ("CREATE TABLE t (a INT, UNIQUE KEY (a) GLOBAL)", "global"),
        ("CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES IN (1))", "LESS THAN"),
        ("CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p VALUES LESS THAN (1))", "IN"),
        ("CREATE TABLE t (a INT) PARTITION BY HASH (b) PARTITIONS 2", "b"),
        ("CREATE TABLE t (a DATE) PARTITION BY HASH (a) PARTITIONS 2", "date"),
        ("CREATE TABLE t (a INT) PARTITION BY HASH (a) PARTITIONS 0", "partitions"),
        ("CREATE TABLE t (a INT) PARTITION BY HASH (FLOOR(a)) PARTITIONS 2", "FLOOR"),
        ("CREATE TABLE t (a TIMESTAMP) PARTITION BY HASH (YEAR(a)) PARTITIONS 2", "YEAR"),
        ("CREATE TABLE t (a INT) PARTITION BY LINEAR HASH (a)", "LINEAR"),
        (
            "CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (2), \
             PARTITION q VALUES LESS THAN (2))",
            "rise",
        ),
        (
            "CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (2), \
             PARTITION q VALUES IN (1, 2))",
            "two partitions",
        ),
        ("CREATE TABLE t (a INT PRIMARY KEY, b INT) PARTITION BY HASH (b)", "PRIMARY"),
        ("CREATE TABLE t (a INT, b INT, UNIQUE KEY u (a)) PARTITION BY HASH (b)", "key u"),
        ("INSERT INTO nowhere VALUES (1)", "nowhere"),
        ("INSERT INTO t VALUES (NOW())", "NOW"),
        ("USE nowhere", "nowhere"),
        ("CREATE DATABASE d", "already"),
        ("CREATE DATABASE x ENCRYPTION = 'Y'", "ENCRYPTION"),
        ("CREATE TABLE t (a INT) /*T![x] y */", "\"x\""),
    ] {
        let mut bootstrap = new_bootstrap();
        let _ = bootstrap.take_pairs();
        match bootstrap.execute(statement) {
            Ok(()) => panic!("accepted: {statement}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(named), "{statement}: {error}");
            }
        }
        assert!(bootstrap.take_pairs().is_empty(), "{statement}");
    }
}

/// Rows that the column or the partitions do not take.
#[test]
fn rows_are_refused_by_name() {
    let mut bootstrap = new_bootstrap();
    bootstrap
        .execute(
            "CREATE TABLE t (i INT NOT NULL, s VARCHAR(2), c CHAR(2), e ENUM('a'), d DATE, dt DATETIME,
              n DECIMAL(4, 2), y YEAR, j JSON, b BINARY(2), t TIME);
            CREATE TABLE p (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (10));
            CREATE TABLE l (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (1))",
        )
        .unwrap();
    let _ = bootstrap.take_pairs();
    for (statement, named) in [
        ("INSERT INTO t (s) VALUES ('a')", "column i"),
        ("INSERT INTO t (i) VALUES (NULL)", "column i"),
        ("INSERT INTO t (i) VALUES (2147483648)", "2147483648"),
        ("INSERT INTO t (i) VALUES (1e10)", "column i"),
        ("INSERT INTO t (i, i) VALUES (1, 1)", "twice"),
        ("INSERT INTO t (i, x) VALUES (1, 1)", "\"x\""),
        ("INSERT INTO t (i, s) VALUES (1)", "1 values for 2"),
        ("INSERT INTO t (i, s) VALUES (1, 'abc')", "column s"),
        ("INSERT INTO t (i, c) VALUES (1, 'abc')", "column c"),
        ("INSERT INTO t (i, e) VALUES (1, 'b')", "column e"),
        ("INSERT INTO t (i, e) VALUES (1, 2)", "column e"),
        ("INSERT INTO t (i, d) VALUES (1, '2023-02-29')", "column d"),
        ("INSERT INTO t (i, d) VALUES (1, 20230229)", "column d"),
        ("INSERT INTO t (i, dt) VALUES (1, 'noon')", "column dt"),
        ("INSERT INTO t (i, n) VALUES (1, 100)", "column n"),
        ("INSERT INTO t (i, y) VALUES (1, 1900)", "column y"),
        ("INSERT INTO t (i, j) VALUES (1, '{')", "column j"),
        ("INSERT INTO t (i, b) VALUES (1, x'010203')", "column b"),
        ("INSERT INTO t (i, t) VALUES (1, '839:00:00')", "column t"),
        ("INSERT INTO p VALUES (10)", "value 10"),
        ("INSERT INTO l VALUES (2)", "value 2"),
        ("INSERT INTO l VALUES (NULL)", "NULL"),
    ] {
        match bootstrap.execute(statement) {
            Ok(()) => panic!("accepted: {statement}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(named), "{statement}: {error}");
            }
        }
        assert!(bootstrap.take_pairs().is_empty(), "{statement}");
    }
}
