-- An instruction whose draft could not be used has no drafted rubric.
select criteria.criterion_id, criteria.instruction_id
from {{ ref('stg_raw__criteria') }} as criteria
inner join {{ ref('stg_raw__draft_quarantine') }} as refused on refused.source_row = criteria.instruction_id
where criteria.origin = 'drafted'
