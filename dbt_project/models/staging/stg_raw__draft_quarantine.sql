with source as (

    select * from {{ source('raw', 'draft_quarantine') }}

),

renamed as (

    select
        trim(cast(source as varchar)) as source,
        cast(source_row as varchar) as source_row,
        trim(cast(reason as varchar)) as reason,
        cast(raw as varchar) as raw
    from source

)

select * from renamed
