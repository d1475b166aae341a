select
    responses.response_id,
    responses.instruction_id,
    responses.model,
    responses.text,
    responses.sampling,
    responses.attempt,
    batches.batch_version
from {{ ref('stg_raw__responses') }} as responses
inner join {{ ref('int_instructions__split') }} as instructions
    on instructions.instruction_id = responses.instruction_id
inner join {{ ref('int_batches__versioned') }} as batches on batches.batch = instructions.batch
where {{ is_new_batch('batches.batch_version') }}
