-- Recency, frequency and money, each in fifths of all customers: 0 is the worst, 100 the best.
with fifths as (
    select
        customer_id,
        date '{{ var("today") }}' - last_order                              as days_silent,
        orders,
        ntile(5) over (order by last_order, customer_id)                    as recency,
        ntile(5) over (order by orders, lifetime_value, customer_id)        as frequency,
        ntile(5) over (order by lifetime_value, customer_id)                as money
    from {{ ref('customers') }}
)

select
    customer_id,
    cast(days_silent as integer)                                            as days_silent,
    cast(floor(((recency - 1) * 2 + (frequency - 1) + (money - 1)) * 100 / 16.0) as integer) as health_score,
    case
        when orders = 1 and days_silent <= 60 then 'new'
        when recency >= 4 and money = 5 then 'champion'
        when recency >= 3 then 'loyal'
        when money >= 4 then 'at_risk'
        else 'lost'
    end                                                                     as segment
from fifths
