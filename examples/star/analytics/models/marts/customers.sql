with bought as (
    select
        customer_id,
        count(*)                                        as orders,
        sum(case when status <> 'returned' then cents else 0 end) as cents,
        min(ordered_on)                                 as first_order,
        max(ordered_on)                                 as last_order,
        max(payment_method)                             as payment_method
    from {{ ref('stg_orders') }}
    group by customer_id
)

select
    c.customer_id,
    c.shop,
    c.first_name,
    c.last_name,
    c.email,
    c.account_id,
    b.orders,
    cast(b.cents / 100.0 as decimal(12, 2))             as lifetime_value,
    b.first_order,
    b.last_order,
    b.payment_method
from {{ ref('stg_customers') }} as c
inner join bought as b on b.customer_id = c.customer_id
