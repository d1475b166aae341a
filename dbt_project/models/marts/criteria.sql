select
    criterion_id,
    instruction_id,
    tier,
    text,
    weight,
    rubric_version,
    origin,
    review_id,
    batch_version
from {{ ref('int_criteria__accepted') }}
where {{ is_new_batch('batch_version') }}
