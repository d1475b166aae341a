"""The frames that suites look at: each row of a checked table, beside what the other tables say it should be.

What belongs here: SQL over the exported marts. A suite runs on pandas and sees one frame, so joins and recomputed scores are
made here, from the marts alone and not by the models of `dbt_project`, which they are to find at fault. A value that would make
an expectation look away (it skips NULL and NaN) is turned into one that fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from training.rubric_score import SCORE_TOLERANCE
from training.snapshot import TABLES

if TYPE_CHECKING:
    import pandas as pd

CRITERIA = """
with weighted as (
    select *, case when tier = 'main' then if(isfinite(weight), weight, 0) end as main_weight from criteria
),
rubrics as (
    select
        instruction_id,
        count(distinct rubric_version) as rubric_versions,
        coalesce(sum(main_weight), 0) as rubric_weight
    from weighted group by instruction_id
)
select
    w.criterion_id, w.instruction_id, w.rubric_version, w.tier, w.origin, w.main_weight, r.rubric_weight, r.rubric_versions,
    length(trim(w.text)) as text_length, i.instruction_id as known_instruction
from weighted w
left join rubrics r on r.instruction_id = w.instruction_id
left join instructions i on i.instruction_id = w.instruction_id
"""

# Full join: a response without a verdict on a criterion of its rubric shows as a row without a verdict. A wrong score is shown
# once per response, on its first row.
RESOLVED_VERDICTS = """
with expected as (
    select r.response_id, c.criterion_id from responses r join criteria c on c.instruction_id = r.instruction_id
),
found as (
    select
        coalesce(v.response_id, e.response_id) as response_id, coalesce(v.criterion_id, e.criterion_id) as criterion_id,
        v.verdict, v.judge_kind, v.n_labels, v.agreement
    from resolved_verdicts v
    full join expected e on e.response_id = v.response_id and e.criterion_id = v.criterion_id
),
joined as (
    select
        f.*, c.tier, c.weight, c.instruction_id as criterion_instruction, r.instruction_id as response_instruction,
        f.verdict is null or f.verdict not in ('met', 'unmet') as is_open,
        row_number() over (partition by f.response_id order by f.criterion_id) = 1 as is_first
    from found f
    left join criteria c on c.criterion_id = f.criterion_id
    left join responses r on r.response_id = f.response_id
),
recomputed as (
    select
        response_id,
        case
            when count_if(tier = 'main' and is_open) = 0
            then coalesce(sum(weight) filter (tier = 'main' and verdict = 'met'), 0)
        end as s1,
        if(count_if(tier = 'bonus' and is_open) = 0, count_if(tier = 'bonus' and verdict = 'met'), null) as s2,
        if(count_if(tier = 'veto' and is_open) = 0, count_if(tier = 'veto' and verdict = 'unmet'), null) as s3
    from joined group by response_id
)
select
    j.response_id, j.criterion_id, j.verdict, j.judge_kind, j.n_labels, j.agreement,
    j.response_instruction, j.criterion_instruction,
    case when j.judge_kind is null then j.verdict end as verdict_of_nobody,
    case when j.tier = 'veto' and j.is_open then s.s3 end as s3_beside_unknown,
    s.response_id as scored_response,
    if(j.is_first, if((s.s1 is null) <> (e.s1 is null), 1, coalesce(abs(s.s1 - e.s1), 0)), null) as s1_error,
    if(j.is_first, if((s.s2 is null) <> (e.s2 is null), 1, coalesce(abs(s.s2 - e.s2), 0)), null) as s2_error,
    if(j.is_first, if((s.s3 is null) <> (e.s3 is null), 1, coalesce(abs(s.s3 - e.s3), 0)), null) as s3_error
from joined j
left join recomputed e on e.response_id = j.response_id
left join response_scores s on s.response_id = j.response_id
"""

PREFERENCE_PAIRS = f"""
with clusters as (
    select cluster_id, count(distinct split) as cluster_splits from instructions where split is not null group by cluster_id
),
compared as (
    select
        p.*, a.assumed as chosen_assumed, b.assumed as rejected_assumed,
        a.rubric_version as chosen_version, b.rubric_version as rejected_version,
        case
            when a.s3 is null or b.s3 is null then 'undecidable'
            when a.s3 <> b.s3 then 'veto'
            when a.s1 is null or b.s1 is null then 'undecidable'
            when abs(a.s1 - b.s1) > {SCORE_TOLERANCE} then 'main'
            when a.s2 is null or b.s2 is null then 'undecidable'
            when a.s2 <> b.s2 then 'bonus'
            else 'tie'
        end as expected_tier,
        case expected_tier
            when 'veto' then b.s3 - a.s3 when 'main' then a.s1 - b.s1 when 'bonus' then a.s2 - b.s2
        end as lead_of_chosen
    from preference_pairs p
    left join response_scores a on a.response_id = p.chosen_id
    left join response_scores b on b.response_id = p.rejected_id
)
select
    c.pair_id, c.instruction_id, c.chosen_id, c.rejected_id, c.decided_by, c.margin, c.split, c.rubric_version,
    c.expected_tier, c.chosen_version, c.rejected_version, i.split as instruction_split, k.cluster_splits,
    coalesce(i.kept, false) as instruction_kept,
    x.instruction_id as chosen_instruction, y.instruction_id as rejected_instruction,
    concat_ws(' ', least(c.chosen_id, c.rejected_id), greatest(c.chosen_id, c.rejected_id)) as unordered_pair,
    case
        when c.lead_of_chosen > 0 then c.chosen_id when c.lead_of_chosen < 0 then c.rejected_id else c.expected_tier
    end as better_id,
    coalesce(abs(c.margin - abs(c.lead_of_chosen)), 1) as margin_error,
    case
        when i.split in ('benchmark', 'external') then coalesce(c.chosen_assumed, 0) + coalesce(c.rejected_assumed, 0)
    end as held_out_assumed
from compared c
left join instructions i on i.instruction_id = c.instruction_id
left join clusters k on k.cluster_id = i.cluster_id
left join responses x on x.response_id = c.chosen_id
left join responses y on y.response_id = c.rejected_id
"""

CRITERION_PREFERENCES = """
with clusters as (
    select cluster_id, count(distinct split) as cluster_splits from instructions where split is not null group by cluster_id
),
kinds as (select ['adjudicated', 'human', 'construction', 'model', 'assumed'] as strongest_first),
differences as (
    select met.criterion_id, met.response_id as better_id, unmet.response_id as worse_id
    from resolved_verdicts met
    join resolved_verdicts unmet on unmet.criterion_id = met.criterion_id and unmet.verdict = 'unmet'
    join criteria c on c.criterion_id = met.criterion_id
    join instructions i on i.instruction_id = c.instruction_id and i.kept and i.split is not null
    where
        met.verdict = 'met'
        and not coalesce(i.split in ('benchmark', 'external') and 'assumed' in (met.judge_kind, unmet.judge_kind), false)
),
rows as (
    select *, true as listed from criterion_preferences
    union all by name
    -- A row left out would show nowhere else: what could stand there stands for it.
    select *, false as listed from differences anti join criterion_preferences using (criterion_id, better_id, worse_id)
)
-- Nobody said whether what is left out is discordant; NULL among booleans would stop the rule that compares them.
select * replace (case when listed then discordant else better_is_rejected end as discordant)
from (
    select
        p.listed, p.criterion_id, p.instruction_id, p.better_id, p.worse_id, p.tier, p.judge_kind, p.split, p.discordant,
        concat_ws(' ', p.criterion_id, least(p.better_id, p.worse_id), greatest(p.better_id, p.worse_id)) as unordered_pair,
        b.verdict as better_verdict, w.verdict as worse_verdict,
        strongest_first[greatest(list_position(strongest_first, b.judge_kind), list_position(strongest_first, w.judge_kind))]
            as weaker_judge_kind,
        c.tier as criterion_tier, c.instruction_id as criterion_instruction,
        x.instruction_id as better_instruction, y.instruction_id as worse_instruction,
        i.split as instruction_split, k.cluster_splits, coalesce(i.kept, false) as instruction_kept,
        case when i.split in ('benchmark', 'external') then p.judge_kind end as held_out_judge_kind,
        exists (from preference_pairs o where o.chosen_id = p.worse_id and o.rejected_id = p.better_id) as better_is_rejected
    from rows p
    cross join kinds
    left join resolved_verdicts b on b.response_id = p.better_id and b.criterion_id = p.criterion_id
    left join resolved_verdicts w on w.response_id = p.worse_id and w.criterion_id = p.criterion_id
    left join criteria c on c.criterion_id = p.criterion_id
    left join responses x on x.response_id = p.better_id
    left join responses y on y.response_id = p.worse_id
    left join instructions i on i.instruction_id = p.instruction_id
    left join clusters k on k.cluster_id = i.cluster_id
)
"""


def build_frame(query: str, tables: Mapping[str, Path]) -> pd.DataFrame:
    """The rows of a frame's query over the marts.

    Args:
        query: one of the queries above.
        tables: mart → its Parquet file, for every table of a snapshot.
    """
    import duckdb

    connection = duckdb.connect()
    try:
        connection.execute("set enable_progress_bar = false")
        for table in TABLES:
            connection.read_parquet(str(tables[table])).create_view(table)
        return connection.execute(query).df()
    finally:
        connection.close()
