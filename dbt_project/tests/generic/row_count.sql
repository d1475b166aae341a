{# Exactly `n` rows. #}
{% test row_count(model, n) %}
select count(*) as n_rows from {{ model }} having count(*) <> {{ n }}
{% endtest %}
