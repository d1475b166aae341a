select
    'pair_' || substr(sha256(concat_ws('|', rubric_version, better_id, worse_id)), 1, 16) as pair_id,
    instruction_id,
    rubric_version,
    better_id as chosen_id,
    worse_id as rejected_id,
    outcome as decided_by,
    margin,
    split,
    batch_version
from {{ ref('int_response_pairs__compared') }}
where
    outcome in ('veto', 'main', 'bonus')
    and split is not null
    and not ({{ is_held_out('split') }} and assumed > 0)
    and {{ is_new_batch('batch_version') }}
