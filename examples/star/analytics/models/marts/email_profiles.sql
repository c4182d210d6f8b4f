select
    c.email,
    c.customer_id,
    c.first_name,
    c.shop,
    c.orders,
    c.lifetime_value,
    c.first_order,
    c.last_order,
    h.segment,
    h.days_silent > 180 as wants_winback
from {{ ref('customers') }} as c
inner join {{ ref('health_scores') }} as h on h.customer_id = c.customer_id
