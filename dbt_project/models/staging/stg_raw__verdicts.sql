with source as (

    select * from {{ source('raw', 'raw_verdicts') }}

),

renamed as (

    select
        trim(cast(response_id as varchar)) as response_id,
        trim(cast(criterion_id as varchar)) as criterion_id,
        lower(trim(cast(verdict as varchar))) as verdict,
        trim(cast(judge as varchar)) as judge,
        lower(trim(cast(judge_kind as varchar))) as judge_kind,
        cast(evidence as varchar) as evidence
    from source

)

select * from renamed
