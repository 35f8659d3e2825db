-- on and off: row 2, column 1: NaNf here, NULL in TiDB
CREATE TABLE listed (id INT NOT NULL, i_code BIGINT NULL, key_ci VARCHAR(24) COLLATE utf8mb4_general_ci NOT NULL, i_part INT NOT NULL, i_tiny TINYINT NULL, i_bool BOOL NULL, i_int INT NULL, i_big BIGINT NULL, i_uint INT UNSIGNED NULL, i_ubig BIGINT UNSIGNED NULL, i_year YEAR NULL, f_single FLOAT NULL, f_x DOUBLE NULL, f_wild DOUBLE NULL, n_price DECIMAL(10, 2) NULL, n_wide DECIMAL(38, 10) NULL, s VARCHAR(40) COLLATE utf8mb4_0900_bin NULL, s_pad VARCHAR(40) COLLATE utf8mb4_bin NULL, name_ci VARCHAR(40) COLLATE utf8mb4_general_ci NULL, b VARBINARY(40) NULL, d_day DATE NULL, moment DATETIME(6) NULL, stamp TIMESTAMP(6) NULL, span TIME(6) NULL, e_size ENUM('small', 'large', 'medium') NULL, e_tags SET('b', 'a', 'c') NULL, i_bits BIT(8) NULL, doc JSON NULL, PRIMARY KEY (i_part, id) CLUSTERED, KEY (i_int), KEY (moment), KEY (i_part, n_price)) PARTITION BY LIST (i_part) (PARTITION p0 VALUES IN (0, 3), PARTITION p1 VALUES IN (1, 2, 6), PARTITION p2 VALUES IN (4, 5));
INSERT INTO listed VALUES (595, 4165, 'dz7', 4, -3, 1, 234, -309, 1, NULL, 2155, 19.25, -93.75, -2.5, 0.01, NULL, 'x7éE', '7ßb', 'zCdd', X'00FF', '2024-04-04', '2024-02-05 13:00:00', '1970-01-01 00:00:01', '-43:06:00', 'medium', 'b', 0, '72');
ANALYZE TABLE listed ALL COLUMNS;
-- way: 1
-- compare: order=none cut=false magnitude=19000000000000000000
-- TiDB judges it
SELECT a.b AS c0, avg(a.i_ubig) AS c1 FROM listed AS a WHERE (a.name_ci = a.name_ci) GROUP BY a.b;
