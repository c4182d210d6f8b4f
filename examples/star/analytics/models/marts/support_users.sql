select
    customer_id as user_id,
    account_id  as org_id,
    full_name,
    email,
    segment     as tag
from {{ ref('crm_contacts') }}
