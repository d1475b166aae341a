{# Incremental by batch. A batch is one source in one review round of its rubrics; its version is a digest over the batch's raw
   rows and the SQL of the models (int_batches__versioned). Every row of an incremental model carries the version it was made
   from, so a table says by itself what it holds: rows of versions that are no more are deleted, versions it lacks are made.
   No list of what was built has to be kept in step with the tables, whatever fails half way. #}

{# By name and not by ref(), which would want a mock of it in every unit test: each incremental model has it among its ancestors,
   those that read raw rows by a join of their own. #}
{% macro present_batches() %}
{{ this.incorporate(path={'identifier': 'int_batches__versioned'}) }}
{%- endmacro %}

{# Before a model: rows of batches that have changed or are gone. #}
{% macro delete_stale_batches() %}
    {%- if is_incremental() -%}
        {%- if 'batch_version' not in adapter.get_columns_in_relation(this) | map(attribute='name') -%}
            {{ exceptions.raise_compiler_error(
                "this warehouse was built by an older version of the project: add --full-refresh, or let `promedical run` rebuild it"
            ) }}
        {%- endif -%}
delete from {{ this }}
where batch_version not in (select batch_version from {{ present_batches() }})
    {%- endif -%}
{% endmacro %}

{# In a model: restricts to the versions that its table lacks. A batch that makes no row is made each time, of nothing. #}
{% macro is_new_batch(column) %}
    {%- if is_incremental() -%}
{{ column }} in (
        select batch_version from {{ present_batches() }}
        where batch_version not in (select batch_version from {{ this }})
    )
    {%- else -%}
true
    {%- endif -%}
{% endmacro %}

{# One number over the rows of a table, whatever their order; unlike `hash`, md5 is the same in every version of DuckDB. #}
{% macro rows_digest(row) %}
bit_xor(md5_number(cast({{ row }} as varchar)))
{%- endmacro %}

{# Digest of the SQL of all models and of the variables they use: an edited model makes every batch anew. #}
{% macro models_digest() %}
    {%- set parts = [var('weight_tolerance'), var('score_tolerance')] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
            {%- do parts.append(node.unique_id ~ node.checksum.checksum) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(local_md5(parts | sort | join(' '))) }}
{% endmacro %}
