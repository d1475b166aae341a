select
    verdicts.response_id,
    verdicts.criterion_id,
    verdicts.verdict,
    verdicts.judge,
    verdicts.judge_kind,
    verdicts.evidence,
    criteria.batch_version
from {{ ref('stg_raw__verdicts') }} as verdicts
inner join {{ ref('int_criteria__accepted') }} as criteria on criteria.criterion_id = verdicts.criterion_id
where {{ is_new_batch('criteria.batch_version') }}
