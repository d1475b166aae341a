with source as (

    select * from {{ source('raw', 'raw_instructions') }}

),

renamed as (

    select
        trim(cast(instruction_id as varchar)) as instruction_id,
        trim(cast(source as varchar)) as source,
        cast(source_row as varchar) as source_row,
        cast(text as varchar) as text,
        nullif(trim(cast(license as varchar)), '') as license,
        nullif(trim(cast(category as varchar)), '') as category,
        nullif(trim(cast(specialty as varchar)), '') as specialty,
        cast(difficulty as double) as difficulty,
        nullif(trim(cast(source_label as varchar)), '') as source_label
    from source

)

select * from renamed
