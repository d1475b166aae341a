-- Discordant means: the better one on this criterion is the rejected one of a row in preference_pairs. In held-out splits a
-- pair that rests on an assumed verdict is no such row, so that no assumption enters the discordant slice of a metric either.
select
    compared.instruction_id,
    compared.criterion_id,
    compared.tier,
    compared.better_id,
    compared.worse_id,
    pairs.pair_id is not null as discordant,
    compared.judge_kind,
    compared.split,
    compared.batch_version
from {{ ref('int_criterion_pairs__compared') }} as compared
left join {{ ref('preference_pairs') }} as pairs
    on
        pairs.rubric_version = compared.rubric_version
        and pairs.chosen_id = compared.worse_id
        and pairs.rejected_id = compared.better_id
where
    compared.split is not null
    and not ({{ is_held_out('compared.split') }} and compared.judge_kind = 'assumed')
    and {{ is_new_batch('compared.batch_version') }}
