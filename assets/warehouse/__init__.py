"""The DuckDB warehouse: dbt builds it from raw tables, and every mart leaves it as Parquet."""
