with source as (

    select * from {{ source('raw', 'raw_responses') }}

),

renamed as (

    select
        trim(cast(response_id as varchar)) as response_id,
        trim(cast(instruction_id as varchar)) as instruction_id,
        trim(cast(model as varchar)) as model,
        cast(text as varchar) as text,
        cast(sampling as varchar) as sampling,
        cast(attempt as bigint) as attempt
    from source

)

select * from renamed
