select
    criterion_id,
    instruction_id,
    tier,
    text,
    weight,
    rubric_version,
    origin,
    review_id
from {{ ref('int_criteria__accepted') }}
order by criterion_id
