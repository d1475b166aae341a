-- An instruction that no split was drawn for keeps a NULL split: it is no training or benchmark material, but never lost.
select
    instructions.*,
    splits.cluster_id,
    splits.split
from {{ ref('stg_raw__instructions') }} as instructions
left join {{ ref('stg_raw__instruction_splits') }} as splits on splits.instruction_id = instructions.instruction_id
