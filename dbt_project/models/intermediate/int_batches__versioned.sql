{{ config(materialized="table") }}
-- Over whole rows, so that a column added to staging counts without being named here. Two equal rows would cancel each other
-- out in a digest by xor: the count beside it tells, and staging's tests refuse them.
{% set tables = {
    'instructions': ref('stg_raw__instructions'),
    'curation': ref('int_instructions__split'),
    'criteria': ref('stg_raw__criteria'),
    'responses': ref('stg_raw__responses')
} %}
with digests as (

    {% for name, table in tables.items() %}
    select
        instructions.batch,
        '{{ name }}' as part,
        count(*) as n_rows,
        {{ rows_digest('part_rows') }} as digest
    from {{ table }} as part_rows
    inner join {{ ref('int_instructions__split') }} as instructions
        on instructions.instruction_id = part_rows.instruction_id
    group by instructions.batch
    union all
    {% endfor %}
    select
        instructions.batch,
        'verdicts' as part,
        count(*) as n_rows,
        {{ rows_digest('part_rows') }} as digest
    from {{ ref('stg_raw__verdicts') }} as part_rows
    inner join {{ ref('stg_raw__responses') }} as responses on responses.response_id = part_rows.response_id
    inner join {{ ref('int_instructions__split') }} as instructions
        on instructions.instruction_id = responses.instruction_id
    group by instructions.batch

)

select
    batch,
    max(n_rows) filter (where part = 'instructions') as n_instructions,
    batch || '@' || md5(
        '{{ models_digest() }} ' || string_agg(concat_ws(':', part, n_rows, digest), ' ' order by part)
    ) as batch_version
from digests
group by batch
