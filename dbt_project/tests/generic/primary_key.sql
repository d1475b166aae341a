{# unique and not_null in one query: a test costs a tenth of a second whatever it looks at. #}
{% test primary_key(model, column_name) %}
select {{ column_name }}, count(*) as n_rows
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ column_name }} is null
{% endtest %}
