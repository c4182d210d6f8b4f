select
    customer_id     as visitor_id,
    account_id,
    segment,
    health_score,
    health_score < 35 as show_offer
from {{ ref('crm_contacts') }}
