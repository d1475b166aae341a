{# The two orders of the kinds of judges. They differ in where `assumed` stands, on purpose:
   an assumption by construction of the data overrules a model's guess on the same verdict, but as evidence behind a
   preference it is the weakest, since it may never enter a metric. #}

{% macro resolution_rank(judge_kind) %}
case {{ judge_kind }}
            when 'adjudicated' then 1
            when 'human' then 2
            when 'construction' then 3
            when 'assumed' then 4
            when 'model' then 5
        end
{%- endmacro %}

{% macro weakness(judge_kind) %}
list_position(['adjudicated', 'human', 'construction', 'model', 'assumed'], {{ judge_kind }})
{%- endmacro %}

{# Splits whose rows enter metrics: nothing in them may rest on an assumed verdict. #}
{% macro is_held_out(split) %}
coalesce({{ split }} in ('benchmark', 'external'), false)
{%- endmacro %}
