-- Round `round` (1, 2, ...): 1 % of the customers change, 0.5 % go, 0.5 % are new.
-- psql -v rows=1000000 -v round=1 -f postgres_change.sql
UPDATE customer SET score = score + :round, orders = orders + 1
WHERE id % 200 IN (:round * 4 % 200, (:round * 4 + 1) % 200);
DELETE FROM customer WHERE id % 200 = (:round * 4 + 2) % 200;
INSERT INTO customer
SELECT i, 'new' || i || '@example.com', 'New' || i % 89, 'Lastname' || i, 'DE', i % 1000 / 100.0, 1, true,
    timestamptz '2025-01-01 00:00:00+00' + i % 86400 * interval '1 second', i % 100 / 4.0::float8
FROM generate_series(1000000000 + :round * 10000000::bigint, 1000000000 + :round * 10000000::bigint + :rows::bigint / 200 - 1) AS i;
