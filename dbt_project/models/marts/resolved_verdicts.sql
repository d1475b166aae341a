select
    response_id,
    criterion_id,
    verdict,
    judge_kind,
    n_labels,
    agreement
from {{ ref('int_verdicts__resolved') }}
order by response_id, criterion_id
