-- customer: :rows rows of ten columns, the same ones whenever they are made.
-- sqlite3 shop.db -cmd '.parameter set :rows 1000000' < sqlite.sql
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
DROP TABLE IF EXISTS customer;
CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    country TEXT,
    revenue DECIMAL(12,2) NOT NULL,
    orders INTEGER NOT NULL,
    active BOOLEAN NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    score REAL NOT NULL
);
WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < :rows)
INSERT INTO customer
SELECT i,
    'customer' || i || '@example' || (i % 977) || '.com',
    CASE i % 7 WHEN 0 THEN 'Ada' WHEN 1 THEN 'Grace' WHEN 2 THEN 'Edsger' WHEN 3 THEN 'Barbara'
        WHEN 4 THEN 'Donald' WHEN 5 THEN 'Margaret' ELSE 'Niklaus' END || (i % 89),
    'Lastname' || (i * 7919 % 100003),
    CASE WHEN i % 50 > 0 THEN substr('DEFRITESPLNLSEATCZDKIE', i % 11 * 2 + 1, 2) END,
    (i * 48271 % 2147483647 % 10000000) / 100.0,
    i * 31 % 240,
    i % 3 > 0,
    strftime('%Y-%m-%d %H:%M:%S', 1577836800 + i * 7919 % 150000000, 'unixepoch'),
    (i * 16807 % 2147483647 % 100000) / 1000.0
FROM series;
