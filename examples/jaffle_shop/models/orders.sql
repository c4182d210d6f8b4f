-- One row per order and status: a new status is a new event.
SELECT o.id AS order_id, o.status, o.user_id AS customer_id, o.order_date,
       printf('%d.%02d', sum(p.amount) / 100, sum(p.amount) % 100) AS amount
FROM raw_orders o
JOIN raw_payments p ON p.order_id = o.id
GROUP BY o.id
