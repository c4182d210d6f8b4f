-- customer: `rows` rows of ten columns, the same ones whenever they are made.
-- psql -v rows=1000000 -f postgres.sql
SET client_min_messages = warning;
DROP TABLE IF EXISTS customer;
CREATE UNLOGGED TABLE customer (
    id bigint PRIMARY KEY,
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    country text,
    revenue numeric(12,2) NOT NULL,
    orders integer NOT NULL,
    active boolean NOT NULL,
    seen_at timestamptz NOT NULL,
    score double precision NOT NULL
);
INSERT INTO customer
SELECT i,
    'customer' || i || '@example' || i % 977 || '.com',
    (ARRAY['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Margaret', 'Niklaus'])[i % 7 + 1] || i % 89,
    'Lastname' || i * 7919 % 100003,
    CASE WHEN i % 50 > 0 THEN (ARRAY['DE', 'FR', 'IT', 'ES', 'PL', 'NL', 'SE', 'AT', 'CZ', 'DK', 'IE'])[i % 11 + 1] END,
    (i * 48271 % 2147483647 % 10000000) / 100.0,
    i * 31 % 240,
    i % 3 > 0,
    timestamptz '2020-01-01 00:00:00+00' + (i * 7919 % 150000000) * interval '1 second' + (i % 1000) * interval '1 millisecond',
    (i * 16807 % 2147483647 % 100000) / 1000.0::float8
FROM generate_series(1, :rows::bigint) AS i;
ANALYZE customer;
CHECKPOINT;
