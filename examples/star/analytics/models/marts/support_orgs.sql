select
    account_id  as org_id,
    name,
    case when lifetime_value >= 2500 then 'priority' else 'standard' end as support_tier,
    health
from {{ ref('crm_accounts') }}
