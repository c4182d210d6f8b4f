select
    account_id,
    'Company ' || replace(account_id, 'company-', '')   as name,
    count(*)                                            as customers,
    sum(lifetime_value)                                 as lifetime_value,
    case
        when avg(health_score) >= 60 then 'good'
        when avg(health_score) >= 35 then 'fair'
        else 'poor'
    end                                                 as health
from {{ ref('crm_contacts') }}
group by account_id
