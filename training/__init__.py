"""Every stage that computes: models, scores, benchmarks. Never imports dagster (but for `launch.py`), assets or orchestration."""
