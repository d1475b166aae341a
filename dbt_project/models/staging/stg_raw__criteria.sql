with source as (

    select * from {{ source('raw', 'raw_criteria') }}

),

renamed as (

    select
        trim(cast(criterion_id as varchar)) as criterion_id,
        trim(cast(instruction_id as varchar)) as instruction_id,
        lower(trim(cast(tier as varchar))) as tier,
        cast(text as varchar) as text,
        cast(weight as double) as weight,
        trim(cast(rubric_version as varchar)) as rubric_version,
        lower(trim(cast(origin as varchar))) as origin,
        nullif(trim(cast(review_id as varchar)), '') as review_id
    from source

)

select * from renamed
