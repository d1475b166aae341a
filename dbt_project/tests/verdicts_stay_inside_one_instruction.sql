-- A label joins a response and a criterion of the same instruction.
select verdicts.response_id, verdicts.criterion_id
from {{ ref('stg_raw__verdicts') }} as verdicts
inner join {{ ref('stg_raw__responses') }} as responses on responses.response_id = verdicts.response_id
inner join {{ ref('stg_raw__criteria') }} as criteria on criteria.criterion_id = verdicts.criterion_id
where responses.instruction_id <> criteria.instruction_id
