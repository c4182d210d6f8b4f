-- The people of both shops under one kind of id. E-mail addresses, the names of those of the CD
-- shop, and who works for which company are made up.
select
    'cd-' || customer_id          as customer_id,
    'cds'                         as shop,
    'Customer'                    as first_name,
    cast(customer_id as varchar)  as last_name,
    'customer-' || customer_id || '@example.com' as email,
    'company-' || (customer_id % 97) as account_id
from (select distinct customer_id from {{ ref('cd_purchases') }}) as buyers

union all

select
    'cafe-' || id,
    'cafe',
    first_name,
    last_name,
    lower(first_name) || '.' || id || '@example.com',
    'company-' || (97 + id % 3)
from {{ ref('cafe_customers') }}
