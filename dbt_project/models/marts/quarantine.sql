{{ config(materialized="table") }}
-- What adapters rejected and what of language models' drafts could not be used, and below them what this project rejects: whole
-- rubrics, with the labels that were given under them.
with rejected_rubrics as (

    select *
    from {{ ref('int_rubrics__checked') }}
    where reason is not null

),

rejected_criteria as (

    select
        criteria.*,
        rejected_rubrics.reason
    from {{ ref('stg_raw__criteria') }} as criteria
    inner join rejected_rubrics
        on
            rejected_rubrics.instruction_id = criteria.instruction_id
            and rejected_rubrics.rubric_version = criteria.rubric_version

),

unioned as (

    select source, source_row, reason, raw
    from {{ ref('stg_raw__quarantine') }}
    union all
    select source, source_row, reason, raw
    from {{ ref('stg_raw__draft_quarantine') }}
    union all
    select
        'raw_criteria',
        criterion_id,
        reason,
        cast(to_json({
            'instruction_id': instruction_id,
            'rubric_version': rubric_version,
            'tier': tier,
            'text': text,
            'weight': cast(weight as varchar),
            'origin': origin,
            'review_id': review_id
        }) as varchar)
    from rejected_criteria
    union all
    select
        'raw_verdicts',
        concat_ws('|', verdicts.response_id, verdicts.criterion_id, verdicts.judge, verdicts.judge_kind),
        rejected_criteria.reason,
        cast(to_json({'verdict': verdicts.verdict, 'evidence': verdicts.evidence}) as varchar)
    from {{ ref('stg_raw__verdicts') }} as verdicts
    inner join rejected_criteria on rejected_criteria.criterion_id = verdicts.criterion_id

)

select source, source_row, reason, raw
from unioned
