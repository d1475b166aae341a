-- Every unordered pair of responses on every criterion where both verdicts are known and differ, overall ties and undecidable
-- pairs included. The kind is the weaker of the two verdicts': a preference is no better founded than that.
-- Responses to an instruction that curation left out are not compared.
select
    met.instruction_id,
    met.rubric_version,
    met.criterion_id,
    met.tier,
    met.response_id as better_id,
    unmet.response_id as worse_id,
    case
        when {{ weakness('met.judge_kind') }} >= {{ weakness('unmet.judge_kind') }} then met.judge_kind
        else unmet.judge_kind
    end as judge_kind,
    instructions.split,
    met.batch_version
from {{ ref('int_verdicts__resolved') }} as met
inner join {{ ref('int_verdicts__resolved') }} as unmet
    on
        unmet.criterion_id = met.criterion_id
        and unmet.instruction_id = met.instruction_id
        and unmet.rubric_version = met.rubric_version
        and unmet.verdict = 'unmet'
inner join {{ ref('int_instructions__split') }} as instructions on instructions.instruction_id = met.instruction_id
where
    met.verdict = 'met'
    and instructions.kept
    and {{ is_new_batch('met.batch_version') }}
