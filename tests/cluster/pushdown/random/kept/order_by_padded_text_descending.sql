-- Text in descending order below a limit.
CREATE TABLE heap (id INT NOT NULL, i_code BIGINT NULL, key_ci VARCHAR(24) COLLATE utf8mb4_general_ci NOT NULL, i_part INT NOT NULL, i_tiny TINYINT NULL, i_bool BOOL NULL, i_int INT NULL, i_big BIGINT NULL, i_uint INT UNSIGNED NULL, i_ubig BIGINT UNSIGNED NULL, i_year YEAR NULL, f_single FLOAT NULL, f_x DOUBLE NULL, f_wild DOUBLE NULL, n_price DECIMAL(10, 2) NULL, n_wide DECIMAL(38, 10) NULL, s VARCHAR(40) COLLATE utf8mb4_0900_bin NULL, s_pad VARCHAR(40) COLLATE utf8mb4_bin NULL, name_ci VARCHAR(40) COLLATE utf8mb4_general_ci NULL, b VARBINARY(40) NULL, d_day DATE NULL, moment DATETIME(6) NULL, stamp TIMESTAMP(6) NULL, span TIME(6) NULL, e_size ENUM('small', 'large', 'medium') NULL, e_tags SET('b', 'a', 'c') NULL, i_bits BIT(8) NULL, doc JSON NULL, PRIMARY KEY (id) NONCLUSTERED, UNIQUE KEY (i_code), KEY (i_int, s), KEY (stamp), KEY (name_ci), KEY (d_day, i_part), KEY (f_x, n_price));
INSERT INTO heap VALUES (897, 1276, 'aAé', 4, -19, NULL, 61, 4294967296, 235, NULL, 2017, -41.625, -347.875, -249.875, -17.69, -0.0000000001, 'A', 'é', 'zdCB', X'00', '2023-07-04', '1969-12-31 23:59:59.999999', '2024-01-03 20:30:00.5', '-27:22:00', 'medium', 'b,a', 255, '12'), (899, 1290, 'bbB', 6, -1, 1, 0, -194, NULL, 83, 2017, -47.75, NULL, -426.625, 0.01, NULL, 'bdAé', 'ßA', 'cAéa', X'0141', '2023-03-04', NULL, '2024-03-06 14:00:00.5', '-00:00:01', 'large', '', 175, NULL);
ANALYZE TABLE heap ALL COLUMNS;
-- way: 0
-- compare: order=total cut=false magnitude=0
-- TiDB judges it
SELECT length(a.s) AS c0 FROM heap AS a ORDER BY a.s_pad DESC NULLS LAST, a.id ASC NULLS LAST;
SELECT length(a.s) AS c0 FROM heap AS a ORDER BY a.s_pad DESC NULLS LAST, a.id ASC NULLS LAST LIMIT 1;
