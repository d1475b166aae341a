-- The rule of training/rubric_score.py `check_weights`. Written as `not (what must hold)` and with NULL replaced, because NULL
-- makes a comparison neither true nor false, and NaN counts as greater than every number in DuckDB.
with rubrics as (

    select
        criteria.instruction_id,
        criteria.rubric_version,
        batches.batch_version,
        count(*) as n_criteria,
        count(*) filter (where tier = 'main') as n_main,
        list_sum(list(coalesce(weight, 'nan'::double) order by criterion_id) filter (where tier = 'main')) as main_weight,
        min(coalesce(weight, 0)) filter (where tier = 'main') as least_main_weight
    from {{ ref('stg_raw__criteria') }} as criteria
    inner join {{ ref('int_instructions__split') }} as instructions
        on instructions.instruction_id = criteria.instruction_id
    inner join {{ ref('int_batches__versioned') }} as batches on batches.batch = instructions.batch
    where {{ is_new_batch('batches.batch_version') }}
    group by criteria.instruction_id, criteria.rubric_version, batches.batch_version

)

select
    *,
    case
        when n_main = 0 then 'no_main_criterion'
        when not (least_main_weight > 0) then 'bad_weights'
        when not (abs(main_weight - 1) <= {{ var('weight_tolerance') }}) then 'bad_weights'
    end as reason
from rubrics
