-- Queries whose answer must be the same with pushdown on and off, one a line: what `random.rs` found, made small.
SELECT count(*) FROM edges WHERE s = 'a' OR d_day IS NULL
SELECT id FROM (SELECT * FROM edges ORDER BY id LIMIT 50) t WHERE i_int > 0
SELECT a.id, b.id FROM edges a LEFT JOIN (SELECT * FROM parts WHERE i_int > 5) b ON a.id = b.id WHERE a.i_tiny < 0
SELECT a.id FROM edges a LEFT JOIN parts b ON a.i_int = b.id WHERE b.i_tiny IS NULL
SELECT i_tiny, count(*) FROM parts WHERE NOT (i_int > 0 AND (s = 'a' OR i_big IS NULL)) GROUP BY i_tiny
SELECT id FROM edges WHERE i_int = (SELECT max(i_int) FROM parts WHERE s LIKE 'a%')
SELECT id FROM edges WHERE i_int IN (SELECT i_int FROM parts WHERE n_price > 1)
SELECT id FROM edges e WHERE EXISTS (SELECT 1 FROM parts p WHERE p.i_tiny = e.i_tiny AND p.i_int > 6)
SELECT count(*), count(i_int), max(s) FROM edges WHERE i_int > 0 AND upper(name_ci) = 'A'
SELECT id FROM edges WHERE i_int > 0 UNION ALL SELECT id FROM parts WHERE i_int <= 0
SELECT id, row_number() OVER (ORDER BY id) FROM edges WHERE i_int > 0
SELECT id FROM edges WHERE TRUE AND i_int > 6
SELECT id FROM edges WHERE i_int > 6 AND FALSE
SELECT id FROM edges WHERE moment > '2000-01-01 00:00:00' AND moment < now()
