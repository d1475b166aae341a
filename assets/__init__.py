"""The assets of the chain, one folder per noun; only `definitions.py` and interfaces import dagster."""
