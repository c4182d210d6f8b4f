select
    c.customer_id,
    c.first_name || ' ' || c.last_name  as full_name,
    c.email,
    c.account_id,
    c.lifetime_value,
    h.health_score,
    h.segment,
    c.last_order
from {{ ref('customers') }} as c
inner join {{ ref('health_scores') }} as h on h.customer_id = c.customer_id
