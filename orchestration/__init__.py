"""Wiring only: what runs where, when and for whom. No domain logic."""
