{# Every value of `key` comes with at most one value of the tested column. #}
{% test single_value_per(model, column_name, key) %}
select {{ key }}, count(distinct {{ column_name }}) as n_values
from {{ model }}
where {{ key }} is not null and {{ column_name }} is not null
group by {{ key }}
having count(distinct {{ column_name }}) > 1
{% endtest %}
