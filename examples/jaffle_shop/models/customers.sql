-- One row per customer: what he ordered, and what he paid for it (amounts are in cents).
WITH paid AS (
    SELECT o.user_id,
           count(DISTINCT o.id) AS orders,
           sum(p.amount)        AS cents,
           max(o.order_date)    AS last_order
    FROM raw_orders o
    JOIN raw_payments p ON p.order_id = o.id
    WHERE o.status <> 'returned'
    GROUP BY o.user_id
)
SELECT c.id                                                               AS customer_id,
       c.first_name,
       c.last_name,
       lower(c.first_name) || '.' || c.id || '@example.com'               AS email,
       coalesce(paid.orders, 0)                                           AS orders,
       printf('%d.%02d', coalesce(cents, 0) / 100, coalesce(cents, 0) % 100) AS lifetime_value,
       paid.last_order
FROM raw_customers c
LEFT JOIN paid ON paid.user_id = c.id
