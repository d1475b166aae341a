"""Preferences: the frozen snapshots of the warehouse that training and benchmarks read."""
