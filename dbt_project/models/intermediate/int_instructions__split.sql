{{ config(materialized="table") }}
-- An instruction that no split was drawn for keeps a NULL split: it is no training or benchmark material, but never lost.
-- One that curation has said nothing about is not kept: left out is what can be seen, and a test demands a row for each.
-- No text here: the table is joined often.
with rounds as (

    select
        instruction_id,
        max(review_id) as review_round
    from {{ ref('stg_raw__criteria') }}
    group by instruction_id

)

select
    instructions.instruction_id,
    instructions.source,
    instructions.source || coalesce('/' || rounds.review_round, '') as batch,
    curated.representative_id,
    curated.similarity,
    curated.merged_by,
    curated.category,
    curated.specialty,
    curated.difficulty,
    curated.difficulty_scorer,
    curated.excluded_because,
    coalesce(curated.kept, false) as kept,
    splits.cluster_id,
    splits.split
from {{ ref('stg_raw__instructions') }} as instructions
left join {{ ref('stg_raw__curated_instructions') }} as curated on curated.instruction_id = instructions.instruction_id
left join {{ ref('stg_raw__instruction_splits') }} as splits on splits.instruction_id = instructions.instruction_id
left join rounds on rounds.instruction_id = instructions.instruction_id
