select
    response_id,
    instruction_id,
    rubric_version,
    s1,
    s2,
    s3,
    unknown_main,
    unknown_bonus,
    unknown_veto,
    assumed
from {{ ref('int_responses__scored') }}
order by response_id
