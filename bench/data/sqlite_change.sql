-- Round :round (1, 2, ...): 1 % of the customers change, 0.5 % go, 0.5 % are new.
UPDATE customer SET score = score + :round, orders = orders + 1
WHERE id % 200 IN (:round * 4 % 200, (:round * 4 + 1) % 200);
DELETE FROM customer WHERE id % 200 = (:round * 4 + 2) % 200;
WITH RECURSIVE series(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM series WHERE i < :rows / 200 - 1)
INSERT INTO customer
SELECT 1000000000 + :round * 10000000 + i, 'new' || i || '@example.com', 'New' || (i % 89), 'Lastname' || i,
    'DE', i % 1000 / 100.0, 1, 1, strftime('%Y-%m-%d %H:%M:%S', 1735689600 + i % 86400, 'unixepoch'), i % 100 / 4.0
FROM series;
