-- A good customer who was silent for half a year is an alert; a new one each month he stays so.
with silent as (
    select
        h.customer_id,
        cast(floor(h.days_silent / 30.0) as integer) as months,
        c.lifetime_value
    from {{ ref('health_scores') }} as h
    inner join {{ ref('customers') }} as c on c.customer_id = h.customer_id
    where h.days_silent >= 180 and c.lifetime_value >= 250
)

select
    customer_id || '/' || months                                        as alert_id,
    customer_id,
    case when lifetime_value >= 500 then 'high' else 'normal' end       as severity,
    customer_id || ' spent ' || lifetime_value || ' and has been silent for ' || months || ' months'
                                                                        as message
from silent
