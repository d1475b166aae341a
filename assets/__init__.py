"""The assets of the chain, one folder per noun; only `definitions.py` in each imports dagster."""
