-- Fewer S3 wins, then higher S1, then higher S2 (Geng et al. 2026), as training/rubric_score.py `lexicographic_order` has it: a
-- tier is looked at only when the tiers above it tie, so an undefined S1 matters only where S3 ties, an undefined S2 only where
-- S1 ties too, and an undefined S3 always. Responses to an instruction that curation left out are not compared.
with pairs as (

    select
        first_response.instruction_id,
        first_response.rubric_version,
        first_response.batch_version,
        first_response.response_id as first_id,
        second_response.response_id as second_id,
        first_response.assumed + second_response.assumed as assumed,
        second_response.s3 - first_response.s3 as veto_lead,
        first_response.s1 - second_response.s1 as main_lead,
        first_response.s2 - second_response.s2 as bonus_lead
    from {{ ref('int_responses__scored') }} as first_response
    inner join {{ ref('int_responses__scored') }} as second_response
        on
            second_response.instruction_id = first_response.instruction_id
            and second_response.rubric_version = first_response.rubric_version
            and second_response.response_id > first_response.response_id
    where {{ is_new_batch('first_response.batch_version') }}

),

decided as (

    select
        *,
        case
            when veto_lead is null then 'undecidable'
            when veto_lead <> 0 then 'veto'
            when main_lead is null then 'undecidable'
            when abs(main_lead) > {{ var('score_tolerance') }} then 'main'
            when bonus_lead is null then 'undecidable'
            when bonus_lead <> 0 then 'bonus'
            else 'tie'
        end as outcome,
        cast(
            case outcome when 'veto' then veto_lead when 'main' then main_lead when 'bonus' then bonus_lead end as double
        ) as signed_margin
    from pairs

)

select
    decided.instruction_id,
    decided.rubric_version,
    decided.first_id,
    decided.second_id,
    decided.outcome,
    case when signed_margin > 0 then first_id when signed_margin < 0 then second_id end as better_id,
    case when signed_margin > 0 then second_id when signed_margin < 0 then first_id end as worse_id,
    abs(signed_margin) as margin,
    decided.assumed,
    instructions.source,
    instructions.split,
    decided.batch_version
from decided
inner join {{ ref('int_instructions__split') }} as instructions on instructions.instruction_id = decided.instruction_id
where instructions.kept
