with source as (

    select * from {{ source('raw', 'instruction_splits') }}

),

renamed as (

    select
        trim(cast(instruction_id as varchar)) as instruction_id,
        nullif(trim(cast(cluster_id as varchar)), '') as cluster_id,
        nullif(trim(cast(split as varchar)), '') as split
    from source

)

select * from renamed
