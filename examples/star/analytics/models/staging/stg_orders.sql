-- The orders of both shops up to today. The cafe's are moved back by 20 years, so that both shops
-- live in the same spring.
with cafe as (
    select
        o.id,
        o.user_id,
        cast(cast(o.order_date as date) - interval '20 years' as date) as ordered_on,
        o.status,
        sum(p.amount)           as cents,
        min(p.payment_method)   as payment_method
    from {{ ref('cafe_orders') }} as o
    inner join {{ ref('cafe_payments') }} as p on p.order_id = o.id
    group by 1, 2, 3, 4
),

both_shops as (
    select
        'cd-' || purchase_id    as order_id,
        'cd-' || customer_id    as customer_id,
        day                     as ordered_on,
        'completed'             as status,
        cents,
        cast(null as varchar)   as payment_method
    from {{ ref('cd_purchases') }}

    union all

    select 'cafe-' || id, 'cafe-' || user_id, ordered_on, status, cents, payment_method
    from cafe
)

select * from both_shops
where ordered_on <= date '{{ var("today") }}'
