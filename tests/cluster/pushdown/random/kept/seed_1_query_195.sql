-- on and off: row 1, column 1: NaNf here, NULL in TiDB
CREATE TABLE plain (id INT NOT NULL, i_code BIGINT NULL, key_ci VARCHAR(24) COLLATE utf8mb4_general_ci NOT NULL, i_part INT NOT NULL, i_tiny TINYINT NULL, i_bool BOOL NULL, i_int INT NULL, i_big BIGINT NULL, i_uint INT UNSIGNED NULL, i_ubig BIGINT UNSIGNED NULL, i_year YEAR NULL, f_single FLOAT NULL, f_x DOUBLE NULL, f_wild DOUBLE NULL, n_price DECIMAL(10, 2) NULL, n_wide DECIMAL(38, 10) NULL, s VARCHAR(40) COLLATE utf8mb4_0900_bin NULL, s_pad VARCHAR(40) COLLATE utf8mb4_bin NULL, name_ci VARCHAR(40) COLLATE utf8mb4_general_ci NULL, b VARBINARY(40) NULL, d_day DATE NULL, moment DATETIME(6) NULL, stamp TIMESTAMP(6) NULL, span TIME(6) NULL, e_size ENUM('small', 'large', 'medium') NULL, e_tags SET('b', 'a', 'c') NULL, i_bits BIT(8) NULL, doc JSON NULL, PRIMARY KEY (id));
INSERT INTO plain VALUES (586, 4102, 'zébßé', 2, -10, 1, 121, -26, 2147483648, 9223372036854775808, 2002, -3.5, NULL, 1e-300, 22.26, 448.0900000000, 'ßE', 'a  ', 'é7é', X'00B6', '1969-12-31', '2024-04-19 13:30:00.000001', '2023-05-09 00:30:00', '14:35:00', 'small', 'b,a,c', 190, '22');
-- way: 0
-- compare: order=none cut=false magnitude=10000
-- TiDB judges it
SELECT a.i_big AS c0, avg(a.f_x) AS c1 FROM plain AS a WHERE (NOT (a.s_pad >= 'bE7cE' AND a.s_pad < ' Bax')) GROUP BY a.i_big;
