-- One verdict per response and criterion of its instruction's rubric. Only the labels of the highest kind present count
-- (an explicit `unknown` among them included): a tie there is unknown, and never falls through to a lower kind.
-- The criteria come first: what belongs to no new batch is never looked at.
with cells as (

    select
        responses.response_id,
        criteria.criterion_id,
        responses.instruction_id,
        criteria.rubric_version,
        criteria.tier,
        criteria.weight,
        criteria.batch_version
    from {{ ref('stg_raw__responses') }} as responses
    inner join {{ ref('int_criteria__accepted') }} as criteria on criteria.instruction_id = responses.instruction_id
    where {{ is_new_batch('criteria.batch_version') }}

),

counted as (

    select
        response_id,
        criterion_id,
        judge_kind,
        {{ resolution_rank('judge_kind') }} as kind_rank,
        count(*) as n_labels,
        count(*) filter (where verdict = 'met') as n_met,
        count(*) filter (where verdict = 'unmet') as n_unmet,
        count(*) filter (where verdict = 'unknown') as n_unknown
    from {{ ref('stg_raw__verdicts') }}
    {%- if is_incremental() %}
    where response_id in (select response_id from cells)
    {%- endif %}
    group by response_id, criterion_id, judge_kind

),

deciding as (

    select
        response_id,
        criterion_id,
        arg_min(judge_kind, kind_rank) as judge_kind,
        arg_min(n_labels, kind_rank) as n_labels,
        arg_min(n_met, kind_rank) as n_met,
        arg_min(n_unmet, kind_rank) as n_unmet,
        arg_min(n_unknown, kind_rank) as n_unknown
    from counted
    group by response_id, criterion_id

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
    from deciding

)

select
    cells.response_id,
    cells.criterion_id,
    cells.instruction_id,
    cells.rubric_version,
    cells.tier,
    cells.weight,
    coalesce(resolved.verdict, 'unknown') as verdict,
    resolved.judge_kind,
    coalesce(resolved.n_labels, 0) as n_labels,
    case resolved.verdict
        when 'met' then resolved.n_met / resolved.n_labels
        when 'unmet' then resolved.n_unmet / resolved.n_labels
        when 'unknown' then resolved.n_unknown / resolved.n_labels
    end as agreement,
    cells.batch_version
from cells
left join resolved
    on
        resolved.response_id = cells.response_id
        and resolved.criterion_id = cells.criterion_id
