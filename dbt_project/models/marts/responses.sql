select
    response_id,
    instruction_id,
    model,
    text,
    sampling,
    attempt
from {{ ref('stg_raw__responses') }}
order by response_id
