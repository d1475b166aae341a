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
    assumed,
    batch_version
from {{ ref('int_responses__scored') }}
where {{ is_new_batch('batch_version') }}
