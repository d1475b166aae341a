"""Measuring reward models and policies: metrics, baselines, intervals."""
