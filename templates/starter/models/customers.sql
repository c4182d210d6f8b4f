-- What sales should know about each customer: computed once, here, where all the facts are.
SELECT c.customer_id,
       c.first_name,
       c.last_name,
       c.email,
       coalesce(sum(o.amount), 0) AS lifetime_value,
       max(o.ordered_on) AS last_order,
       CASE WHEN coalesce(sum(o.amount), 0) >= 100 THEN 'a'
            WHEN count(o.order_id) > 0 THEN 'b'
            ELSE 'c' END AS segment
FROM customer c
LEFT JOIN book_order o ON o.customer_id = c.customer_id
GROUP BY c.customer_id
