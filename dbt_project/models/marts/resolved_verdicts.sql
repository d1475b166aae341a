select
    response_id,
    criterion_id,
    verdict,
    judge_kind,
    n_labels,
    agreement,
    batch_version
from {{ ref('int_verdicts__resolved') }}
where {{ is_new_batch('batch_version') }}
