-- S1, S2 and S3 (Geng et al. 2026), as training/rubric_score.py computes them. NULL means undefined: an unknown verdict of the
-- tier. A tier without criteria counts as 0, and so does one of which nothing is met: sum() over no row would say NULL.
-- list_sum over an ordered list, since a parallel sum of doubles differs in its last bits from run to run.
with counted as (

    select
        response_id,
        instruction_id,
        rubric_version,
        batch_version,
        count(*) filter (where tier = 'main' and verdict = 'unknown') as unknown_main,
        count(*) filter (where tier = 'bonus' and verdict = 'unknown') as unknown_bonus,
        count(*) filter (where tier = 'veto' and verdict = 'unknown') as unknown_veto,
        coalesce(
            list_sum(list(weight order by criterion_id) filter (where tier = 'main' and verdict = 'met')), 0.0::double
        ) as main_met,
        count(*) filter (where tier = 'bonus' and verdict = 'met') as bonus_met,
        count(*) filter (where tier = 'veto' and verdict = 'unmet') as veto_unmet,
        count(*) filter (where judge_kind = 'assumed') as assumed
    from {{ ref('int_verdicts__resolved') }}
    where {{ is_new_batch('batch_version') }}
    group by response_id, instruction_id, rubric_version, batch_version

)

select
    response_id,
    instruction_id,
    rubric_version,
    case when unknown_main = 0 then main_met end as s1,
    case when unknown_bonus = 0 then bonus_met end as s2,
    case when unknown_veto = 0 then veto_unmet end as s3,
    unknown_main,
    unknown_bonus,
    unknown_veto,
    assumed,
    batch_version
from counted
