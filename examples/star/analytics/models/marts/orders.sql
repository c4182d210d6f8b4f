select
    order_id,
    customer_id,
    ordered_on,
    status,
    cast(cents / 100.0 as decimal(12, 2)) as amount
from {{ ref('stg_orders') }}
