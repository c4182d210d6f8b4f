-- One row per customer, as the shop knows him at the end of the day that the clock shows.
WITH bought AS (
    SELECT customer_id,
           count(*)   AS orders,
           sum(cds)   AS cds,
           sum(cents) AS cents,
           min(day)   AS first_purchase,
           max(day)   AS last_purchase
    FROM purchase
    WHERE day <= (SELECT today FROM clock)
    GROUP BY customer_id
)
SELECT customer_id,
       'customer-' || customer_id || '@example.com'          AS email,
       orders,
       cds,
       printf('%d.%02d', cents / 100, cents % 100)           AS lifetime_value,
       cents >= 25000                                        AS high_value,
       CASE WHEN cents >= 25000 THEN 'high'
            WHEN orders > 1     THEN 'returning'
            ELSE 'once' END                                  AS segment,
       first_purchase,
       last_purchase
FROM bought
