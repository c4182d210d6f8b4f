select
    customer_id,
    email,
    first_name || ' ' || last_name              as name,
    coalesce(payment_method, 'credit_card')     as payment_method,
    cast(lifetime_value * 100 as integer)       as paid_cents,
    'usd'                                       as currency
from {{ ref('customers') }}
