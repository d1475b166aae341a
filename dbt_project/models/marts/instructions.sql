select
    texts.instruction_id,
    texts.source,
    texts.source_row,
    texts.text,
    texts.license,
    instructions.category,
    instructions.specialty,
    instructions.difficulty,
    instructions.difficulty_scorer,
    instructions.cluster_id,
    instructions.split,
    instructions.representative_id,
    instructions.similarity,
    instructions.merged_by,
    instructions.excluded_because,
    instructions.kept,
    batches.batch_version
from {{ ref('stg_raw__instructions') }} as texts
inner join {{ ref('int_instructions__split') }} as instructions
    on instructions.instruction_id = texts.instruction_id
inner join {{ ref('int_batches__versioned') }} as batches on batches.batch = instructions.batch
where {{ is_new_batch('batches.batch_version') }}
