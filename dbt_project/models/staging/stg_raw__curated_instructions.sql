with source as (

    select * from {{ source('raw', 'curated_instructions') }}

),

renamed as (

    select
        trim(cast(instruction_id as varchar)) as instruction_id,
        trim(cast(representative_id as varchar)) as representative_id,
        cast(similarity as double) as similarity,
        nullif(trim(cast(merged_by as varchar)), '') as merged_by,
        nullif(trim(cast(category as varchar)), '') as category,
        nullif(trim(cast(specialty as varchar)), '') as specialty,
        cast(difficulty as double) as difficulty,
        nullif(trim(cast(difficulty_scorer as varchar)), '') as difficulty_scorer,
        nullif(trim(cast(excluded_because as varchar)), '') as excluded_because,
        cast(kept as boolean) as kept
    from source

)

select * from renamed
