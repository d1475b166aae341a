-- read = accepted + quarantined for the two raw tables that this project itself rejects rows of.
with counts as (
    select
        'raw_criteria' as source,
        (select count(*) from {{ ref('stg_raw__criteria') }}) as n_read,
        (select count(*) from {{ ref('criteria') }}) as n_accepted,
        (select count(*) from {{ ref('quarantine') }} where source = 'raw_criteria') as n_quarantined
    union all
    select
        'raw_verdicts',
        (select count(*) from {{ ref('stg_raw__verdicts') }}),
        (select count(*) from {{ ref('verdicts') }}),
        (select count(*) from {{ ref('quarantine') }} where source = 'raw_verdicts')
)

select * from counts
where n_read <> n_accepted + n_quarantined
