-- customer: 1,000,000 rows of ten columns, the same ones whenever they are made.
CREATE TABLE customer (
    id BIGINT NOT NULL,
    email VARCHAR NOT NULL,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    country VARCHAR,
    revenue DECIMAL(12,2) NOT NULL,
    orders INTEGER NOT NULL,
    active BOOLEAN NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    score DOUBLE NOT NULL
);
INSERT INTO customer
SELECT i,
    'customer' || i || '@example' || i % 977 || '.com',
    ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Margaret', 'Niklaus'][i % 7 + 1] || i % 89,
    'Lastname' || i * 7919 % 100003,
    CASE WHEN i % 50 > 0 THEN ['DE', 'FR', 'IT', 'ES', 'PL', 'NL', 'SE', 'AT', 'CZ', 'DK', 'IE'][i % 11 + 1] END,
    (i * 48271 % 2147483647 % 10000000) / 100.0,
    i * 31 % 240,
    i % 3 > 0,
    TIMESTAMP '2020-01-01 00:00:00' + (i * 7919 % 150000000) * INTERVAL 1 SECOND + (i % 1000) * INTERVAL 1 MILLISECOND,
    (i * 16807 % 2147483647 % 100000) / 1000.0
FROM range(1, 1000001) AS t(i);
CHECKPOINT;
