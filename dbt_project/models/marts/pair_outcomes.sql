{{ config(materialized="table") }}
select
    split,
    source,
    outcome,
    count(*) as n_pairs,
    count(*) filter (where assumed > 0) as n_assumed
from {{ ref('int_response_pairs__compared') }}
group by split, source, outcome
