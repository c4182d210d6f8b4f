select customer_id, email
from {{ ref('email_profiles') }}
where wants_winback and lifetime_value >= 50
