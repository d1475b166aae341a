select
    instruction_id,
    source,
    source_row,
    text,
    license,
    category,
    specialty,
    difficulty,
    cluster_id,
    split,
    duplicate_of
from {{ ref('int_instructions__split') }}
order by instruction_id
