select
    cast(date_trunc('week', ordered_on) as date)    as week,
    count(*)                                        as orders,
    count(distinct customer_id)                     as customers,
    sum(amount)                                     as revenue
from {{ ref('orders') }}
group by 1
