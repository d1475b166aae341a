"""Verdicts: what people and models say of responses."""
