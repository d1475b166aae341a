-- One verdict per response and criterion of its instruction's rubric. Only the labels of the highest kind present count
-- (an explicit `unknown` among them included): a tie there is unknown, and never falls through to a lower kind.
with labels as (

    select
        response_id,
        criterion_id,
        verdict,
        judge_kind,
        {{ resolution_rank('judge_kind') }} as kind_rank
    from {{ ref('stg_raw__verdicts') }}

),

deciding as (

    select *
    from labels
    qualify kind_rank = min(kind_rank) over (partition by response_id, criterion_id)

),

counted as (

    select
        response_id,
        criterion_id,
        judge_kind,
        count(*) as n_labels,
        count(*) filter (where verdict = 'met') as n_met,
        count(*) filter (where verdict = 'unmet') as n_unmet,
        count(*) filter (where verdict = 'unknown') as n_unknown
    from deciding
    group by response_id, criterion_id, judge_kind

),

resolved as (

    select
        *,
        case
            when judge_kind = 'human' and 2 * n_met > n_labels then 'met'
            when judge_kind = 'human' and 2 * n_unmet > n_labels then 'unmet'
            when n_met = n_labels then 'met'
            when n_unmet = n_labels then 'unmet'
            else 'unknown'
        end as verdict
    from counted

)

select
    responses.response_id,
    criteria.criterion_id,
    responses.instruction_id,
    criteria.rubric_version,
    criteria.tier,
    criteria.weight,
    coalesce(resolved.verdict, 'unknown') as verdict,
    resolved.judge_kind,
    coalesce(resolved.n_labels, 0) as n_labels,
    case resolved.verdict
        when 'met' then resolved.n_met / resolved.n_labels
        when 'unmet' then resolved.n_unmet / resolved.n_labels
        when 'unknown' then resolved.n_unknown / resolved.n_labels
    end as agreement
from {{ ref('stg_raw__responses') }} as responses
inner join {{ ref('int_criteria__accepted') }} as criteria on criteria.instruction_id = responses.instruction_id
left join resolved
    on
        resolved.response_id = responses.response_id
        and resolved.criterion_id = criteria.criterion_id
