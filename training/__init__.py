"""Every stage that computes: models, scores, benchmarks. Imports no assets or orchestration; dagster_pipes in launch.py."""
