select
    criteria.*,
    rubrics.batch_version
from {{ ref('stg_raw__criteria') }} as criteria
inner join {{ ref('int_rubrics__checked') }} as rubrics
    on
        rubrics.instruction_id = criteria.instruction_id
        and rubrics.rubric_version = criteria.rubric_version
where
    rubrics.reason is null
    and {{ is_new_batch('rubrics.batch_version') }}
